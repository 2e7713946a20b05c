//! The command line: data goes to stdout, everything else to stderr, and the exit code says how it went.
//!
//! Each command has a file with its arguments and what it does. [`dispatch`] chooses among them.

mod alert_steps;
pub mod alerts;
pub mod args;
pub mod backtest;
pub mod bench;
pub mod check;
pub mod completion;
pub mod config;
mod csv;
pub mod demo;
mod describe;
mod differences;
mod dispatch;
pub mod dlq;
pub mod eval;
pub mod events;
mod exit;
pub mod explain;
mod export;
pub mod graph;
mod health;
mod jobs;
mod listing;
pub mod migrate;
mod open;
mod output;
pub mod query;
pub mod replay;
pub mod results;
pub mod run;
pub mod running;
pub mod schema;
pub mod selection;
mod signals;
mod streams;
mod table;
pub mod tap;
mod temporary;
pub mod test;
pub mod top;
pub mod verify;

pub use dispatch::{dispatch, main};
pub use exit::{Exit, Failure, Outcome};
pub(crate) use output::notice;
