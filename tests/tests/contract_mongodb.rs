//! The MongoDB store on a real server: the suite of all stores of rollups, and what only this one has to do.
#![cfg(test)]

#[path = "contract_mongodb/support.rs"]
mod support;

#[path = "contract_mongodb/suite.rs"]
mod suite;
