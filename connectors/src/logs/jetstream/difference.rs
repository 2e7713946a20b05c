//! How a stream differs from what is wanted, field by field.

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, PersistenceMode, RetentionPolicy};

use super::streams::PARTITIONS;
use crate::settings::{Size, Span};

/// A field of a stream that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The stream.
    pub stream: String,
    /// The field, as JetStream names it.
    pub field: &'static str,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub wanted: String,
    /// Whether entries are safe nonetheless. If not, the log is not used.
    pub safe: bool,
    /// Whether a server can change it while the stream has entries.
    pub changeable: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` is {}, not {}", self.stream, self.field, self.found, self.wanted)
    }
}

/// How `found` differs from `wanted`.
pub(super) fn between(found: &Config, wanted: &Config) -> Vec<Difference> {
    let mut all = Collected { stream: &wanted.name, differences: Vec::new() };
    // What a stream must be for entries to be safe.
    all.add("subjects", false, true, sorted(&found.subjects), sorted(&wanted.subjects));
    all.add("retention", false, false, retention(found.retention), retention(wanted.retention));
    all.add("discard", false, true, discard(found.discard), discard(wanted.discard));
    all.add("discard_new_per_subject", false, true, found.discard_new_per_subject.to_string(), "false".to_owned());
    all.add("max_age", false, true, age(found.max_age), age(wanted.max_age));
    all.add("max_msgs", false, true, limit(found.max_messages), limit(wanted.max_messages));
    all.add("max_msgs_per_subject", false, true, limit(found.max_messages_per_subject), limit(wanted.max_messages_per_subject));
    let (found_size, wanted_size) = (i64::from(found.max_message_size), i64::from(wanted.max_message_size));
    all.add("max_msg_size", false, true, limit(found_size), limit(wanted_size));
    all.add("no_ack", false, true, found.no_ack.to_string(), "false".to_owned());
    all.add("sealed", false, false, found.sealed.to_string(), "false".to_owned());
    all.add("deny_purge", false, false, found.deny_purge.to_string(), "false".to_owned());
    all.add("persist_mode", false, false, persistence(found), persistence(wanted));
    let subject_transform = if found.subject_transform.is_some() { "set" } else { "none" };
    all.add("subject_transform", false, true, subject_transform.to_owned(), "none".to_owned());
    let partitions = |config: &Config| config.metadata.get(PARTITIONS).cloned().unwrap_or_else(|| "not known".to_owned());
    all.add("metadata.floodmark.partitions", false, false, partitions(found), partitions(wanted));
    let volatile = found.storage != wanted.storage && wanted.storage == async_nats::jetstream::stream::StorageType::File;
    all.add("storage", !volatile, false, storage(found), storage(wanted));
    // What may be otherwise.
    let remembered = !found.duplicate_window.is_zero();
    all.add("duplicate_window", remembered, true, Span(found.duplicate_window).to_string(), Span(wanted.duplicate_window).to_string());
    all.add("max_bytes", true, true, size(found.max_bytes), size(wanted.max_bytes));
    all.add("num_replicas", true, true, found.num_replicas.to_string(), wanted.num_replicas.to_string());
    all.add("allow_direct", true, true, found.allow_direct.to_string(), wanted.allow_direct.to_string());
    all.differences
}

/// `found` with everything that can be changed as it is wanted.
pub(super) fn changed(found: &Config, wanted: &Config) -> Config {
    Config {
        subjects: wanted.subjects.clone(),
        discard: wanted.discard,
        discard_new_per_subject: wanted.discard_new_per_subject,
        max_age: wanted.max_age,
        max_messages: wanted.max_messages,
        max_messages_per_subject: wanted.max_messages_per_subject,
        max_message_size: wanted.max_message_size,
        no_ack: wanted.no_ack,
        subject_transform: None,
        duplicate_window: wanted.duplicate_window,
        max_bytes: wanted.max_bytes,
        num_replicas: wanted.num_replicas,
        allow_direct: wanted.allow_direct,
        ..found.clone()
    }
}

struct Collected<'a> {
    stream: &'a str,
    differences: Vec<Difference>,
}

impl Collected<'_> {
    fn add(&mut self, field: &'static str, safe: bool, changeable: bool, found: String, wanted: String) {
        if found != wanted {
            self.differences.push(Difference { stream: self.stream.to_owned(), field, found, wanted, safe, changeable });
        }
    }
}

fn sorted(subjects: &[String]) -> String {
    let mut subjects = subjects.to_vec();
    subjects.sort_unstable();
    subjects.join(" ")
}

fn limit(number: i64) -> String {
    if number <= 0 { "unlimited".to_owned() } else { number.to_string() }
}

fn size(bytes: i64) -> String {
    u64::try_from(bytes).ok().filter(|bytes| *bytes > 0).map_or_else(|| "unlimited".to_owned(), |bytes| Size(bytes).to_string())
}

fn age(age: Duration) -> String {
    if age.is_zero() { "unlimited".to_owned() } else { Span(age).to_string() }
}

fn retention(policy: RetentionPolicy) -> String {
    let name = match policy {
        RetentionPolicy::Limits => "limits",
        RetentionPolicy::Interest => "interest",
        RetentionPolicy::WorkQueue => "workqueue",
    };
    name.to_owned()
}

fn discard(policy: DiscardPolicy) -> String {
    let name = match policy {
        DiscardPolicy::Old => "old",
        DiscardPolicy::New => "new",
    };
    name.to_owned()
}

fn persistence(config: &Config) -> String {
    let name = match config.persist_mode {
        Some(PersistenceMode::Async) => "async",
        Some(PersistenceMode::Default) | None => "default",
    };
    name.to_owned()
}

fn storage(config: &Config) -> String {
    let name = match config.storage {
        async_nats::jetstream::stream::StorageType::File => "file",
        async_nats::jetstream::stream::StorageType::Memory => "memory",
    };
    name.to_owned()
}
