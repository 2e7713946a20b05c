//! From the embedded log and stores to servers: `floodmark migrate`.
//!
//! Positions, log times, epochs, cursors and commits stay literally what they were, so that the pipeline goes on at the
//! servers where it stopped. The order of the steps:
//! 1. `agree`: the two configurations fit each other, and the target's servers are usable.
//! 2. `source`: the old logs are locked and the old stores are brought up to the end of their log, as a start would.
//! 3. `copy`, then `verify`: each log entry by entry into its stream, then both are read and compared.
//! 4. `letters`, `fill`, `older`: the target's own sinks read the new logs; what the old stores have longer than the
//!    log is handed to the same sinks.
//! 5. `compare`: old against new store, document by document.
//!
//! Each step is safe to repeat: a migration that was interrupted goes on with `--resume`.

mod agree;
mod compare;
mod copy;
mod fill;
mod letters;
mod older;
pub(crate) mod pairs;
pub(crate) mod progress;
mod run;
mod source;
mod stale;
mod summary;
mod target;
mod verify;

pub use run::{Migration, migrate};
pub use summary::Summary;
