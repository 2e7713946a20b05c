//! How time moves a rule along: by the watermarks of sources, and by silence.

use floodmark_schemas::{Evidence, FrameHeader, subject};

use super::rule::{At, Rule};
use crate::ports::Outputs;

/// How often series are looked through for those to be forgotten.
const SWEEP_US: i64 = 3_600_000_000;

impl Rule {
    /// What has happened to series of a source when its watermark has moved from `before` to `reached`, in the order of their deadlines.
    #[inline]
    pub(super) fn follow(&mut self, source: u32, before: i64, reached: i64, at: At, outputs: &mut Outputs) {
        if self.deadlines.is_due(source, reached) {
            self.pass_deadlines(source, reached, at, outputs);
        }
        let hour = reached.div_euclid(SWEEP_US);
        if reached > before && hour != before.div_euclid(SWEEP_US) {
            let now = hour.saturating_mul(SWEEP_US);
            for id in self.watches.stale(source, now.saturating_sub(self.forget_after_us)) {
                self.give_up(source, id, now, at, outputs);
            }
        }
    }

    fn pass_deadlines(&mut self, source: u32, reached: i64, at: At, outputs: &mut Outputs) {
        while let Some((time, mut ids)) = self.deadlines.take(source, reached) {
            let Self { watches, spec, .. } = self;
            ids.retain(|id| watches.find(*id).is_some_and(|watch| watch.machine.deadline(&spec.timing) == Some(time)));
            ids.sort_unstable_by_key(|id| watches.table.key(*id));
            for id in ids {
                self.pass(source, id, time, true, at, outputs);
            }
        }
    }

    /// Takes note of an entry of the log, before what stands in it, and of the silence up to it.
    pub(super) fn listen(&mut self, at: At, outputs: &mut Outputs) {
        self.silence.listen(at.log_time);
        let Some(span) = self.spec.timing.no_data_for_us else { return };
        let mut due = Vec::new();
        while let Some(id) = self.silence.next() {
            let Self { watches, silence, lanes, .. } = self;
            let source = watches.table.source(id);
            let Some(watch) = watches.find(id).filter(|watch| !watch.machine.has_no_data()) else { continue };
            let since = silence.since(source, watch.heard).saturating_add(span);
            if since >= silence.listened {
                silence.look_at(since, id);
            } else if lanes.part(source).sources.has_ended() {
                silence.look_at(silence.listened.saturating_add(span), id);
            } else {
                due.push((since, source, id));
            }
        }
        let Self { watches, lanes, .. } = self;
        due.sort_unstable_by_key(|(since, source, id)| (*since, lanes.list()[*source as usize].name.as_str(), watches.table.key(*id)));
        for (_, source, id) in due {
            let Self { watches, spec, steps, .. } = self;
            let Some(watch) = watches.find(id) else { continue };
            let deadline = watch.machine.deadline(&spec.timing);
            watch.machine.no_data(watch.newest.saturating_add(span), &spec.timing, steps);
            self.tell(source, id, deadline, || Evidence::Time { position: at.position }, at, outputs);
        }
    }

    /// Takes note of a frame of nobody that it looks at: time has passed, and a tick says how far sources are.
    pub(super) fn take_other(&mut self, header: &FrameHeader, at: At, outputs: &mut Outputs) {
        self.listen(at, outputs);
        if subject::is_ticker(&header.source) {
            self.take_tick(header, at, outputs);
        }
    }

    /// Takes note of what a tick promises.
    fn take_tick(&mut self, header: &FrameHeader, at: At, outputs: &mut Outputs) {
        let standing =
            |rule: &Self| -> Vec<(bool, i64)> { rule.lanes.list().iter().map(|part| (part.sources.has_ended(), part.watermark)).collect() };
        let before = standing(self);
        self.lanes.tick(self.spec.partition, header, at.log_time);
        let after = standing(self);
        for (source, ((had_ended, from), (has_ended, to))) in (0..).zip(before.into_iter().zip(after)) {
            if had_ended && !has_ended {
                self.silence.forgive(source);
            }
            self.follow(source, from, to, at, outputs);
        }
    }

    /// Finds out anew when something happens to series, after their numbers have changed.
    pub(super) fn schedule(&mut self) {
        let Self { watches, silence, deadlines, spec, .. } = self;
        deadlines.clear();
        silence.clear();
        for (id, watch) in watches.all() {
            let source = watches.table.source(id);
            if let Some(deadline) = watch.machine.deadline(&spec.timing) {
                deadlines.add(source, deadline, id);
            }
            if let Some(span) = spec.timing.no_data_for_us.filter(|_| !watch.machine.has_no_data()) {
                silence.look_at(silence.since(source, watch.heard).saturating_add(span), id);
            }
        }
    }
}
