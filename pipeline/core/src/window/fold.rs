//! The hot loop: folds the rows of one frame into panes.
//!
//! All rows have one lane and one log time, so the other lanes' watermark is one number, and the watermark cannot pass
//! a window's end before an event time does that is known beforehand. Between such events a row costs one comparison for
//! the clock, one for the window, one look-up of the slot by short cut, and the accumulators.

use super::{
    columns::{Batch, NONE},
    tumbling::Tumbling,
};
use crate::ports::Outputs;

impl Tumbling {
    /// Folds a frame's rows in order; the frame is known to be new and of a source that is taken.
    pub fn fold(&mut self, batch: Batch<'_>, outputs: &mut Outputs) {
        let columns = batch.columns;
        let cap = batch.log_time.saturating_add(self.future_limit_us);
        let others = self.others(batch.lane, batch.log_time);
        self.panes.fit(self.table.len());
        self.counts.events += columns.events;
        self.counts.future += columns.time.iter().filter(|time| **time > cap).count() as u64;
        // The frame itself may have brought its source back or let another one fall idle.
        self.follow(batch.log_time, outputs);

        let mut alarm = self.alarm(others, cap, batch.disorder_us);
        let mut row = 0;
        while row < columns.time.len() {
            let time = columns.time[row];
            if time >= alarm {
                let own = self.sources.observe(batch.lane, time.min(cap), batch.disorder_us);
                self.advance(own.min(others), outputs);
                alarm = self.alarm(others, cap, batch.disorder_us);
            }
            let index = self.clock.index(time);
            if columns.series[row] == NONE {
                row += 1;
            } else if index < self.clock.gone {
                self.emit_late(&batch, row, outputs);
                row += 1;
            } else if index < self.clock.fired {
                self.revise(&batch, row, index, outputs);
                row += 1;
            } else {
                row = self.fold_run(&batch, row, index, alarm);
            }
        }
        if let Some(last) = columns.time.iter().max() {
            let own = self.sources.observe(batch.lane, (*last).min(cap), batch.disorder_us);
            self.advance(own.min(others), outputs);
        }
    }

    /// The least event time that makes the watermark pass a boundary; [`i64::MAX`] when none can in this frame. (An event at
    /// that very time is looked at in vain, which is harmless.)
    fn alarm(&self, others: i64, cap: i64, disorder_us: i64) -> i64 {
        let boundary = self.clock.next();
        let alarm = boundary.saturating_add(disorder_us);
        if others < boundary || cap < alarm { i64::MAX } else { alarm }
    }

    /// Folds rows from `row` on for as long as they fall into the window `index`, which has not fired, and raise no alarm.
    /// Returns the first row that does not.
    fn fold_run(&mut self, batch: &Batch<'_>, mut row: usize, index: i64, alarm: i64) -> usize {
        let at = self.panes.open(index);
        let (start, end) = self.clock.bounds(index);
        let (pane, mut slots) = self.panes.at(at);
        let columns = batch.columns;
        let rows = columns.time.iter().zip(&columns.series).zip(&columns.value).skip(row);
        let first = row;
        for ((time, series), value) in rows {
            let stays = *time >= start && *time < end && *time < alarm || row == first;
            if !stays || *series == NONE {
                break;
            }
            match slots.find_or_add(pane, *series) {
                Some(slot) => pane.accumulators.add(slot, *time, *value),
                None => self.counts.overflow += 1,
            }
            row += 1;
        }
        row
    }

    /// Takes a late row into a window that has fired.
    fn revise(&mut self, batch: &Batch<'_>, row: usize, index: i64, outputs: &mut Outputs) {
        let at = self.panes.open(index);
        let (pane, mut slots) = self.panes.at(at);
        let columns = batch.columns;
        match slots.find_or_add(pane, columns.series[row]) {
            Some(slot) => {
                pane.accumulators.add(slot, columns.time[row], columns.value[row]);
                self.emit(at, slot, outputs);
            }
            None => self.counts.overflow += 1,
        }
    }
}
