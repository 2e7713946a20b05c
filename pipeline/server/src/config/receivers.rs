//! The receivers of notifications, `[receivers.<id>]`, and what cannot be checked of one alone.

use std::time::Duration;

use floodmark_connectors::settings::{Fault, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::CENTURY;
use super::kinds::{LogKind, ReceiverKind};
use super::load::Parts;
use super::report::Report;

/// One receiver.
#[derive(Clone, Debug, Serialize)]
pub struct Receiver {
    /// How it is told.
    #[serde(flatten)]
    pub kind: ReceiverKind,
    /// How much it is told.
    #[serde(flatten)]
    pub common: ReceiverCommon,
}

/// The keys that every receiver has, whatever its `type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiverCommon {
    /// How much it is told at most: more waits, and what has changed meanwhile is told at once. No limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// At most so many notifications within a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// Within any span of this length.
    pub per: Span,
}

impl ReceiverCommon {
    /// What cannot work.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let Some(rate) = self.rate else { return Vec::new() };
        let mut faults = Vec::new();
        if rate.count == 0 {
            faults.push(Fault::of("rate", "nothing would ever be told", "write 1 or more").key("count"));
        }
        if rate.per.0 < Duration::from_secs(1) || rate.per.0 > CENTURY {
            faults
                .push(Fault::of("rate", format!("{} is no span to count in", rate.per), "write 1s or more, for example \"1h\"").key("per"));
        }
        faults
    }
}

/// A receiver on NATS without servers of its own needs those of the log.
pub(super) fn check(parts: &Parts<'_>, report: &mut Report) {
    let has_servers = matches!(parts.log, None | Some(LogKind::Jetstream(_)));
    for (id, receiver) in parts.receivers {
        if let ReceiverKind::Nats(settings) = &receiver.kind
            && settings.servers.is_empty()
            && !has_servers
        {
            let hint = "add for example servers = [\"nats://127.0.0.1:4222\"]".to_owned();
            report.add(
                parts.root.place(&["receivers", id]),
                "there is no NATS server: the log has none, and this receiver neither",
                Some(hint),
            );
        }
    }
}
