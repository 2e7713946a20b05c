//! Everything that touches the network, the disk or the wall clock: sources, logs, stores and the ways to receivers.

pub mod clock;
pub mod findings;
pub mod leases;
pub mod logs;
pub mod notify;
pub mod settings;
pub mod sources;
pub mod stores;
