//! Runs the tests of a configuration: the real operators on logs in memory, by a clock that only the test moves.
//!
//! What comes in is packed into frames and appended at the log time at which it arrives, with ticks in between, as a
//! running pipeline does it. Then each operator is run as a job, those that read events before those that read other
//! operators, and what stands in their commits is compared with what is expected. No file, no server, no wall clock: the
//! same test gives the same outcome, always.

mod arrivals;
mod clock;
mod found;
mod frames;
mod jobs;
mod judge;
mod outcome;
mod run;
mod text;

pub use found::{Found, Shown};
pub use judge::{Difference, Problem};
pub use outcome::Outcome;
pub use run::run;
pub use text::render;
