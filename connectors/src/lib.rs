//! x
pub mod logs;
