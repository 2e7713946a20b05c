//! The past again: recorded events through operators into result sets, which are compared with each other and with what
//! is stored, and taken apart.
//!
//! A result set is a directory below the data directory: an output log, a store and a note of what was asked. Nothing of
//! a running pipeline is written to.

mod aside;
mod compare;
mod diff;
mod explain;
mod in_store;
mod kind;
mod lives;
mod result_set;
mod run;
mod told;
mod verify;

pub use compare::{Change, Counts, Difference, Tally};
pub use diff::{Diff, Side, diff};
pub use explain::{AlertStep, Behind, Cause, Explainer, Explanation, Found, Place, ScoreExplanation, Step, Without};
pub use result_set::{Done, Manifest, Question, ResultSet};
pub use run::{Fate, Live, Request, Speed, replay};
pub(crate) use verify::Temporary;
pub use verify::{Verdict, verify};
