//! The binary's own room: configuration, command line, API, and what puts the parts together.

pub mod api;
pub mod assemble;
pub mod backtest;
pub mod bench;
pub mod bundle;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod incidents;
pub mod migrate;
pub mod replay;
pub mod telemetry;
pub mod testing;
pub mod top;
