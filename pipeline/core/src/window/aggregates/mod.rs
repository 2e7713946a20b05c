//! What accumulators are made of.

mod bytes;
mod labels;

pub(super) use labels::Labels;
