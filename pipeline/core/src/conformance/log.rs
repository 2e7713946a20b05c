//! What every log must do: one function for each behaviour, run on a log that a [`Fixture`] makes.
//!
//! [`log_conformance_tests!`](crate::log_conformance_tests) makes one test of each function. Where backends differ by
//! nature, [`Capabilities`] says so, and the function holds the log to what it claims.

mod append;
mod poll;
mod read;
mod retain;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use floodmark_schemas::Headers;

use crate::ports::log::{Entry, Expect, Limit, Log, NewEntry, Position, Retention};

pub use append::*;
pub use poll::{both, polled};
pub use read::*;
pub use retain::*;

/// What a backend can do that another cannot.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// One append of several entries is stored whole or not at all.
    pub atomic_append: bool,
    /// Log time moves by [`Fixture::advance`] only, so that entries have exact times.
    pub exact_time: bool,
    /// The largest body the log takes, in bytes.
    pub entry_bytes_max: usize,
}

/// How the log of a fixture is set up.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Its retention.
    pub retention: Retention,
    /// How long it remembers ids.
    pub duplicate_window: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let retention = Retention { age_max: Duration::from_secs(3600), bytes_max: 4 << 20 };
        Self { retention, duplicate_window: Duration::from_secs(2) }
    }
}

/// One log under test.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// What the backend can do.
    fn capabilities(&self) -> Capabilities;

    /// Opens the log; the first time it is new and empty, later it holds what it held. Everything that used the log
    /// before has been dropped.
    async fn open(&self) -> Arc<dyn Log>;

    /// Lets log time pass: a manual clock is moved, a real one waited for.
    async fn advance(&self, by: Duration);
}

/// Makes one test of each behaviour: `log_conformance_tests!(#[tokio::test] make)` where `make` is an
/// `async fn(Settings) -> impl Fixture`.
#[macro_export]
macro_rules! log_conformance_tests {
    (#[$test:meta] $make:path) => {
        $crate::log_conformance_tests! { @each #[$test] $make;
            positions_rise_by_one_in_the_order_of_appending
            entries_come_back_as_they_were_appended
            an_append_of_no_entries_changes_nothing
            an_expectation_that_holds_lets_the_append_through
            an_expectation_that_fails_stores_nothing
            an_expectation_of_none_holds_only_before_the_first
            an_expectation_looks_at_its_own_subject_only
            each_subject_of_an_append_may_have_its_expectation
            the_rest_of_an_append_follows_what_was_stored_of_it
            one_of_many_rivals_wins_each_position
            a_second_entry_with_an_id_answers_where_the_first_stands
            an_append_with_expectation_may_be_repeated
            ids_may_come_again_after_the_duplicate_window
            ids_are_remembered_when_the_log_is_opened_again
            an_append_is_stored_whole_or_not_at_all
            an_entry_that_is_too_large_is_rejected
            concurrent_appenders_get_contiguous_positions
            log_time_never_goes_backwards
            a_reader_starts_after_its_position
            a_reader_sees_only_what_its_patterns_match
            a_reader_of_a_rare_subject_passes_the_others
            a_reader_takes_no_more_than_its_limit
            a_reader_that_is_told_where_to_end_does_not_wait
            a_reader_waits_at_the_tail_and_is_woken
            a_reader_of_another_subject_is_not_woken_for_good
            a_dropped_next_loses_nothing
            many_readers_see_every_entry
            what_is_pending_is_counted
            the_last_entry_of_a_subject_is_found
            an_entry_is_found_by_its_position
            a_purge_deletes_what_stands_before_on_the_subject
            a_purged_subject_is_expected_to_be_empty
            entries_and_continuity_outlive_the_process
            positions_go_on_after_everything_was_deleted
            retention_by_age_deletes_what_is_old
            retention_by_size_deletes_the_oldest
            what_is_held_is_told
            retention_never_passes_what_is_still_needed
            a_new_log_says_that_it_is_empty
        }
    };
    (@each #[$test:meta] $make:path; $($behaviour:ident)+) => {
        $(
            #[$test]
            async fn $behaviour() {
                let settings = $crate::conformance::log::Settings::default();
                $crate::conformance::log::$behaviour(&$make(settings).await).await;
            }
        )+
    };
}

/// Everything there is.
const ALL: &str = ">";

fn entry(subject: &str, body: &str) -> NewEntry {
    NewEntry { subject: subject.into(), id: None, headers: Headers::default(), body: Bytes::copy_from_slice(body.as_bytes()) }
}

fn entry_with_id(subject: &str, id: &str, body: &str) -> NewEntry {
    NewEntry { id: Some(id.into()), ..entry(subject, body) }
}

/// Appends one entry that must be new and gives its position.
async fn put(log: &dyn Log, entry: NewEntry) -> Position {
    let appended = log.append(vec![entry], Expect::Anything).await.expect("the log takes entries");
    assert_eq!(appended.len(), 1);
    assert!(!appended[0].duplicate, "the entry is new");
    appended[0].position
}

/// Reads until `count` entries have come.
async fn take(log: &dyn Log, patterns: &[&str], after: Position, count: usize) -> Vec<Entry> {
    let patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
    let mut reader = log.reader(patterns, after).await.expect("the log gives readers");
    let mut entries = Vec::new();
    while entries.len() < count {
        let limit = Limit { entries: count - entries.len(), ..Limit::default() };
        let page = reader.next(limit).await.expect("the log reads");
        assert!(!page.is_empty(), "next gives at least one entry");
        entries.extend(page);
    }
    entries
}

/// All entries that are held, in order.
async fn held(log: &dyn Log) -> Vec<Entry> {
    let continuity = log.continuity().await.expect("the log knows itself");
    let mut entries = Vec::new();
    for position in continuity.first.0..=continuity.tail.0 {
        entries.extend(log.get(Position(position)).await.expect("the log reads"));
    }
    entries
}

fn bodies(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|e| std::str::from_utf8(&e.body).expect("bodies of the suite are text")).collect()
}

fn positions(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|e| e.position.0).collect()
}
