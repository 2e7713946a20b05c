//! Anomaly scores: what the operator says of series whose story is known, and that its state is all it needs.

#![cfg(test)]

mod golden;
mod nab;
mod rollups;
mod state;
mod stories;
mod world;
