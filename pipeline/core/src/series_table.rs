//! The series table: dense ids for the series that one operator meets.
//!
//! Ids count up in order of first appearance. They are a matter of memory layout only: no output may depend on them,
//! because [`SeriesTable::retain`] gives them anew.

use std::cell::OnceCell;
use std::hash::BuildHasher;
use std::sync::Arc;

use floodmark_schemas::Series;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Interns (source, canonical key) pairs. Keys lie in one buffer: a million series cost no million allocations.
#[derive(Clone, Debug, Default)]
pub struct SeriesTable {
    ids: HashTable<u32>,
    sources: Vec<u32>,
    ends: Vec<usize>,
    keys: String,
    /// What [`SeriesTable::series`] has given out: results of one series share it.
    shared: Vec<OnceCell<Arc<Series>>>,
}

impl SeriesTable {
    /// The id of a series; a new one when it is not known.
    pub fn intern(&mut self, source: u32, key: &str) -> u32 {
        let hash = hash(source, key);
        let Self { ids, sources, ends, keys, shared } = self;
        if let Some(id) = ids.find(hash, |id| sources[*id as usize] == source && text(ends, keys, *id) == key) {
            return *id;
        }
        let id = u32::try_from(ends.len()).expect("fewer than 2^32 series fit into memory");
        keys.push_str(key);
        ends.push(keys.len());
        sources.push(source);
        shared.push(OnceCell::new());
        ids.insert_unique(hash, id, |id| self::hash(sources[*id as usize], text(ends, keys, *id)));
        id
    }

    /// How many series are interned.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The source of a series.
    pub fn source(&self, id: u32) -> u32 {
        self.sources[id as usize]
    }

    /// The canonical key of a series.
    pub fn key(&self, id: u32) -> &str {
        text(&self.ends, &self.keys, id)
    }

    /// A series, whose key must be canonical.
    pub fn series(&self, id: u32) -> Arc<Series> {
        self.shared[id as usize].get_or_init(|| Arc::new(self.read(id))).clone()
    }

    /// The same, for one who changes it.
    pub fn read(&self, id: u32) -> Series {
        let key = self.key(id);
        read_plain(key).unwrap_or_else(|| Series::from_key(key).expect("only keys of series are interned"))
    }

    /// A table of the series for which `keep` holds, in the old order, and the new id of each old one.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(u32) -> bool) -> (Self, Vec<Option<u32>>) {
        let mut table = Self::default();
        let moved = (0..self.len() as u32).map(|id| keep(id).then(|| table.intern(self.source(id), self.key(id))));
        let moved = moved.collect();
        (table, moved)
    }
}

/// Reads a canonical key without escapes, in which every second piece between quotes is a name or a text. Windows fire for
/// thousands of series at once, and this takes a fraction of the time of the general reader.
fn read_plain(key: &str) -> Option<Series> {
    if key.contains('\\') {
        return None;
    }
    let mut pieces = key.strip_prefix("{\"metric\":\"")?.split('"');
    let mut series = Series::new(pieces.next()?);
    let mut between = pieces.next()?;
    if between == "," && pieces.clone().next()? == "unit" {
        series.unit = pieces.nth(2)?.to_owned();
        between = pieces.next()?;
    }
    if between == "," && pieces.next()? == "labels" {
        between = pieces.next()?.strip_prefix(":{")?;
        while between.is_empty() || between == "," {
            let name = pieces.next()?;
            let value = (pieces.next()? == ":").then(|| pieces.next())??;
            series.labels.insert(name.to_owned(), value.to_owned());
            between = pieces.next()?;
        }
        between = between.strip_suffix('}')?;
    }
    (between == "}" && pieces.next().is_none()).then_some(series)
}

fn text<'a>(ends: &[usize], keys: &'a str, id: u32) -> &'a str {
    let id = id as usize;
    &keys[if id == 0 { 0 } else { ends[id - 1] }..ends[id]]
}

/// The seed is fixed: which bucket a series falls into must not differ from run to run.
fn hash(source: u32, key: &str) -> u64 {
    FixedState::with_seed(0x5eed).hash_one((source, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up_in_order_of_first_appearance() {
        let mut table = SeriesTable::default();
        assert_eq!([table.intern(0, "a"), table.intern(1, "a"), table.intern(0, "ab"), table.intern(0, "a")], [0, 1, 2, 0]);
        assert_eq!((table.source(1), table.key(2), table.len()), (1, "ab", 3));
    }

    #[test]
    fn series_come_out_as_they_went_in() {
        let mut table = SeriesTable::default();
        for series in [
            Series::new("m"),
            Series::new("m").unit("By"),
            Series::new("m").label("a", "1"),
            Series::new("m").unit("unit").label("labels", "{").label("unit", ":").label("", ""),
            Series::new("a\"b").unit("c\\").label("d\n", "ü"),
        ] {
            let id = table.intern(0, &series.key());
            assert_eq!(*table.series(id), series);
            assert_eq!(read_plain(table.key(id)).is_some(), !series.key().contains('\\'), "{series}");
        }
        for other in
            ["", "{}", r#"{"metric":"m""#, r#"{"metric":"m"}}"#, r#"{"metric":"m","labels":{"a":"b"}"#, r#"{"metric":"m","x":"y"}"#]
        {
            assert_eq!(read_plain(other), None, "{other}");
        }
    }

    #[test]
    fn retained_series_keep_their_order() {
        let mut table = SeriesTable::default();
        (0..5000).for_each(|i| assert_eq!(table.intern(0, &i.to_string()), i));
        let (kept, moved) = table.retain(|id| id % 2 == 1);
        assert_eq!((kept.len(), kept.key(0), kept.key(2499)), (2500, "1", "4999"));
        assert_eq!((moved[0], moved[1], moved[4999]), (None, Some(0), Some(2499)));
    }
}
