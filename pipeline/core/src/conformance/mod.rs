//! Conformance suites: what every implementation of a port must do, as code that the implementation's tests run.
//!
//! A suite knows the port and a fixture that makes implementations, nothing else: no runtime, no clock, no files.

pub mod alerts;
pub mod lease;
pub mod log;
pub mod store;
