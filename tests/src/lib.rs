//! Whatever spans crates: generators, fixtures and harnesses shared by tests and benchmarks.

pub mod engine;
pub mod support;
