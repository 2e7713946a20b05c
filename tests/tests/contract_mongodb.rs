//! The MongoDB store on a real server: the suite of all stores of rollups, and what only this one has to do.
#![cfg(test)]

#[path = "contract_mongodb/crash.rs"]
mod crash;
#[path = "contract_mongodb/guide.rs"]
mod guide;
#[path = "contract_mongodb/indexes.rs"]
mod indexes;
#[path = "contract_mongodb/order.rs"]
mod order;
#[path = "contract_mongodb/refusals.rs"]
mod refusals;
#[path = "contract_mongodb/suite.rs"]
mod suite;
#[path = "contract_mongodb/support.rs"]
mod support;
