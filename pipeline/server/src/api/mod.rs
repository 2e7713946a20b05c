//! The HTTP API: metrics, health, and questions about what was seen. It only reads, but for what people ask the desk of alerts.
//!
//! Lists are `{ "items": [...], "next": "..." }`; `next` given back as `after` asks for the next page, and is absent on
//! the last. Errors are `{ "error": { "code", "message", "parameter" } }`. Nothing may be cached.

mod actions;
mod error;
mod guard;
mod home;
mod incidents;
mod meters;
mod pages;
mod parameters;
mod process;
mod router;
mod serve;
mod situation;
mod state;
mod time;

pub use router::router;
pub use serve::serve;
pub use situation::AlertState;
pub use state::{ApiState, Units};

#[cfg(test)]
mod memory;
#[cfg(test)]
pub(crate) mod tests;
