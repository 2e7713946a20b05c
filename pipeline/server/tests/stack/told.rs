//! What receivers were told, against what they had to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use async_nats::{Client, HeaderMap, Message, Subscriber};
use floodmark_schemas::{Alert, AlertState, Notification, NotificationReason, Severity, subject};
use floodmark_tests::oracle;
use floodmark_tests::servers::Receiver;
use floodmark_tests::servers::receiver::Received;
use futures_util::{FutureExt, StreamExt};

use crate::hosts::{Hosts, RULE, Step};

/// Something that came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Heard {
    step: Step,
    /// The id of the alert.
    alert: String,
    /// By which a receiver knows what it has already.
    id: String,
    /// Everything that must be the same when it comes again.
    text: String,
    /// Which process sent it, where that can be seen.
    sender: Option<usize>,
}

/// What came, and what should not have come.
#[derive(Clone, Debug, Default)]
pub struct Book {
    heard: Vec<Heard>,
    odd: Vec<String>,
    requests: usize,
}

impl Book {
    /// Notes what comes to a webhook, for ever. The path of its URL is the number of the sender.
    pub async fn of_webhook(&mut self, hook: &Receiver, hosts: &Hosts) -> Infallible {
        loop {
            hook.have_come(self.requests + 1).await;
            self.requests_until_now(hook, hosts);
        }
    }

    /// Notes what has come to a webhook.
    pub fn requests_until_now(&mut self, hook: &Receiver, hosts: &Hosts) {
        for received in hook.received_after(self.requests) {
            self.requests += 1;
            self.note(webhook(&received), hosts);
        }
    }

    /// Notes what is published, for ever.
    pub async fn of_nats(&mut self, messages: &mut Subscriber, hosts: &Hosts) -> Infallible {
        loop {
            let message = messages.next().await.expect("the server runs");
            self.note(published(&message), hosts);
        }
    }

    /// Notes what was published. `client` is that of the subscription.
    pub async fn messages_until_now(&mut self, client: &Client, messages: &mut Subscriber, hosts: &Hosts) {
        client.flush().await.expect("the server runs");
        while let Some(Some(message)) = messages.next().now_or_never() {
            self.note(published(&message), hosts);
        }
    }

    /// Subjects and ids of the first messages, as lines.
    pub fn first_lines(&self, count: usize) -> String {
        self.heard.iter().take(count).map(|heard| format!("{} {}\n", subject::alerts(Severity::Critical, RULE), heard.id)).collect()
    }

    fn note(&mut self, heard: Result<Heard, String>, hosts: &Hosts) {
        match heard {
            Ok(heard) => {
                hosts.note(heard.step.clone());
                self.heard.push(heard);
            }
            Err(odd) => self.odd.push(odd),
        }
    }

    /// Compares; how many came again, and from whom: sender before and after, where that can be seen.
    ///
    /// # Panics
    /// When something was lost, doubled under another id, or made up.
    pub fn judge(&self, due: &BTreeSet<Step>, title: &str) -> (usize, BTreeMap<(usize, usize), usize>) {
        let mut violations = self.odd.clone();
        let mut by_id: BTreeMap<&str, Vec<&Heard>> = BTreeMap::new();
        let mut ids: BTreeMap<&Step, BTreeSet<&str>> = BTreeMap::new();
        let mut alerts: BTreeMap<&str, BTreeSet<(&str, i64)>> = BTreeMap::new();
        for heard in &self.heard {
            by_id.entry(&heard.id).or_default().push(heard);
            ids.entry(&heard.step).or_default().insert(&heard.id);
            alerts.entry(&heard.alert).or_default().insert((&heard.step.host, heard.step.began_us));
        }
        violations.extend(due.iter().filter(|step| !ids.contains_key(step)).map(|step| format!("lost: {step:?}")));
        violations.extend(ids.keys().filter(|step| !due.contains(step)).map(|step| format!("made up: {step:?}")));
        violations.extend(ids.iter().filter(|(_, ids)| ids.len() > 1).map(|(step, ids)| format!("two ids: {step:?}: {ids:?}")));
        violations.extend(alerts.iter().filter(|(_, of)| of.len() > 1).map(|(id, of)| format!("one alert for two: {id}: {of:?}")));
        let episodes: BTreeSet<_> = due.iter().map(|step| (&step.host, step.began_us)).collect();
        if alerts.len() != episodes.len() {
            violations.push(format!("{} alerts have {} ids", episodes.len(), alerts.len()));
        }
        let mut resent: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (id, copies) in &by_id {
            if copies.iter().any(|copy| copy.text != copies[0].text) {
                violations.push(format!("{id} is not the same each time: {copies:?}"));
            }
            // Only who does not know that it was sent sends it again: that is another process.
            let senders: Vec<usize> = copies.iter().filter_map(|copy| copy.sender).collect();
            if senders.iter().collect::<BTreeSet<_>>().len() < senders.len() {
                violations.push(format!("{id} was sent twice by one process: {copies:?}"));
            }
            senders.windows(2).for_each(|two| *resent.entry((two[0], two[1])).or_default() += 1);
        }
        let again = self.heard.len() - by_id.len();
        println!("{title}, {} alerts, {} to be told, {again} came again, {} violations", episodes.len(), due.len(), violations.len());
        oracle::none(&violations);
        (again, resent)
    }
}

fn webhook(received: &Received) -> Result<Heard, String> {
    let odd = |what: &str| format!("{what}: {received:?}");
    let sender = sender(received).ok_or_else(|| odd("no sender"))?;
    let told: Notification = serde_json::from_str(&received.body).map_err(|e| odd(&e.to_string()))?;
    let [alert] = &told.alerts[..] else { return Err(odd("not one alert")) };
    if received.headers.get("idempotency-key") != Some(&told.id) || told.receiver != "out" || told.left_out > 0 {
        return Err(odd("not the notification of this alert"));
    }
    Ok(Heard { step: step(alert, told.reason)?, alert: alert.id.clone(), id: told.id, text: received.body.clone(), sender: Some(sender) })
}

/// The number of the process that sent a request.
pub fn sender(received: &Received) -> Option<usize> {
    received.what.strip_prefix("POST /")?.parse().ok()
}

fn published(message: &Message) -> Result<Heard, String> {
    let odd = |what: &str| format!("{what}: {message:?}");
    let alert: Alert = serde_json::from_slice(&message.payload).map_err(|e| odd(&e.to_string()))?;
    let header = |name: &str| message.headers.as_ref().and_then(|all| all.get(name)).map(|value| value.as_str().to_owned());
    let (Some(id), Some(reason)) = (header("Nats-Msg-Id"), header("Floodmark-Reason")) else { return Err(odd("headers are missing")) };
    if message.subject.as_str() != subject::alerts(Severity::Critical, RULE) || id != format!("{}.{}", alert.id, alert.step) {
        return Err(odd("not the message of this alert"));
    }
    let reason = serde_json::from_value(reason.into()).map_err(|e| odd(&e.to_string()))?;
    // In an order of their own.
    let headers: BTreeMap<String, String> =
        message.headers.iter().flat_map(HeaderMap::iter).map(|(name, values)| (name.to_string(), format!("{values:?}"))).collect();
    let text = format!("{headers:?} {}", String::from_utf8_lossy(&message.payload));
    Ok(Heard { step: step(&alert, reason)?, alert: alert.id, id, text, sender: None })
}

fn step(alert: &Alert, reason: NotificationReason) -> Result<Step, String> {
    let over_us = match (alert.state, reason) {
        (AlertState::Firing, NotificationReason::Opened) => None,
        (AlertState::Resolved, NotificationReason::Resolved) => Some(alert.time.micros()),
        _ => return Err(format!("{reason:?}: {alert:?}")),
    };
    let host = alert.labels.get("host").cloned().ok_or_else(|| format!("no host: {alert:?}"))?;
    Ok(Step { host, began_us: alert.began.micros(), over_us })
}
