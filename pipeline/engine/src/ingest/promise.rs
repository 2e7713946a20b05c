//! What a live source can promise: that no event older than a given time will come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use floodmark_schemas::Timestamp;

use crate::tenure::Tenure;

/// The events of one source, or of one of its shards, that are on their way, by the earliest time in each batch.
///
/// Event times of a live source follow the wall clock, so "now less its disorder" is a promise, but for what has been
/// handed over and is not durable yet.
#[derive(Debug)]
pub struct Promise {
    writer: String,
    disorder_us: i64,
    tickets: AtomicU64,
    held: Mutex<BTreeMap<u64, i64>>,
    tenure: Mutex<Option<Tenure>>,
}

impl Promise {
    /// For `writer`, a source or one of its shards, whose event times go backwards by at most `disorder`.
    pub fn new(writer: &str, disorder: Duration) -> Self {
        let disorder_us = i64::try_from(disorder.as_micros()).unwrap_or(i64::MAX);
        Self { writer: writer.to_owned(), disorder_us, tickets: AtomicU64::new(0), held: Mutex::default(), tenure: Mutex::default() }
    }

    /// Whose it is.
    pub fn writer(&self) -> &str {
        &self.writer
    }

    /// From now on it can be given only while this process has the source.
    pub fn entrust(&self, tenure: Tenure) {
        *self.tenure.lock().unwrap_or_else(PoisonError::into_inner) = Some(tenure);
    }

    /// Whether it is this process's to give.
    pub fn is_ours(&self) -> bool {
        self.tenure.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(Tenure::holds)
    }

    /// Holds the promise back for events with these times.
    pub(crate) fn hold(self: &Arc<Self>, times: &[i64]) -> Held {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        if let Some(earliest) = times.iter().min() {
            self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket, *earliest);
        }
        Held { promise: self.clone(), ticket }
    }

    /// What can be promised at `now`.
    pub fn at(&self, now: Timestamp) -> Timestamp {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).values().min().copied();
        Timestamp::from_micros(now.micros().min(held.unwrap_or(i64::MAX))).plus_micros(-self.disorder_us)
    }
}

/// Events on their way. They hold the promise back until this is dropped: when they are durable, or when whoever handed
/// them over has gone.
#[derive(Debug)]
pub(crate) struct Held {
    promise: Arc<Promise>,
    ticket: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.promise.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_on_their_way_hold_the_promise_back() {
        let promise = Arc::new(Promise::new("s", Duration::from_secs(5)));
        let now = Timestamp::from_secs(100);
        assert_eq!(promise.at(now), Timestamp::from_secs(95));
        let early = promise.hold(&[40_000_000, 30_000_000]);
        let late = promise.hold(&[90_000_000]);
        assert_eq!(promise.at(now), Timestamp::from_secs(25));
        drop(early);
        assert_eq!(promise.at(now), Timestamp::from_secs(85));
        drop(late);
        assert_eq!(promise.at(now), Timestamp::from_secs(95));
    }
}
