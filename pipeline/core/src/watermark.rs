//! Watermarks: how far event time has come, per source and for the partition.
//!
//! A source's watermark is the greatest of its event times (none counts as later than log time + the future limit) less
//! its disorder, or a promise it made, whichever is later. The partition's is the least over its active sources. A source
//! that has not been seen for longer than the idle timeout of **log** time is left out until it is seen again; a source
//! that has ended is left out until it sends again. When no source is left, silence must not keep results back: the windows
//! that are open fire, up to the latest time that was reached.

use std::collections::BTreeMap;

use floodmark_schemas::FrameHeader;

/// What is known of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its id.
    pub name: String,
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

/// How far the partition's watermark may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No source can say: it stays.
    Hold,
    /// To this time.
    To(i64),
    /// No source is active: to the end of the window of this time, the latest that was reached.
    PastWindowOf(i64),
    /// All sources have ended: to the end of the last window.
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

/// The sources of a partition in order of first appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    list: Vec<Progress>,
    by_name: BTreeMap<String, u32>,
}

impl Sources {
    /// The index of a source, if it is known.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The index of a source, which is known from now on.
    pub fn enter(&mut self, name: &str, log_time: i64) -> u32 {
        if let Some(index) = self.find(name) {
            return index;
        }
        let (reached, watermark) = (i64::MIN, i64::MIN);
        self.add(Progress { name: name.to_owned(), epoch: 0, number: None, reached, watermark, seen: log_time, ended: false });
        self.list.len() as u32 - 1
    }

    /// Adds a source that is not known yet.
    pub(crate) fn add(&mut self, progress: Progress) {
        self.by_name.insert(progress.name.clone(), self.list.len() as u32);
        self.list.push(progress);
    }

    /// All sources in order.
    pub fn list(&self) -> &[Progress] {
        &self.list
    }

    /// One source.
    pub fn get(&self, source: u32) -> &Progress {
        &self.list[source as usize]
    }

    /// Whether a frame is new. A gap before the first frame of a source is none: retention may have taken what was there.
    pub fn freshness(&self, header: &FrameHeader) -> Freshness {
        let Some(source) = self.find(&header.source).map(|i| self.get(i)) else { return Freshness::Fresh(0) };
        let Some(last) = source.number else { return Freshness::Fresh(0) };
        if header.epoch < source.epoch || header.epoch == source.epoch && header.number <= last {
            return Freshness::Stale;
        }
        Freshness::Fresh(header.number.saturating_sub(last.saturating_add(1)))
    }

    /// Takes note of a frame that was stored at `log_time`, before its events.
    pub fn see(&mut self, header: &FrameHeader, log_time: i64) -> u32 {
        let index = self.enter(&header.source, log_time);
        let source = &mut self.list[index as usize];
        (source.epoch, source.number, source.seen) = (header.epoch, Some(header.number), log_time);
        if header.count > 0 {
            source.ended = false;
        } else if let Some(promise) = header.watermark {
            source.ended = promise.micros() == i64::MAX;
            self.promise(index, promise.micros());
        }
        index
    }

    /// Takes note of a promise in a tick. It does not bring a source back that has ended.
    pub fn tick(&mut self, name: &str, promise: i64, log_time: i64) {
        let index = self.enter(name, log_time);
        self.list[index as usize].seen = log_time;
        self.promise(index, promise);
    }

    fn promise(&mut self, index: u32, promise: i64) {
        let source = &mut self.list[index as usize];
        if promise == i64::MAX {
            source.ended = true;
        } else {
            source.watermark = source.watermark.max(promise);
        }
    }

    /// Takes note of an event time, already limited to what log time allows, and returns the source's watermark.
    pub fn observe(&mut self, source: u32, time: i64, disorder_us: i64) -> i64 {
        let source = &mut self.list[source as usize];
        source.reached = source.reached.max(time);
        source.watermark = source.watermark.max(time.saturating_sub(disorder_us));
        source.watermark
    }

    /// The least watermark of the active sources other than `source`; [`i64::MAX`] when there is none.
    pub fn others(&self, source: u32, log_time: i64, idle_timeout_us: i64) -> i64 {
        let others = self.list.iter().enumerate().filter(|(i, _)| *i != source as usize).map(|(_, s)| s);
        others.filter(|s| s.is_active(log_time, idle_timeout_us)).map(|s| s.watermark).min().unwrap_or(i64::MAX)
    }

    /// How far the partition's watermark may go at `log_time`.
    pub fn reach(&self, log_time: i64, idle_timeout_us: i64) -> Reach {
        let active = self.list.iter().filter(|s| s.is_active(log_time, idle_timeout_us));
        if let Some(least) = active.map(|s| s.watermark).min() {
            return Reach::To(least);
        }
        match self.list.iter().map(|s| s.reached).max() {
            None | Some(i64::MIN) => Reach::Hold,
            Some(_) if self.list.iter().all(|s| s.ended) => Reach::Everything,
            Some(reached) => Reach::PastWindowOf(reached),
        }
    }
}

impl Progress {
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
        sources.tick("b", 60, 22);
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
        sources.tick("a", 200, 0);
        assert_eq!(sources.reach(0, 10), Reach::Everything);
        sources.see(&frame("a", 1, 3, 1), 0);
        assert_eq!(sources.reach(0, 10), Reach::To(200));
    }
}
