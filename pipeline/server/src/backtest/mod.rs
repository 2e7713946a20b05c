//! Rules and routing tried out on the past: what would have fired, who would have been told, and how good that is.
//!
//! Recorded events go through the rules of one configuration, or of several variants of it at once; each is read and decoded once. The steps
//! then go through a desk in virtual time. Nothing live is written to, and nobody is told.

mod cases;
mod feed;
mod labels;
mod nights;
mod plan;
mod play;
mod report;
mod run;
mod score;
mod sweep;

pub use labels::{Label, Labels};
pub use nights::Nights;
pub use play::{Played, Telling, play};
pub use report::{Ratio, Report, Row, Score};
pub use run::{Clock, Request, backtest, played};
pub use sweep::Sweep;
