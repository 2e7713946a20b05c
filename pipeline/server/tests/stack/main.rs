//! The program on real servers while they and it are killed, frozen, emptied, filled and lied to: what was acknowledged
//! is in PostgreSQL once, and every window comes out as if nothing had happened.
//!
//! Names of tests begin with the row of the fault matrix in docs/guides/faults.md that they show. Each prints a line with
//! its seed, and takes one from `FLOODMARK_TEST_SEED`; `FLOODMARK_TEST_KILLS` says how often something is killed, which
//! `make soak` sets.

#![cfg(test)]

mod alerts;
mod alerts_takeover;
mod books;
mod everything;
mod hosts;
mod inputs;
mod lost_log;
mod nats;
mod program;
mod servers;
mod shards;
mod stack;
mod stores;
mod together;
mod told;
