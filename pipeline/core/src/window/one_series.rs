//! Window after window of one series, as late events ask for them.

use super::{
    accumulators::{Accumulators, Layout},
    hopping::{Halves, Split, range},
    pane::Panes,
    view::View,
};

/// Windows of one series and one boundary, by means of a [`View`] where one knows them: it merges what all series have in
/// common, and only what lies between is merged here.
pub(super) struct OneSeries<'a> {
    panes: &'a Panes,
    id: u32,
    early: Chain,
    late: Accumulators,
    /// The first pane that is not in the late half.
    next: i64,
}

/// The steps of an early half: each begins with a pane. They are merged one out of the other, so they lie by turns in two columns.
struct Chain {
    columns: [Accumulators; 2],
    panes: Vec<i64>,
}

impl<'a> OneSeries<'a> {
    /// For windows from `first` to `last`, which have one boundary; a view must reach both.
    pub fn new(panes: &'a Panes, id: u32, (first, last): (Split, Split), view: Option<&View>) -> Self {
        let mut late = Accumulators::sealed(panes.layout().clone());
        late.push();
        let mut early = Chain::new(panes.layout());
        let (mut since, mut next) = (first.boundary, first.boundary);
        if let Some(view) = view {
            let (known, edge) = view.early(id, last.from);
            known.into_iter().for_each(|half| early.push(edge, half));
            let (known, end) = view.late(id, first.to);
            known.into_iter().for_each(|(from, slot)| late.merge(0, from, slot));
            (since, next) = (edge, end);
        }
        for pane in range(panes.list(), first.from, since).rev() {
            let slot = pane.find(id);
            slot.into_iter().for_each(|slot| early.push(pane.index, (&pane.accumulators, slot as usize)));
        }
        Self { panes, id, early, late, next }
    }

    /// Goes to a later window.
    pub fn go_to(&mut self, split: Split) {
        self.early.drop_before(split.from);
        for pane in range(self.panes.list(), self.next, split.to) {
            let slot = pane.find(self.id);
            slot.into_iter().for_each(|slot| self.late.merge(0, &pane.accumulators, slot as usize));
        }
        self.next = self.next.max(split.to);
    }

    pub fn halves(&self) -> Halves<'_> {
        (self.early.last(), (self.late.basic[0].count > 0).then_some((&self.late, 0)))
    }
}

impl Chain {
    fn new(layout: &Layout) -> Self {
        let column = || Accumulators::sealed(layout.clone());
        Self { columns: [column(), column()], panes: Vec::new() }
    }

    /// Adds a slot that begins with a pane before all others.
    fn push(&mut self, pane: i64, (from, slot): (&Accumulators, usize)) {
        let steps = self.panes.len();
        let [even, odd] = &mut self.columns;
        let (mine, other) = if steps.is_multiple_of(2) { (even, odd) } else { (odd, even) };
        let fresh = steps / 2;
        mine.push();
        mine.merge(fresh, from, slot);
        if let Some(later) = steps.checked_sub(1) {
            mine.merge(fresh, other, later / 2);
        }
        self.panes.push(pane);
    }

    /// Drops the steps of panes before `from`.
    fn drop_before(&mut self, from: i64) {
        while self.panes.pop_if(|pane| *pane < from).is_some() {}
    }

    /// All that is there, merged.
    fn last(&self) -> Option<(&Accumulators, usize)> {
        let last = self.panes.len().checked_sub(1)?;
        Some((&self.columns[last % 2], last / 2))
    }
}
