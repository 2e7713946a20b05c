//! Backends of the event log.

pub mod embedded;
pub mod jetstream;
pub mod memory;
mod newest;
mod options;
#[cfg(test)]
mod testing;

pub use options::Options;
