//! Stores: where what came out of the log is kept for questions, and the questions themselves.

pub mod embedded;
pub mod frames;
pub mod letters;
pub mod mongodb;
pub mod postgres;
