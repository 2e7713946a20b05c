//! Sources: one folder or file for each kind.
//!
//! Each has a `Config` (read from `[sources.<id>]`) and a type that implements [`floodmark_core::ports::Source`].

pub mod connectivity;
pub mod file;
pub mod github;
pub mod host;
pub mod http_client;
pub mod http_probe;
pub mod open_meteo;
pub mod polling;
pub mod probe;
pub mod push;
mod received;
pub mod tcp_probe;
