//! Windows over event time: tumbling windows per series with revisions and late output.

mod accumulators;
mod aggregates;
mod bytes;
mod columns;
mod fold;
mod pane;
mod snapshot;
mod spec;
mod tumbling;

pub use columns::{Batch, Columns};
pub(crate) use spec::glob;
pub use spec::{Aggregate, AggregateSet, Spec};
pub use tumbling::{Counts, Tumbling};
