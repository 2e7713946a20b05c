//! Who of several processes does what.

pub mod alone;
pub mod memory;

pub use alone::Alone;
