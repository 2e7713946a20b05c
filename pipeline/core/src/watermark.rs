//! Watermarks: how far event time has come, per source and for the partition.
//!
//! Frames come on lanes: one for each writer (a source, or one shard of it) and partition. Frames are numbered per lane. A
//! lane's watermark is the greatest of its event times (none counts as later than log time + the future limit) less the
//! source's disorder, or a promise, whichever is later. A source's is the least over its active lanes, and that of all the
//! least over all of them. A lane that has not been seen for longer than the idle timeout of **log** time is left out until it
//! is seen again; one that has ended is left out until it is taken over anew or sends. When no lane is left, silence must not keep results
//! back: the windows that are open fire, up to the latest time that was reached.

use std::collections::BTreeMap;

use floodmark_schemas::{FrameHeader, Presence};

/// What is known of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Whose frames they are, and in which partition.
    pub lane: Lane,
    /// The highest epoch seen.
    pub epoch: u64,
    /// The number of its last frame; `None` before the first (known from a tick only).
    pub number: Option<u64>,
    /// Its greatest event time, none counted as later than the future limit allows.
    pub reached: i64,
    /// Its watermark.
    pub watermark: i64,
    /// When it was last seen, in log time.
    pub seen: i64,
    /// Whether it has ended.
    pub ended: bool,
}

/// What frames that are numbered together have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// The source, as [`Sources::names`] numbers it.
    pub source: u32,
    /// Which of its shards, when it is split over processes.
    pub shard: Option<u32>,
    /// The partition.
    pub partition: u32,
}

/// How far the watermark may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No lane can say: it stays.
    Hold,
    /// To this time.
    To(i64),
    /// No lane is active: to the end of the window of this time, the latest that was reached.
    PastWindowOf(i64),
    /// All lanes have ended: to the end of the last window.
    Everything,
}

/// Whether a frame is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is new, after this many frames that never came.
    Fresh(u64),
    /// It was seen before, or its writer has been replaced.
    Stale,
}

/// The sources and their lanes, each in order of first appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    names: Vec<String>,
    by_name: BTreeMap<String, u32>,
    lanes: Vec<Progress>,
    by_lane: BTreeMap<Lane, u32>,
}

/// The source and the shard that a tick means by `name`: `<source>` or `<source>.<shard>`.
pub fn writer(name: &str) -> (&str, Option<u32>) {
    let sharded = name.rsplit_once('.').and_then(|(source, shard)| Some((source, Some(shard.parse().ok()?))));
    sharded.unwrap_or((name, None))
}

impl Sources {
    /// The number of a source, if it is known.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The names of the sources in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of a source, which is known from now on.
    pub(crate) fn name(&mut self, name: &str) -> u32 {
        if let Some(source) = self.find(name) {
            return source;
        }
        let source = self.names.len() as u32;
        self.by_name.insert(name.to_owned(), source);
        self.names.push(name.to_owned());
        source
    }

    /// The index of a lane, which is known from now on.
    pub fn enter(&mut self, name: &str, shard: Option<u32>, partition: u32, log_time: i64) -> u32 {
        let lane = Lane { source: self.name(name), shard, partition };
        if let Some(index) = self.by_lane.get(&lane) {
            return *index;
        }
        let (reached, watermark) = (i64::MIN, i64::MIN);
        self.add(Progress { lane, epoch: 0, number: None, reached, watermark, seen: log_time, ended: false });
        self.lanes.len() as u32 - 1
    }

    /// Adds a lane of a known source; `false` when it is known already.
    pub(crate) fn add(&mut self, progress: Progress) -> bool {
        let fresh = self.by_lane.insert(progress.lane, self.lanes.len() as u32).is_none();
        self.lanes.push(progress);
        fresh
    }

    /// All lanes in order.
    pub fn list(&self) -> &[Progress] {
        &self.lanes
    }

    /// One lane.
    pub fn get(&self, lane: u32) -> &Progress {
        &self.lanes[lane as usize]
    }

    /// The name of the source of a lane.
    pub fn name_of(&self, lane: u32) -> &str {
        &self.names[self.get(lane).lane.source as usize]
    }

    /// Whether a frame is new, to one who reads a single partition.
    pub fn freshness(&self, header: &FrameHeader) -> Freshness {
        self.freshness_in(0, header)
    }

    /// Whether a frame of `partition` is new. A gap before the first frame of a lane is none: retention may have taken what
    /// was there.
    pub fn freshness_in(&self, partition: u32, header: &FrameHeader) -> Freshness {
        let lane = self.find(&header.source).map(|source| Lane { source, shard: header.shard, partition });
        let index = lane.and_then(|lane| self.by_lane.get(&lane));
        let Some(lane) = index.map(|index| self.get(*index)) else { return Freshness::Fresh(0) };
        let Some(last) = lane.number else { return Freshness::Fresh(0) };
        if header.epoch < lane.epoch || header.epoch == lane.epoch && header.number <= last {
            return Freshness::Stale;
        }
        Freshness::Fresh(header.number.saturating_sub(last.saturating_add(1)))
    }

    /// Takes note of a frame, for one who reads a single partition.
    pub fn see(&mut self, header: &FrameHeader, log_time: i64) -> u32 {
        self.see_in(0, header, log_time)
    }

    /// Takes note of a frame of `partition` that was stored at `log_time`, before its events. Returns its lane.
    pub fn see_in(&mut self, partition: u32, header: &FrameHeader, log_time: i64) -> u32 {
        let index = self.enter(&header.source, header.shard, partition, log_time);
        let lane = &mut self.lanes[index as usize];
        // Who takes a writer over starts it again.
        if header.count > 0 || header.epoch > lane.epoch {
            lane.ended = false;
        }
        (lane.epoch, lane.number, lane.seen) = (header.epoch, Some(header.number), log_time);
        if let Some(promise) = header.watermark.filter(|_| header.count == 0) {
            lane.ended = promise.micros() == i64::MAX;
            lane.promise(promise.micros());
        }
        index
    }

    /// Takes note of what a tick in `partition` promises for all lanes of a [`writer`]; if it has none yet, for that in this
    /// partition. It does not bring a lane back that has ended.
    pub fn tick(&mut self, partition: u32, name: &str, promise: i64, log_time: i64) {
        let (source, shard) = writer(name);
        let source = self.name(source);
        let mut known = false;
        for lane in self.lanes.iter_mut().filter(|p| p.lane.source == source && p.lane.shard == shard) {
            known = true;
            lane.seen = log_time;
            lane.promise(promise);
        }
        if !known {
            let lane = Lane { source, shard, partition };
            let mut fresh = Progress { lane, epoch: 0, number: None, reached: i64::MIN, watermark: i64::MIN, seen: log_time, ended: false };
            fresh.promise(promise);
            self.add(fresh);
        }
    }

    /// Takes note of an event time, already limited to what log time allows, and returns the lane's watermark.
    pub fn observe(&mut self, lane: u32, time: i64, disorder_us: i64) -> i64 {
        let lane = &mut self.lanes[lane as usize];
        lane.reached = lane.reached.max(time);
        lane.watermark = lane.watermark.max(time.saturating_sub(disorder_us));
        lane.watermark
    }

    /// The least watermark of the active lanes other than `lane`; [`i64::MAX`] when there is none.
    pub fn others(&self, lane: u32, log_time: i64, idle_timeout_us: i64) -> i64 {
        let others = self.lanes.iter().enumerate().filter(|(i, _)| *i != lane as usize).map(|(_, s)| s);
        others.filter(|s| s.is_active(log_time, idle_timeout_us)).map(|s| s.watermark).min().unwrap_or(i64::MAX)
    }

    /// Whether all lanes that are known have ended.
    pub fn has_ended(&self) -> bool {
        !self.lanes.is_empty() && self.lanes.iter().all(|lane| lane.ended)
    }

    /// How all sources together stand, if more is to be said than their watermark: they have ended, or nothing was seen of
    /// them since before `since` and for longer than the idle timeout.
    pub fn presence(&self, since: i64, log_time: i64, idle_timeout_us: i64) -> Option<Presence> {
        if self.has_ended() {
            return Some(Presence::Ended(self.lanes.iter().map(|lane| lane.epoch).sum()));
        }
        let silent = |lane: &Progress| lane.ended || lane.seen < since && !lane.is_active(log_time, idle_timeout_us);
        (!self.lanes.is_empty() && self.lanes.iter().all(silent)).then_some(Presence::Idle)
    }

    /// How far the watermark may go at `log_time`.
    pub fn reach(&self, log_time: i64, idle_timeout_us: i64) -> Reach {
        let active = self.lanes.iter().filter(|s| s.is_active(log_time, idle_timeout_us));
        if let Some(least) = active.map(|s| s.watermark).min() {
            return Reach::To(least);
        }
        match self.lanes.iter().map(|s| s.reached).max() {
            None | Some(i64::MIN) => Reach::Hold,
            Some(_) if self.has_ended() => Reach::Everything,
            Some(reached) => Reach::PastWindowOf(reached),
        }
    }
}

impl Progress {
    fn promise(&mut self, promise: i64) {
        if promise == i64::MAX {
            self.ended = true;
        } else {
            self.watermark = self.watermark.max(promise);
        }
    }

    fn is_active(&self, log_time: i64, idle_timeout_us: i64) -> bool {
        !self.ended && log_time.saturating_sub(self.seen) <= idle_timeout_us
    }
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::Timestamp;

    use super::*;

    fn frame(source: &str, epoch: u64, number: u64, count: u32) -> FrameHeader {
        FrameHeader { source: source.to_owned(), epoch, number, count, ..FrameHeader::default() }
    }

    fn end(source: &str, number: u64) -> FrameHeader {
        FrameHeader { watermark: Some(Timestamp::MAX), ..frame(source, 1, number, 0) }
    }

    #[test]
    fn frames_of_a_replaced_writer_and_repeated_frames_are_stale() {
        let mut sources = Sources::default();
        assert_eq!(sources.freshness(&frame("a", 1, 7, 1)), Freshness::Fresh(0));
        sources.see(&frame("a", 1, 7, 1), 0);
        for (epoch, number, expected) in [
            (1, 7, Freshness::Stale),
            (1, 6, Freshness::Stale),
            (0, 8, Freshness::Stale),
            (1, 8, Freshness::Fresh(0)),
            (1, 10, Freshness::Fresh(2)),
            (2, 7, Freshness::Fresh(0)),
        ] {
            assert_eq!(sources.freshness(&frame("a", epoch, number, 1)), expected, "{epoch} {number}");
        }
    }

    #[test]
    fn the_slowest_active_source_counts() {
        let mut sources = Sources::default();
        let (a, b) = (sources.see(&frame("a", 1, 1, 1), 0), sources.see(&frame("b", 1, 1, 1), 0));
        assert_eq!(sources.reach(0, 10), Reach::To(i64::MIN));
        assert_eq!(sources.reach(20, 10), Reach::Hold);
        sources.observe(a, 100, 5);
        sources.observe(b, 50, 5);
        assert_eq!((sources.reach(10, 10), sources.others(b, 10, 10)), (Reach::To(45), 95));
        sources.see(&frame("a", 1, 2, 1), 11);
        assert_eq!(sources.reach(11, 10), Reach::To(95));
        assert_eq!(sources.reach(22, 10), Reach::PastWindowOf(100));
        sources.tick(0, "b", 60, 22);
        assert_eq!(sources.reach(22, 10), Reach::To(60));
    }

    #[test]
    fn sources_that_have_ended_do_not_hold_the_others_up() {
        let mut sources = Sources::default();
        let (a, b) = (sources.see(&frame("a", 1, 1, 1), 0), sources.see(&frame("b", 1, 1, 1), 0));
        sources.observe(a, 100, 0);
        sources.observe(b, 50, 0);
        sources.see(&end("b", 2), 0);
        assert_eq!(sources.reach(0, 10), Reach::To(100));
        assert_eq!(sources.reach(20, 10), Reach::PastWindowOf(100));
        sources.see(&end("a", 2), 0);
        assert_eq!(sources.reach(0, 10), Reach::Everything);
        sources.tick(0, "a", 200, 0);
        assert_eq!(sources.reach(0, 10), Reach::Everything);
        sources.see(&frame("a", 1, 3, 1), 0);
        assert_eq!(sources.reach(0, 10), Reach::To(200));
    }

    #[test]
    fn a_source_that_is_taken_over_after_its_end_has_not_ended() {
        let mut sources = Sources::default();
        let a = sources.see(&frame("a", 1, 1, 1), 0);
        sources.observe(a, 100, 0);
        sources.see(&end("a", 2), 0);
        sources.see(&frame("a", 1, 3, 0), 0);
        assert!(sources.has_ended(), "it only marked its cursor");
        sources.see(&frame("a", 2, 4, 0), 0);
        assert_eq!((sources.has_ended(), sources.reach(0, 10)), (false, Reach::To(100)));
    }

    #[test]
    fn how_sources_stand_is_said_when_they_have_ended_or_were_idle_since() {
        let mut sources = Sources::default();
        assert_eq!(sources.presence(5, 20, 10), None);
        let shard = |shard, number| FrameHeader { shard: Some(shard), ..frame("a", 3, number, 1) };
        sources.see(&shard(0, 1), 0);
        sources.see(&shard(1, 1), 4);
        for (since, log_time, expected) in
            [(5, 14, None), (4, 15, None), (5, 15, Some(Presence::Idle)), (0, 100, None), (100, 100, Some(Presence::Idle))]
        {
            assert_eq!(sources.presence(since, log_time, 10), expected, "{since} {log_time}");
        }
        let end = |shard, epoch| FrameHeader { shard: Some(shard), epoch, ..end("a", 9) };
        sources.see(&end(0, 3), 20);
        assert_eq!((sources.presence(10, 20, 10), sources.presence(10, 14, 10)), (Some(Presence::Idle), None));
        sources.see(&end(1, 5), 20);
        assert_eq!(sources.presence(0, 20, 10), Some(Presence::Ended(8)));
    }

    #[test]
    fn shards_and_partitions_number_their_frames_on_their_own() {
        let mut sources = Sources::default();
        let shard = |shard, number| FrameHeader { shard: Some(shard), ..frame("a", 1, number, 1) };
        let lanes = [sources.see_in(0, &shard(0, 5), 0), sources.see_in(0, &shard(1, 5), 0), sources.see_in(3, &shard(1, 5), 0)];
        assert_eq!((lanes, sources.names().len()), ([0, 1, 2], 1));
        for (partition, header, expected) in [
            (0, shard(0, 5), Freshness::Stale),
            (3, shard(1, 6), Freshness::Fresh(0)),
            (3, shard(0, 5), Freshness::Fresh(0)),
            (0, frame("a", 1, 5, 1), Freshness::Fresh(0)),
        ] {
            assert_eq!(sources.freshness_in(partition, &header), expected, "{partition} {header:?}");
        }
    }

    #[test]
    fn a_source_is_as_far_as_its_slowest_lane() {
        let mut sources = Sources::default();
        let lane = |shard, partition| (FrameHeader { shard: Some(shard), ..frame("a", 1, 1, 1) }, partition);
        for (time, (header, partition)) in [(50, lane(0, 0)), (70, lane(1, 0)), (90, lane(1, 3))] {
            let lane = sources.see_in(partition, &header, 0);
            sources.observe(lane, time, 0);
        }
        assert_eq!(sources.reach(0, 10), Reach::To(50));
        sources.tick(0, "a.0", 80, 0);
        assert_eq!(sources.reach(0, 10), Reach::To(70));
        sources.tick(0, "a.1", 75, 0);
        assert_eq!(sources.reach(0, 10), Reach::To(75));
        sources.tick(0, "a.1", 100, 11);
        assert_eq!(sources.reach(11, 10), Reach::To(100), "the first shard is idle, and both lanes of the second are not");
        sources.tick(2, "a.2", 60, 11);
        assert_eq!((sources.reach(11, 10), sources.list()[3].lane), (Reach::To(60), Lane { source: 0, shard: Some(2), partition: 2 }));
    }

    #[test]
    fn names_in_ticks_are_those_of_sources_and_shards() {
        for (name, expected) in [("probe", ("probe", None)), ("probe.12", ("probe", Some(12))), ("a.b", ("a.b", None))] {
            assert_eq!(writer(name), expected);
        }
    }
}
