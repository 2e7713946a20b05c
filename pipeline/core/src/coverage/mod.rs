//! Coverage: which polls of a source were due, and what became of each.
//!
//! What was due follows from the configuration alone (a [`Grid`] for each target), what was done from the event log. So nobody who polls
//! is asked, and one who hangs, fails or does not run at all cannot look well. A report is a function of the log: the same log gives the
//! same reports, whoever makes them.

mod books;
mod grid;
mod report;

pub use books::{Books, Expected, Outcome, Resume, Since, Standing};
pub use grid::Grid;
pub use report::{Report, SHARE};
