//! The PostgreSQL store against a real server: what its ports promise, and what happens when the server dies.

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod common;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod exactly_once;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod partitions;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod views;
