//! What windows must come out, computed from all events at once by plain loops. Shares no code with the operators.

pub mod books;
mod judge;
mod windows;

pub use judge::{differences, gaps_in, none};
pub use windows::{End, Expected, Id, Rollup, Rules, Seen, windows};
