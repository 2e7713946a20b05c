//! What windows of every shape keep: who sends, which series there are, what was counted; and how they write outputs.

use std::time::Duration;

use floodmark_schemas::{
    Aggregates, Rollup, Timestamp, Window,
    commit::{Late, Output},
};

use super::{accumulators::Accumulators, columns::Batch, grouping::Grouping, spec::Spec};
use crate::{
    id::RollupIds,
    ports::{Entry, Outputs},
    series_table::SeriesTable,
    watermark::Sources,
};

/// What has been counted since the start of the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events taken.
    pub events: u64,
    /// Numbers that came after a window of theirs was gone.
    pub late: u64,
    /// Numbers with a time later than the future limit allows.
    pub future: u64,
    /// Numbers skipped because there were too many series. They are still in the event log.
    pub overflow: u64,
    /// Frames that never came.
    pub missing: u64,
    /// Numbers left out because the formula of a derived value made nothing finite of them.
    pub undefined: u64,
}

/// The books of one operator.
pub(super) struct Books {
    pub spec: Spec,
    pub sources: Sources,
    pub table: SeriesTable,
    pub counts: Counts,
    pub grouping: Option<Grouping>,
    ids: RollupIds,
    version: String,
    pub idle_timeout_us: i64,
    pub future_limit_us: i64,
}

/// Whole microseconds.
pub(super) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).expect("the spec allows at most a century")
}

impl Books {
    pub fn new(spec: Spec) -> Self {
        Self {
            sources: Sources::default(),
            table: SeriesTable::default(),
            counts: Counts::default(),
            grouping: spec.group_by.as_ref().map(|labels| Grouping::new(labels)),
            ids: RollupIds::new(&spec.operator, spec.version, spec.partition),
            idle_timeout_us: micros(spec.idle_timeout),
            future_limit_us: micros(spec.future_limit),
            version: format!("{:08x}", spec.version),
            spec,
        }
    }

    /// The partition of an entry: an operator that groups series reads all of them, any other reads its own.
    pub fn partition(&self, entry: &Entry) -> u32 {
        let own = self.spec.partition;
        if self.grouping.is_none() { own } else { entry.subject.split('.').nth(2).and_then(|p| p.parse().ok()).unwrap_or(own) }
    }

    /// The least watermark of the active lanes other than `lane`.
    pub fn others(&self, lane: u32, log_time: i64) -> i64 {
        self.sources.others(lane, log_time, self.idle_timeout_us)
    }

    /// Emits what a slot holds as a revision of a window of a series.
    pub fn emit(&mut self, id: u32, window: (i64, i64), revision: u32, from: (&Accumulators, usize), outputs: &mut Outputs) {
        let aggregates = from.0.read(from.1, window.0, window.1);
        self.emit_values(id, window, revision, aggregates, outputs);
    }

    /// Emits a revision that says that there is no such window any more.
    pub fn retract(&mut self, id: u32, window: (i64, i64), revision: u32, outputs: &mut Outputs) {
        self.emit_values(id, window, revision, Aggregates::default(), outputs);
    }

    /// Emits a revision of these values.
    pub fn emit_values(&mut self, id: u32, (start, end): (i64, i64), revision: u32, aggregates: Aggregates, outputs: &mut Outputs) {
        let (source, key) = (&self.sources.names()[self.table.source(id) as usize], self.table.key(id));
        outputs.push(Output::Rollup(Rollup {
            id: self.ids.id(source, key, start, end, revision),
            operator: self.spec.operator.clone(),
            version: self.version.clone(),
            source: source.clone(),
            series: self.table.series(id),
            window: Window { start: Timestamp::from_micros(start), end: Timestamp::from_micros(end) },
            revision,
            aggregates,
        }));
    }

    /// Sends one row to the late output.
    pub fn emit_late(&mut self, batch: &Batch<'_>, row: usize, outputs: &mut Outputs) {
        let columns = batch.columns;
        self.counts.late += 1;
        outputs.push(Output::Late(Late {
            operator: self.spec.operator.clone(),
            source: self.sources.name_of(batch.lane).to_owned(),
            series: self.table.series(columns.series[row]),
            time: Timestamp::from_micros(columns.time[row]),
            value: columns.value[row],
            position: batch.position,
            index: columns.index[row],
        }));
    }

    /// Adds the value of a row to a slot.
    #[inline]
    pub fn add(&self, accumulators: &mut Accumulators, slot: usize, batch: &Batch<'_>, row: usize) {
        let columns = batch.columns;
        let (time, value) = (columns.time[row], columns.value[row]);
        match &self.grouping {
            Some(grouping) if !columns.member.is_empty() => accumulators.add_of(slot, time, value, grouping.labels(columns.member[row])),
            _ => accumulators.add(slot, time, value),
        }
    }
}
