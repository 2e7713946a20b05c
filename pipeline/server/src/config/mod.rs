//! The configuration: TOML files in, one [`Config`] out, or a [`Report`] of everything that is wrong with them.
//!
//! Reading has two phases, so that every error keeps its exact place. First each file becomes a tree whose values know
//! where they stand, and the trees are merged. Then each component's table is decoded into the type of its `type`, again
//! and again without what was refused, until all its errors are known. Last come the rules between components.
//! Nothing here connects to anything, and no input makes it panic.

mod aggregates;
mod alert;
mod alert_check;
mod alert_kinds;
mod alert_limits;
mod anomaly;
mod calendar;
mod check;
mod decode;
mod deserializer;
mod desk_check;
mod examples;
mod files;
mod from;
mod hopping;
mod incidents;
mod inside;
mod kinds;
mod load;
mod matching;
mod model;
mod receivers;
mod reference;
mod render;
mod report;
mod routes;
mod schema;
mod scrub;
mod selection;
mod session;
mod show;
mod silencing;
mod suggest;
mod tests;
mod tree;
mod tumbling;
mod varied;
mod windows;

pub use aggregates::{Aggregate, Amount, Availability, Quantile, Top};
pub use alert::{Alert, AlertCommon, Flapping, Of};
pub(crate) use alert_check::numbers_of;
pub use alert_kinds::{Absence, AnomalyRule, Certificate, Change, Condition, Coverage, Direction, Match, Measure, State, Threshold};
pub use alert_limits::{Level, Levels};
pub use anomaly::{Anomaly, Counters, Emit, Sensitivity};
pub use incidents::Incidents;
pub use kinds::{AlertKind, LogKind, OperatorKind, ReceiverKind, SinkKind, SourceKind};
pub use load::{from_text, load, load_with_tests};
pub use matching::{Begins, Matching};
pub use model::{Api, Compression, Config, Covering, EmbeddedLog, EmbeddedSink, Encoding, Operator, Partitions, Sink, Source, Telemetry};
pub use receivers::{Rate, Receiver, ReceiverCommon};
pub use reference::reference;
pub use report::{Notice, Place, Position, Problem, Report};
pub use routes::{Escalation, GroupBy, Route, Routing};
pub use schema::{config_schema, event_schema, notification_schema};
pub use scrub::scrub;
pub use selection::Selecting;
pub use show::{show_json, show_toml};
pub use silencing::{Depends, Inhibition, Maintenance};
pub(crate) use tests::name_of;
pub use tests::{Expect, Field, Input, Others, ResultKind, Test, Wanted, What};
pub use tumbling::Tumbling;
pub use varied::{Setting, load_varied, with};
