//! Ways to receivers: one file or folder for each kind.
//!
//! Each has a `Config` (read from `[receivers.<id>]`) and a type that implements [`floodmark_core::ports::Notifier`]: one
//! attempt with one time limit, nothing repeated inside. No secret appears in an answer or an error.

pub mod alertmanager;
pub mod check;
pub mod command;
pub mod email;
pub mod http;
pub mod link;
pub mod nats;
pub mod pagerduty;
pub mod sample;
mod scrub;
pub mod signature;
pub mod slack;
pub mod templates;
pub mod view;
pub mod webhook;
pub mod words;
