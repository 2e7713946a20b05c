//! Series that are brought together by some of their labels.

use super::accumulators::Layout;
use super::aggregates::Labels;
use crate::series_table::SeriesTable;

/// Which series belong to which group. It can be made anew from the series at any time and is never part of the state.
#[derive(Clone, Debug)]
pub(super) struct Grouping {
    labels: Vec<String>,
    /// The series that came.
    members: SeriesTable,
    /// For each of them the series that stands for its group.
    groups: Vec<u32>,
    /// For each of them what aggregates ask of its labels; empty when they ask nothing.
    asked: Vec<Labels>,
}

/// How many series are remembered before all are forgotten and met anew.
pub(super) const MEMBERS_MAX: usize = 1 << 20;

impl Grouping {
    pub fn new(labels: &[String]) -> Self {
        Self { labels: labels.to_vec(), members: SeriesTable::default(), groups: Vec::new(), asked: Vec::new() }
    }

    /// The member that a series is. The series of its group is interned in `table`: it has the metric, the unit and those of
    /// the labels that the member has.
    pub fn member(&mut self, source: u32, key: &str, table: &mut SeriesTable, layout: &Layout) -> u32 {
        let member = self.members.intern(source, key);
        if member as usize == self.groups.len() {
            let mut series = self.members.read(member);
            if layout.asks_labels() {
                self.asked.push(layout.labels(&series));
            }
            series.labels.retain(|name, _| self.labels.contains(name));
            self.groups.push(table.intern(source, &series.key()));
        }
        member
    }

    /// The series that stands for the group of a member.
    #[inline]
    pub fn group(&self, member: u32) -> u32 {
        self.groups[member as usize]
    }

    /// What aggregates ask of the labels of a member.
    pub fn labels(&self, member: u32) -> &Labels {
        &self.asked[member as usize]
    }

    /// How many series it remembers.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Forgets all, because the series of groups have other numbers.
    pub fn reset(&mut self) {
        *self = Self::new(&self.labels);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use floodmark_schemas::Series;

    use super::*;
    use crate::window::Spec;

    #[test]
    fn a_group_keeps_metric_unit_and_the_labels_asked_for() {
        let layout = Layout::of(&Spec::new("w", 0, Duration::from_secs(1)));
        let mut table = SeriesTable::default();
        let mut grouping = Grouping::new(&["zone".to_owned(), "rack".to_owned()]);
        let load = Series::new("load").unit("%");
        for (series, expected) in [
            (load.clone().label("host", "a").label("zone", "1"), load.clone().label("zone", "1")),
            (load.clone().label("host", "b").label("zone", "1"), load.clone().label("zone", "1")),
            (load.clone().label("host", "b").label("zone", "2"), load.clone().label("zone", "2")),
            (load.clone().label("host", "b"), load.clone()),
        ] {
            let member = grouping.member(0, &series.key(), &mut table, &layout);
            assert_eq!(table.read(grouping.group(member)), expected);
        }
        assert_eq!((table.len(), grouping.len()), (3, 4));
    }
}
