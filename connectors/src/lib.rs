//! Everything that touches network, disk or the wall clock: sources, logs, stores, notifiers.

pub mod stores;
