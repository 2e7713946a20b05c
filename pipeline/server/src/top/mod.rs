//! `floodmark top`: a running server at a glance. What its API answers becomes a [`Snapshot`], two of them become
//! [`Rows`] with rates, and those are drawn.

mod client;
mod metrics;
mod rows;
mod screen;
mod snapshot;

pub use client::Client;
pub use rows::{Rows, Sort};
pub use screen::{View, draw, height, text};
pub use snapshot::Snapshot;
