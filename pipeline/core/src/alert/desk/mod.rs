//! The desk: it folds the steps that rules commit into incidents, and decides who is told of what, when, and why not.
//!
//! It is pure. It works in the time that its caller gives it, and all that it knows stands in what it gives to be stored
//! ([`Changes`]): a desk that is made again from it ([`Stored`]) goes on where the other one stopped, timers included.
//! Rules of grouping, routing, inhibition and silences are those of Prometheus' Alertmanager
//! (<https://prometheus.io/docs/alerting/latest/alertmanager/>) where it has one; what is different is said at its place.

mod act;
mod changes;
mod core;
mod cron;
mod flush;
mod fold;
mod hash;
mod maintenance;
mod matcher;
mod mute;
mod policy;
mod rebuild;
mod record;
mod related;
mod route;
mod silence;
mod tick;
mod verdict;
mod write;

#[cfg(test)]
mod tests;

pub use self::core::Desk;
pub use act::{Action, Answer};
pub use changes::{Changes, StepRecord, Stored};
pub use cron::Cron;
pub use hash::line;
pub use maintenance::{LASTS_MAX, Maintenance};
pub use matcher::{Matcher, Matchers, value};
pub use policy::{DependsOn, Escalation, GroupBy, Inhibition, Policy, Rate, Receiver, Route, Timings};
pub use rebuild::RuleEntry;
pub use record::{AlertRecord, IncidentRecord, Related, Thread, Told};
pub use route::{Asked, Hit, Reply, Routes};
pub use silence::Silence;
pub use verdict::{Decision, Verdict};
