//! Whatever spans crates: fixtures, oracles and harnesses shared by tests.

pub mod engine;
pub mod oracle;
pub mod servers;
pub mod support;
