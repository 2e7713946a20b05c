//! Who of several processes does what.

pub mod alone;
pub mod jetstream;
pub mod memory;

pub use alone::Alone;
