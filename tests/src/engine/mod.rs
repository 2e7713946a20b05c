//! A harness for the engine: logs that fail on purpose, a clock that stands still, random events, and the windows by the book.

pub mod chain;
pub mod changed;
pub mod clock;
pub mod crash;
pub mod cut;
pub mod faulty;
pub mod lives;
pub mod memory;
pub mod oracle;
pub mod road;
pub mod script;
pub mod sinks;
pub mod sources;
