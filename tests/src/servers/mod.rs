//! Real servers for tests: NATS with JetStream, PostgreSQL, one that speaks MongoDB's protocol, and receivers of
//! notifications.
//!
//! A test takes what it needs and never skips: a server that is not installed is a panic that says `make servers`. Each
//! server listens on a port of its own on 127.0.0.1, keeps its files in a temporary folder, and is gone with both when
//! the test is over, even when that was killed. `make test` starts one PostgreSQL and one MongoDB for all tests;
//! without it a test process starts its own.

mod find;
mod last_words;
pub mod mongodb;
pub mod nats;
mod port;
pub mod postgres;
mod process;
mod python;
pub mod receiver;
pub mod smtp;
mod uri;

pub use mongodb::Mongo;
pub use nats::Nats;
pub use port::Port;
pub use postgres::Postgres;
pub use python::python;
pub use receiver::Receiver;
pub use smtp::Smtp;
