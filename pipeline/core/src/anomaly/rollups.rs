//! Rollups as what is judged: one aggregate of the windows of another operator.
//!
//! They come in the order in which they were committed, and the end of a window is its time. A window is judged and learnt when it fires. A revision
//! is judged again by what is known then, and nothing is learnt of it, so that a value is learnt once; its score has the revision of the
//! rollup. How a corrected value can still be new although its first one was learnt stands in [`super::recent`].

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Rollup, Timestamp};

use super::operator::{Anomaly, Place};
use super::watch::Change;
use crate::Result;
use crate::aggregate::pick;
use crate::ports::{Entry, Outputs};

impl Anomaly {
    /// Takes an entry of the jobs of the other operator.
    pub(super) fn take_commits(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        let Some(from) = &self.spec.from else { return Ok(()) };
        let upstream = from.upstream.clone();
        upstream.take(entry, &mut self.progress)?;
        while let Some(commit) = upstream.next(&mut self.progress) {
            self.take_rollups(&commit.outputs, outputs);
        }
        Ok(())
    }

    /// Judges the rollups among the outputs of another operator.
    pub fn take_rollups(&mut self, committed: &[Output], outputs: &mut Outputs) {
        for output in committed {
            if let Output::Rollup(rollup) = output {
                self.take_rollup(rollup, outputs);
            }
        }
        if self.watches.compact() {
            self.reset_decoders();
        }
    }

    fn take_rollup(&mut self, rollup: &Rollup, outputs: &mut Outputs) {
        let Some(from) = &self.spec.from else { return };
        if !self.spec.takes_source(&rollup.source) || !self.spec.takes_metric(&rollup.series.metric) {
            return;
        }
        self.counts.events += 1;
        // A session that went into another one has no values left.
        let Some(value) = pick(&rollup.aggregates, &from.aggregate) else { return };
        let source = self.lanes.enter(&rollup.source);
        let id = self.watches.table.intern(source, &rollup.series.key());
        let (start, end) = (rollup.window.start.micros(), rollup.window.end.micros());
        let place = |key| Place { source: &rollup.source, key, time: end, rollup: Some((start, rollup.revision)) };
        if rollup.revision > 0 {
            let Some((table, watch)) = self.watches.find(id) else { return };
            if let Some(verdict) = watch.reconsider(end, value) {
                self.naming.emit(place(table.key(id)), || rollup.series.clone(), verdict, outputs);
            }
            return;
        }
        self.reach(source, rollup.window.end);
        let Self { watches, naming, counts, spec, .. } = self;
        let Some((table, watch)) = watches.find_or_add(id, spec) else {
            counts.overflow += 1;
            return;
        };
        let place = place(table.key(id));
        let verdict = watch.judge(end, value, spec.threshold, |value, revision| naming.id(place, value, revision));
        if let Some(verdict) = verdict {
            counts.episodes += u64::from(verdict.change == Change::Opens);
            naming.emit(place, || rollup.series.clone(), verdict, outputs);
        }
    }

    /// Takes the end of a window as the time that its source has come to.
    fn reach(&mut self, source: u32, end: Timestamp) {
        let (before, reached) = self.lanes.part(source).reach(end.micros());
        self.sweep(source, before, reached);
    }
}
