//! What accumulators are made of: which aggregates there are, and those that need more than a few numbers for a slot.

mod bytes;
mod chain;
mod distinct;
mod exact;
mod labels;
mod more;
mod set;
mod summary;
#[cfg(test)]
mod tests;
mod top;

pub use set::{Aggregate, AggregateSet, Amount, By, Top};

pub(super) use labels::Labels;
pub(super) use more::{More, Wanted};
