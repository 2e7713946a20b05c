//! What tests and the processes they start share.

pub mod collector;
pub mod eventually;
pub mod jetstream;
pub mod ledger;
pub mod log_request;
pub mod processes;
pub mod program;
pub mod proxy;
pub mod recorded;
pub mod rng;
pub mod stored;
