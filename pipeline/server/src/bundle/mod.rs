//! Bundles: one alert with everything that it takes to make it again, in one file.
//!
//! A bundle holds the rule, the operators that it reads, the entries of the event log that the alert follows from, and its steps. On any
//! machine it gives the same steps, or says what differs; a file that was changed is refused. No secret is in it: neither sources nor
//! receivers are, but the names of sources.

mod export;
mod file;
mod recorded;
mod replay;
mod select;

pub use export::export;
pub use file::{Bundle, Header};
pub use replay::{Difference, Outcome, replay};
