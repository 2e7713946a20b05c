//! Notifications to real receivers: each channel, and what each refusal means.

#![cfg(test)]

mod certificates;
mod command;
mod email;
mod email_faults;
mod guide;
mod nats;
mod services;
mod webhook;

use std::fmt::Debug;
use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::notify::sample::sample;
use floodmark_core::Kind;
use floodmark_core::ports::{Clock, Refusal};
use floodmark_schemas::{Notification, NotificationReason, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The settings of a receiver, from what a person would write.
fn config<T: DeserializeOwned>(settings: Value) -> T {
    serde_json::from_value(settings).unwrap()
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The first notification of an incident: three alerts, one of them over.
fn opened() -> Notification {
    sample("team", Timestamp::parse("2026-01-31T12:00:00Z").unwrap(), NotificationReason::Opened)
}

/// What to do next, the whole text, and how long to wait.
fn told(refusal: Refusal) -> (Kind, String, Option<u64>) {
    (refusal.error.kind(), refusal.error.chain(), refusal.retry_after.map(|wait| wait.as_secs()))
}

/// The error of something that has to fail.
fn failed<T: Debug>(outcome: Result<T, Refusal>) -> (Kind, String, Option<u64>) {
    told(outcome.unwrap_err())
}
