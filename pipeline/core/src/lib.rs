//! The pure heart of Floodmark: series tables, watermarks, windows, and the ports (traits) that the outside implements,
//! with their conformance suites.
//!
//! Nothing here knows a clock, a file, a socket or a random number: what comes out is a function of what goes in.

pub mod alert;
pub mod anomaly;
pub mod assignment;
pub mod by_source;
pub mod cascade;
pub mod conformance;
pub mod error;
pub mod expression;
pub mod id;
pub mod ports;
pub mod project;
pub mod result_sets;
pub mod selection;
pub mod series_table;
pub mod upstream;
pub mod watermark;
pub mod window;

pub use by_source::BySource;
pub use error::{Error, Kind, Result};
