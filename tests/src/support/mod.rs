//! What tests and the processes they start share.

pub mod log_request;
pub mod rng;
