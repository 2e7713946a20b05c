//! The receivers of notifications, `[receivers.<id>]`, and what cannot be checked of one alone.

use serde::Serialize;

use super::kinds::{LogKind, ReceiverKind};
use super::load::Parts;
use super::report::Report;

/// One receiver.
#[derive(Clone, Debug, Serialize)]
pub struct Receiver {
    /// How it is told.
    #[serde(flatten)]
    pub kind: ReceiverKind,
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
