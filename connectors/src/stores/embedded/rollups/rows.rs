//! The rows in the entries of jobs.
//!
//! [`JobEntry`] says what an entry is. Its tagged enums cost several microseconds an output, so entries are first read
//! by a plain view of the same JSON, in place and with each series parsed once; whatever the view does not understand
//! is read as a [`JobEntry`], which has the last word.

use std::borrow::Cow;
use std::sync::Arc;

use floodmark_core::Error;
use floodmark_core::ports::Entry;
use floodmark_schemas::commit::{Late, Output};
use floodmark_schemas::{Aggregates, DeadLetter, Definition, JobEntry, Series, Timestamp, Window};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::stores::embedded::dead_letters;
use crate::stores::embedded::series_ids::identity;

/// What entries hold.
#[derive(Default)]
pub(in crate::stores) struct Rows<'a> {
    /// Every series that a row names, with its source.
    pub(in crate::stores) series: Vec<(Cow<'a, str>, Arc<Series>)>,
    pub(in crate::stores) rollups: Vec<RollupRow<'a>>,
    pub(in crate::stores) late: Vec<LateRow<'a>>,
    pub(in crate::stores) dead: Vec<DeadLetter>,
    /// Where the series with this source and spelling stands in `series`.
    spellings: HashMap<u128, usize, FixedState>,
}

/// A rollup whose series stands in [`Rows::series`].
pub(in crate::stores) struct RollupRow<'a> {
    pub(in crate::stores) operator: Cow<'a, str>,
    pub(in crate::stores) version: Cow<'a, str>,
    pub(in crate::stores) series: usize,
    pub(in crate::stores) window: Window,
    pub(in crate::stores) revision: u32,
    pub(in crate::stores) id: Cow<'a, str>,
    pub(in crate::stores) aggregates: Aggregates,
}

/// A late event with the version of the operator that said so.
#[derive(Debug, PartialEq)]
pub(in crate::stores) struct LateRow<'a> {
    pub(in crate::stores) version: &'a str,
    pub(in crate::stores) late: Late,
}

#[derive(Deserialize)]
struct EntryView<'a> {
    schema: &'a str,
    #[serde(borrow, default)]
    outputs: Vec<OutputView<'a>>,
}

/// The fields of all outputs.
#[derive(Deserialize)]
struct OutputView<'a> {
    kind: &'a str,
    operator: &'a str,
    source: &'a str,
    #[serde(borrow)]
    series: &'a RawValue,
    id: Option<&'a str>,
    version: Option<&'a str>,
    window: Option<Window>,
    revision: Option<u32>,
    aggregates: Option<Aggregates>,
    time: Option<Timestamp>,
    value: Option<f64>,
    position: Option<u64>,
    index: Option<u32>,
}

impl<'a> Rows<'a> {
    /// The rows of `entries`; those that cannot be read are dead letters of `sink`.
    pub(in crate::stores) fn of(sink: &str, entries: &'a [Entry]) -> Self {
        let mut rows = Self::default();
        for entry in entries {
            let (rollups, late) = (rows.rollups.len(), rows.late.len());
            if rows.view(entry).is_none() {
                rows.rollups.truncate(rollups);
                rows.late.truncate(late);
                rows.read(sink, entry);
            }
        }
        rows
    }

    /// Reads an entry by the view; `None` when that cannot be done.
    fn view(&mut self, entry: &'a Entry) -> Option<()> {
        let of = version(entry);
        let entry: EntryView<'a> = serde_json::from_slice(&entry.body).ok()?;
        if entry.schema != "floodmark.commit.v1" {
            return None;
        }
        for output in entry.outputs {
            let OutputView { kind, operator, source, series, id, version, window, revision, aggregates, time, value, position, index } =
                output;
            // Scores have a sink of their own.
            if kind == "score" {
                continue;
            }
            let series = self.series(source, series.get())?;
            match kind {
                "rollup" => {
                    let (operator, version, id) = (Cow::Borrowed(operator), Cow::Borrowed(version?), Cow::Borrowed(id?));
                    let (window, revision, aggregates) = (window?, revision?, aggregates?);
                    self.rollups.push(RollupRow { operator, version, series, window, revision, id, aggregates });
                }
                "late" => {
                    let (operator, source, series) = (operator.to_owned(), source.to_owned(), self.series[series].1.clone());
                    let late = Late { operator, source, series, time: time?, value: value?, position: position?, index: index? };
                    self.late.push(LateRow { version: of, late });
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn series(&mut self, source: &'a str, text: &'a str) -> Option<usize> {
        let identity = identity(source, text);
        if let Some(at) = self.spellings.get(&identity) {
            return Some(*at);
        }
        self.series.push((Cow::Borrowed(source), Arc::new(Series::from_key(text).ok()?)));
        self.spellings.insert(identity, self.series.len() - 1);
        Some(self.series.len() - 1)
    }

    /// Reads an entry as what it is.
    fn read(&mut self, sink: &str, entry: &'a Entry) {
        match serde_json::from_slice::<JobEntry>(&entry.body) {
            Ok(JobEntry::Claim(_)) => {}
            Ok(JobEntry::Commit(commit)) => commit.outputs.into_iter().for_each(|output| match output {
                Output::Late(late) => self.late.push(LateRow { version: version(entry), late }),
                // Scores have a sink of their own, and alerts are no rows of results.
                Output::Score(_) | Output::Alert(_) => {}
                Output::Rollup(r) => {
                    self.series.push((Cow::Owned(r.source), r.series));
                    let (operator, version, id) = (Cow::Owned(r.operator), Cow::Owned(r.version), Cow::Owned(r.id));
                    let (series, window, revision, aggregates) = (self.series.len() - 1, r.window, r.revision, r.aggregates);
                    self.rollups.push(RollupRow { operator, version, series, window, revision, id, aggregates });
                }
            }),
            Err(e) => self.dead.push(dead_letters::of_entry(sink, entry, &Error::rejected("reading a commit").because(e))),
        }
    }
}

/// The definition that an entry is of.
fn version(entry: &Entry) -> &str {
    Definition::of(&entry.headers).map_or("", |definition| definition.version)
}

#[cfg(test)]
mod tests {
    use floodmark_core::conformance::store::{commit_entry, entry};
    use floodmark_schemas::{Availability, Rollup};
    use proptest::prelude::*;

    use super::*;

    fn output() -> impl Strategy<Value = Output> {
        let text = || prop_oneof!["[a-z]{1,3}", "\\PC{0,4}", Just("a\"b\\".to_owned())];
        let series = (text(), text(), prop::collection::btree_map(text(), text(), 0..3));
        let series = series.prop_map(|(metric, unit, labels)| Arc::new(Series { metric, unit, labels }));
        let number = || prop::option::of(-1e300f64..1e300);
        let values = (any::<u32>(), number(), number(), prop::collection::btree_map("0\\.[0-9]{1,3}", -1e9f64..1e9, 0..3));
        (text(), text(), series, any::<i32>(), values).prop_map(|(operator, source, series, at, (n, sum, last, quantiles))| {
            let time = Timestamp::from_micros(i64::from(at) * 1_000_001);
            if n % 7 == 0 {
                return Output::Late(Late { operator, source, series, time, value: f64::from(at), position: u64::from(n), index: n });
            }
            let window = Window { start: time, end: time.plus_micros(i64::from(n)) };
            let availability = sum.map(|up| Availability { up, observed: 0.5 });
            let (rate, distinct) = (last, (n % 3 == 0).then_some(u64::from(n)));
            let aggregates =
                Aggregates { count: u64::from(n), sum, last, quantiles, rate, distinct, availability, ..Aggregates::default() };
            let (id, version) = (format!("{n:032x}"), format!("{n:08x}"));
            Output::Rollup(Rollup { id, operator, version, source, series, window, revision: n, aggregates })
        })
    }

    /// The outputs of rows: rollups, then late events.
    fn outputs(rows: Rows<'_>) -> (Vec<Rollup>, Vec<Late>) {
        let rollup = |row: RollupRow<'_>| {
            let (source, series) = rows.series[row.series].clone();
            let RollupRow { operator, version, window, revision, id, aggregates, .. } = row;
            let (id, operator, version, source) = (id.into_owned(), operator.into_owned(), version.into_owned(), source.into_owned());
            Rollup { id, operator, version, source, series, window, revision, aggregates }
        };
        (rows.rollups.into_iter().map(rollup).collect(), rows.late.into_iter().map(|row| row.late).collect())
    }

    proptest! {
        #[test]
        fn the_view_reads_what_is_in_a_commit(commits in prop::collection::vec(prop::collection::vec(output(), 0..6), 0..4)) {
            let entries: Vec<Entry> = (1..).zip(&commits).map(|(n, outputs)| commit_entry(n, "w", outputs.clone())).collect();
            let mut expected = (Vec::new(), Vec::new());
            for output in commits.into_iter().flatten() {
                match output {
                    Output::Rollup(rollup) => expected.0.push(rollup),
                    Output::Late(late) => expected.1.push(late),
                    Output::Score(_) | Output::Alert(_) => {}
                }
            }
            let mut read = Rows::default();
            entries.iter().for_each(|entry| read.read("rollups", entry));
            prop_assert_eq!(outputs(read), expected.clone());
            prop_assert_eq!(outputs(Rows::of("rollups", &entries)), expected);
        }
    }

    #[test]
    fn plain_commits_are_read_by_the_view_and_all_else_is_not() {
        let series = Arc::new(Series::new("load").label("host", "a"));
        let (id, window) = ("1".repeat(32), Window { start: Timestamp::from_secs(0), end: Timestamp::from_secs(9) });
        let (operator, version, source, aggregates) = ("w".into(), "00000001".into(), "host".into(), Aggregates::default());
        let plain =
            commit_entry(1, "w", vec![Output::Rollup(Rollup { id, operator, version, source, series, window, revision: 0, aggregates })]);
        assert!(Rows::default().view(&plain).is_some());
        let text = String::from_utf8(plain.body.to_vec()).unwrap();
        for (from, to) in [("commit.v1", "commit.v2"), ("\"rollup\"", "\"sum\""), ("\"metric\"", "\"name\""), ("\"revision\"", "\"rev\"")] {
            let changed = [entry(1, "floodmark.outputs.w.0", text.replace(from, to))];
            let rows = Rows::of("rollups", &changed);
            assert_eq!((rows.rollups.len(), rows.dead.len()), (0, 1), "{from} to {to}");
        }
    }
}
