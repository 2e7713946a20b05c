//! Sources: one folder or file for each kind.
//!
//! Each has a `Config` (read from `[sources.<id>]`) and a type that implements [`floodmark_core::ports::Source`].

pub mod file;
pub mod polling;
pub mod push;
mod received;
