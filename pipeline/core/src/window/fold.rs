//! The hot path: a frame's rows into windows.
//!
//! All rows have one lane and one log time, so the other lanes' watermark is one number, and the watermark cannot pass a
//! boundary (where a window fires or goes) before an event time does that is known beforehand. Between such events a row costs
//! one comparison for the clock, one for the window, one look-up of the slot by short cut, and the accumulators.

use super::{
    books::Books,
    columns::{Batch, NONE},
    operator::Windows,
};
use crate::ports::Outputs;

/// How far the watermark is in the middle of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// The least watermark of the other lanes.
    others: i64,
    /// No time counts as later than this.
    cap: i64,
    /// The rows before this one have been observed.
    observed: usize,
}

impl Cursor {
    /// Observes all rows up to and including `row`, and returns the watermark.
    pub fn watermark(&mut self, books: &mut Books, batch: &Batch<'_>, row: usize) -> i64 {
        let times = batch.columns.time.get(self.observed..=row).unwrap_or_default();
        self.observed = self.observed.max(row + 1);
        let time = times.iter().max().map_or(i64::MIN, |time| (*time).min(self.cap));
        books.sources.observe(batch.lane, time, batch.disorder_us).min(self.others)
    }

    /// The least event time that makes the watermark pass a boundary; [`i64::MAX`] when none can in this frame. (An event at
    /// that very time is looked at in vain, which is harmless.)
    fn alarm(&self, boundary: i64, disorder_us: i64) -> i64 {
        let alarm = boundary.saturating_add(disorder_us);
        if self.others < boundary || self.cap < alarm { i64::MAX } else { alarm }
    }
}

impl Windows {
    /// Folds a frame's rows in order; the frame is known to be new and of a source that is taken.
    pub fn fold(&mut self, batch: Batch<'_>, outputs: &mut Outputs) {
        let columns = batch.columns;
        let cap = batch.log_time.saturating_add(self.books.future_limit_us);
        let mut cursor = Cursor { others: self.books.others(batch.lane, batch.log_time), cap, observed: 0 };
        self.body.fit(self.books.table.len());
        self.books.counts.events += columns.events;
        self.books.counts.undefined += columns.undefined;
        self.books.counts.future += columns.time.iter().filter(|time| **time > cap).count() as u64;
        // The frame itself may have brought its source back or let another one fall idle.
        self.follow(batch.log_time, outputs);

        let mut alarm = cursor.alarm(self.body.next(), batch.disorder_us);
        let mut row = 0;
        while row < columns.time.len() {
            if columns.time[row] >= alarm {
                let watermark = cursor.watermark(&mut self.books, &batch, row);
                self.body.advance(&mut self.books, watermark, outputs);
                alarm = cursor.alarm(self.body.next(), batch.disorder_us);
            }
            if columns.series[row] == NONE {
                row += 1;
                continue;
            }
            row = self.body.take(&mut self.books, &batch, &mut cursor, row, alarm, outputs);
            if self.body.boundaries_come_with_events() {
                alarm = cursor.alarm(self.body.next(), batch.disorder_us);
            }
        }
        if let Some(last) = columns.time.len().checked_sub(1) {
            let watermark = cursor.watermark(&mut self.books, &batch, last);
            self.body.advance(&mut self.books, watermark, outputs);
        }
    }
}
