//! Which aggregates there are.

/// One aggregate of a window that needs no settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aggregate {
    /// How many events; always there.
    Count,
    /// Their sum.
    Sum,
    /// Sum divided by count.
    Mean,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// Standard deviation of the population.
    Stddev,
    /// The value with the earliest event time.
    First,
    /// The value with the latest event time.
    Last,
    /// Last less first.
    Delta,
    /// By how much a counter grew.
    Increase,
    /// By how much a counter grew in a second.
    Rate,
}

impl Aggregate {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Count,
        Self::Sum,
        Self::Mean,
        Self::Min,
        Self::Max,
        Self::Stddev,
        Self::First,
        Self::Last,
        Self::Delta,
        Self::Increase,
        Self::Rate,
    ];

    /// Those for which a slot of fixed size is enough, whatever the values are: the default of [`AggregateSet`].
    pub const USUAL: [Self; 8] = [Self::Count, Self::Sum, Self::Mean, Self::Min, Self::Max, Self::Stddev, Self::First, Self::Last];

    /// The name, as in configuration and rollups.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Stddev => "stddev",
            Self::First => "first",
            Self::Last => "last",
            Self::Delta => "delta",
            Self::Increase => "increase",
            Self::Rate => "rate",
        }
    }

    /// Whether it says something only of one series: what comes first, last or between neighbours means nothing when series
    /// are mixed.
    pub fn is_of_one_series(self) -> bool {
        matches!(self, Self::First | Self::Last | Self::Delta | Self::Increase | Self::Rate)
    }

    /// The aggregate of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}

/// A set of aggregates; [`Aggregate::USUAL`] by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateSet(u16);

impl AggregateSet {
    /// Whether `aggregate` is in the set.
    pub fn has(self, aggregate: Aggregate) -> bool {
        self.0 & (1 << aggregate as u16) != 0
    }
}

impl Default for AggregateSet {
    fn default() -> Self {
        Aggregate::USUAL.into_iter().collect()
    }
}

/// The count is in every set.
impl FromIterator<Aggregate> for AggregateSet {
    fn from_iter<I: IntoIterator<Item = Aggregate>>(aggregates: I) -> Self {
        let count = 1 << Aggregate::Count as u16;
        Self(aggregates.into_iter().fold(count, |bits, a| bits | 1 << a as u16))
    }
}

/// By what values are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// By themselves.
    Value,
    /// By a label of the series they came with. Only series that are grouped over this label have more than one.
    Label(String),
}

/// What is asked of the greatest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    /// How many are named; 1 to [`super::super::TOP_MAX`].
    pub k: usize,
    /// Of what.
    pub by: By,
    /// What makes one great.
    pub of: Amount,
}

/// What makes one of the greatest great.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// How many values there were.
    Count,
    /// Their sum; values below 0 add nothing.
    Sum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_aggregates_read_back() {
        for aggregate in Aggregate::ALL {
            assert_eq!(Aggregate::from_name(aggregate.name()), Some(aggregate));
        }
        let set: AggregateSet = [Aggregate::Rate].into_iter().collect();
        assert!(set.has(Aggregate::Rate) && set.has(Aggregate::Count) && !set.has(Aggregate::Increase));
        assert!(!AggregateSet::default().has(Aggregate::Delta) && AggregateSet::default().has(Aggregate::Last));
    }
}
