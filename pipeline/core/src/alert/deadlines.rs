//! When something happens to series of a source although nothing comes of them, by event time.

use std::collections::BTreeSet;

/// The deadlines of each source. One that holds no more may stand in it: who takes it asks the series.
#[derive(Debug, Default)]
pub(super) struct Deadlines(Vec<BTreeSet<(i64, u32)>>);

impl Deadlines {
    /// Something happens to a series of a source then.
    pub fn add(&mut self, source: u32, time: i64, id: u32) {
        let at = source as usize;
        if self.0.len() <= at {
            self.0.resize_with(at + 1, BTreeSet::new);
        }
        self.0[at].insert((time, id));
    }

    /// Whether a deadline of a source is earlier than `time`.
    #[inline]
    pub fn is_due(&self, source: u32, time: i64) -> bool {
        self.0.get(source as usize).and_then(BTreeSet::first).is_some_and(|(at, _)| *at < time)
    }

    /// The earliest deadline of a source, if it is earlier than `time`, with all series that it is of.
    pub fn take(&mut self, source: u32, time: i64) -> Option<(i64, Vec<u32>)> {
        let of_source = self.0.get_mut(source as usize)?;
        let at = of_source.first().map(|(at, _)| *at).filter(|at| *at < time)?;
        let mut ids = Vec::new();
        while let Some((_, id)) = of_source.first().copied().filter(|(next, _)| *next == at) {
            of_source.pop_first();
            ids.push(id);
        }
        Some((at, ids))
    }

    /// Forgets all, because the numbers of series have changed.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
