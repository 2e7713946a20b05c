//! Windows over event time: tumbling, hopping, session and calendar windows per series or group of series, with revisions
//! and late output.

mod accumulators;
mod aggregates;
mod aligned;
mod body;
mod books;
mod bytes;
mod calendar;
mod columns;
mod early;
mod fold;
mod grid;
mod grouping;
mod hopping;
mod numbers;
mod one_series;
mod operator;
mod pane;
mod per_series;
mod session;
mod shape;
mod snapshot;
mod spec;
mod view;

pub use aggregates::{Aggregate, AggregateSet, Amount, By, Top};
pub use books::Counts;
pub(crate) use calendar::Calendar;
pub use calendar::{Unit, Zone, tzdb_version};
pub use columns::{Batch, Columns};
pub(crate) use grid::Grid;
pub use operator::Windows;
pub use shape::{PANES_MAX, Shape, panes};
pub(crate) use spec::glob;
pub use spec::{BUCKETS_MAX, Spec, TOP_MAX};
