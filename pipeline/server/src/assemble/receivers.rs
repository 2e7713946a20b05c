//! Receivers from their settings: one `match` arm for each kind.

use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::findings::Finding;
use floodmark_connectors::notify::alertmanager::Alertmanager;
use floodmark_connectors::notify::check::{Look, finding};
use floodmark_connectors::notify::command::Program;
use floodmark_connectors::notify::email::Email;
use floodmark_connectors::notify::nats::Nats;
use floodmark_connectors::notify::pagerduty::PagerDuty;
use floodmark_connectors::notify::slack::Slack;
use floodmark_connectors::notify::webhook::Webhook;
use floodmark_core::ports::Notifier;
use floodmark_core::{Error, Result};

use crate::config::{LogKind, ReceiverKind};

/// A way to a receiver that can also be looked at.
trait Way: Notifier + Look {}

impl<T: Notifier + Look> Way for T {}

/// The way to receiver `id`. Reads secrets and templates, connects to nothing; `log` is what a receiver on NATS falls back on.
///
/// # Errors
/// `Broken` when a secret or a template cannot be read; the text names the receiver.
pub(crate) fn notifier(id: &str, kind: &ReceiverKind, log: &LogKind) -> Result<Arc<dyn Notifier>> {
    Ok(way(id, kind, log)?)
}

/// What is found of the way to receiver `id`, as far as it can be gone without telling anything.
pub(super) async fn look(id: &str, kind: &ReceiverKind, log: &LogKind) -> Finding {
    match way(id, kind, log) {
        Ok(way) => finding(&*way).await,
        Err(e) => Finding::bad("settings", e.chain(), "correct the setting, or put the secret or template where it says"),
    }
}

fn way(id: &str, kind: &ReceiverKind, log: &LogKind) -> Result<Arc<dyn Way>> {
    let clock = Arc::new(SystemClock);
    let made: Result<Arc<dyn Way>> = match kind {
        ReceiverKind::Email(settings) => Email::new((**settings).clone()).map(|it| Arc::new(it) as _),
        ReceiverKind::Webhook(settings) => Webhook::new((**settings).clone(), clock).map(|it| Arc::new(it) as _),
        ReceiverKind::Slack(settings) => Slack::new(settings.clone(), clock).map(|it| Arc::new(it) as _),
        ReceiverKind::PagerDuty(settings) => PagerDuty::new(settings.clone(), clock).map(|it| Arc::new(it) as _),
        ReceiverKind::Alertmanager(settings) => Alertmanager::new(settings.clone(), clock).map(|it| Arc::new(it) as _),
        ReceiverKind::Command(settings) => Program::new(settings.clone()).map(|it| Arc::new(it) as _),
        ReceiverKind::Nats(settings) => Nats::new(settings, log.jetstream()).map(|it| Arc::new(it) as _),
    };
    made.map_err(|e| Error::new(e.kind(), format!("receiver {id:?}")).because(e))
}
