//! The pure heart of Floodmark: series tables, watermarks, windows, and the ports (traits) that the outside implements,
//! with their conformance suites.
//!
//! Nothing here knows a clock, a file, a socket or a random number: what comes out is a function of what goes in.

mod aggregate;
pub mod alert;
pub mod anomaly;
pub mod assignment;
pub mod by_source;
pub mod cascade;
pub mod conformance;
pub mod coverage;
pub mod error;
pub mod expression;
pub mod id;
mod lanes;
pub mod ports;
pub mod project;
pub mod result_sets;
pub mod selection;
pub mod series_table;
mod taking;
pub mod upstream;
pub mod watermark;
pub mod window;

pub use by_source::BySource;
pub use error::{Error, Kind, Result};
