//! Alerts from the output log to their receivers: the desk, the outbox and the dispatcher together, on a log in memory and a
//! store in SQLite.

#[cfg(test)]
mod common;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod unit;
