//! What tests across crates need.

pub mod support;
