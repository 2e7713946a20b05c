//! The PostgreSQL store against a real server: what its ports promise, and what happens when the server dies.

mod common;
mod conformance;
mod crash;
mod exactly_once;
mod guide;
mod partitions;
mod poison;
mod questions;
mod refusals;
mod round_trip;
mod schema;
mod views;
