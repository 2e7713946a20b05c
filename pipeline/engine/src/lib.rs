//! The loops of Floodmark: what carries events from sources to the log, to operators and to sinks.

pub mod telemetry;
