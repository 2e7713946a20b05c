//! The binary's own room: configuration, command line, API, and what puts the parts together.

pub mod cli;
pub mod config;
