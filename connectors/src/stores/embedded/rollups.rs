//! The sink of outputs: rollups by their highest revision, and late events.

pub(in crate::stores::embedded) mod more;
pub(in crate::stores) mod rows;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Entry, Position, Sink, Standing};
use rusqlite::{Transaction, params};

use super::error::Doing;
use super::position::{self, Turn};
use super::result_sets::{self, Kind};
use super::series_ids::SeriesIds;
use super::{Inner, Store, dead_letters};
use rows::{LateRow, RollupRow, Rows};

/// Keeps the outputs in the commits of `floodmark.outputs.>`: rollups in the table `rollup`, late events in `late`.
///
/// A rollup replaces one of a lower revision and is ignored beside one of the same or a higher revision, so the rows do not
/// depend on the order of the entries. Those of another definition of the operator stand beside it (see
/// [`floodmark_core::result_sets`]). Claims are passed. An entry that cannot be read becomes a dead letter.
pub struct Rollups {
    store: Store,
    sink: String,
}

impl Rollups {
    /// A sink that keeps its position under the name `sink`.
    pub fn new(store: Store, sink: impl Into<String>) -> Self {
        Self { store, sink: sink.into() }
    }
}

#[async_trait]
impl Sink for Rollups {
    async fn standing(&self) -> Result<Standing> {
        let sink = self.sink.clone();
        self.store.read(move |snapshot| position::of(snapshot, &sink)).await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        let (sink, entries) = (self.sink.clone(), entries.to_vec());
        self.store.blocking(move |inner| write(inner, &sink, &entries, from, to)).await
    }
}

fn write(inner: &Inner, sink: &str, entries: &[Entry], from: Position, to: Position) -> Result<()> {
    let rows = Rows::of(sink, entries);
    inner.transaction(|transaction, series| {
        if position::advance(transaction, sink, entries, from, to)? == Turn::Done {
            return Ok(());
        }
        result_sets::follow(transaction, Kind::Rollup, entries)?;
        upsert(transaction, series, &rows)?;
        rows.late.iter().try_for_each(|late| insert_late(transaction, series, late))?;
        rows.dead.iter().try_for_each(|letter| dead_letters::insert(transaction, letter))
    })
}

const UPSERT: &str = "INSERT INTO rollup (operator, series_id, window_start_us, window_end_us, revision, id, \
     count, sum, mean, min, max, stddev, first, last, quantiles, version, more) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
     ON CONFLICT (operator, version, series_id, window_start_us, window_end_us) DO UPDATE SET revision = excluded.revision, id = excluded.id, \
     count = excluded.count, sum = excluded.sum, mean = excluded.mean, min = excluded.min, max = excluded.max, \
     stddev = excluded.stddev, first = excluded.first, last = excluded.last, quantiles = excluded.quantiles, \
     more = excluded.more WHERE excluded.revision > rollup.revision";

fn upsert(transaction: &Transaction<'_>, series: &mut SeriesIds, rows: &Rows<'_>) -> Result<()> {
    let ids = rows.series.iter().map(|(source, named)| series.id(transaction, source, named)).collect::<Result<Vec<i64>>>()?;
    let mut sorted: Vec<&RollupRow<'_>> = rows.rollups.iter().collect();
    // In the order of the key each page of the table is touched once.
    sorted.sort_by(|a, b| {
        let (a, b) = ((&a.operator, &a.version, ids[a.series], a.window), (&b.operator, &b.version, ids[b.series], b.window));
        a.cmp(&b)
    });
    let mut statement = transaction.prepare_cached(UPSERT).doing("writing rollups")?;
    for row in sorted {
        let RollupRow { operator, version, series, window, revision, id, aggregates: a } = row;
        let quantiles = (!a.quantiles.is_empty()).then(|| serde_json::to_string(&a.quantiles).expect("numbers by name are JSON"));
        let (series_id, start, end, count) = (ids[*series], window.start.micros(), window.end.micros(), a.count.cast_signed());
        let values = params![
            operator,
            series_id,
            start,
            end,
            revision,
            id,
            count,
            a.sum,
            a.mean,
            a.min,
            a.max,
            a.stddev,
            a.first,
            a.last,
            quantiles,
            version,
            more::text(a)
        ];
        statement.execute(values).doing("writing rollups")?;
    }
    Ok(())
}

fn insert_late(transaction: &Transaction<'_>, series: &mut SeriesIds, row: &LateRow<'_>) -> Result<()> {
    let LateRow { version, late } = row;
    let id = series.id(transaction, &late.source, &late.series)?;
    let sql = "INSERT INTO late (operator, position, event_index, series_id, time_us, value, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
               ON CONFLICT DO NOTHING";
    let mut statement = transaction.prepare_cached(sql).doing("writing late events")?;
    let row = params![late.operator, late.position.cast_signed(), late.index, id, late.time.micros(), late.value, version];
    statement.execute(row).doing("writing late events")?;
    Ok(())
}
