//! Everything that touches the network, the disk or the wall clock: sources, logs and stores.

pub mod clock;
pub mod findings;
pub mod leases;
pub mod logs;
pub mod settings;
pub mod sources;
pub mod stores;
