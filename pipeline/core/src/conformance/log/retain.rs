//! Deleting, retention, and what is still true afterwards.

use std::time::Duration;

use super::*;
use crate::Kind;

/// Nobody needs anything any more.
const NOBODY: Position = Position(u64::MAX);

/// Only the subject, only before the position; a second time there is nothing to do.
pub async fn a_purge_deletes_what_stands_before_on_the_subject(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for subject in ["a.x", "a.y", "a.x", "a.x", "a.y"] {
        put(&*log, entry(subject, "1")).await;
    }
    assert_eq!(log.purge("a.x", Position(4)).await.expect("purged"), 2);
    assert_eq!(log.purge("a.x", Position(4)).await.expect("purged"), 0);
    assert_eq!(log.purge("a.z", Position(4)).await.expect("purged"), 0);
    assert_eq!(positions(&held(&*log).await), [2, 4, 5]);
    assert!(log.get(Position(3)).await.expect("read").is_none());
    assert_eq!(positions(&take(&*log, &["a.x"], Position::START, 1).await), [4]);
    assert_eq!(positions(&take(&*log, &[ALL], Position::START, 3).await), [2, 4, 5]);
}

/// A subject with no entry left has no last entry, also for an expectation.
pub async fn a_purged_subject_is_expected_to_be_empty(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let last = put(&*log, entry("a.x", "1")).await;
    assert_eq!(log.purge("a.x", NOBODY).await.expect("purged"), 1);
    assert!(log.last("a.x").await.expect("read").is_none());
    let error = log.append(vec![entry("a.x", "no")], Expect::LastOnSubject(last)).await.expect_err("it is gone");
    assert_eq!(error.kind(), Kind::Conflict);
    let appended = log.append(vec![entry("a.x", "2")], Expect::LastOnSubject(Position::START)).await.expect("there is none");
    assert_eq!(appended[0].position, Position(2));
}

/// What was acknowledged is there after the log is opened again, and it is the same log.
pub async fn entries_and_continuity_outlive_the_process(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for n in 1..=5 {
        put(&*log, entry_with_id("a.x", &n.to_string(), &n.to_string())).await;
    }
    let before = log.continuity().await.expect("continuity");
    let prints: Vec<String> = held(&*log).await.iter().map(Entry::fingerprint).collect();
    drop(log);
    fixture.advance(Duration::from_millis(10)).await;
    let log = fixture.open().await;
    assert_eq!(log.continuity().await.expect("continuity"), before);
    assert_eq!(held(&*log).await.iter().map(Entry::fingerprint).collect::<Vec<_>>(), prints);
    let appended = log.append(vec![entry("a.x", "6")], Expect::LastOnSubject(Position(5))).await.expect("the chain goes on");
    assert_eq!(appended[0].position, Position(6));
}

/// The tail does not go back, not even when nothing is left and the log is opened again.
pub async fn positions_go_on_after_everything_was_deleted(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for _ in 0..3 {
        put(&*log, entry("a.x", "1")).await;
    }
    log.purge("a.x", NOBODY).await.expect("purged");
    let empty = log.continuity().await.expect("continuity");
    assert_eq!((empty.first, empty.tail), (Position(4), Position(3)));
    drop(log);
    let log = fixture.open().await;
    assert_eq!(log.continuity().await.expect("continuity"), empty);
    assert_eq!(put(&*log, entry("a.x", "4")).await, Position(4));
    assert_eq!(positions(&take(&*log, &[ALL], Position::START, 1).await), [4]);
}

/// What is older than the age goes, what is younger stays.
pub async fn retention_by_age_deletes_what_is_old(fixture: &dyn Fixture) {
    if !fixture.capabilities().exact_time {
        return;
    }
    let log = fixture.open().await;
    let age = Settings::default().retention.age_max;
    for _ in 0..3 {
        put(&*log, entry("a.x", "old")).await;
    }
    fixture.advance(age / 2).await;
    put(&*log, entry("a.y", "young")).await;
    assert_eq!(log.retain(NOBODY).await.expect("retained"), 0);
    fixture.advance(age / 2 + Duration::from_secs(1)).await;
    assert_eq!(log.retain(NOBODY).await.expect("retained"), 3);
    assert_eq!(log.retain(NOBODY).await.expect("retained"), 0);
    assert_eq!(bodies(&held(&*log).await), ["young"]);
    assert!(log.last("a.x").await.expect("read").is_none());
    let continuity = log.continuity().await.expect("continuity");
    assert_eq!((continuity.first, continuity.tail), (Position(4), Position(4)));
}

/// Above the size the oldest go, and not many more than have to.
pub async fn retention_by_size_deletes_the_oldest(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let body = "x".repeat(100_000);
    let bytes_max = Settings::default().retention.bytes_max as usize;
    for _ in 0..3 * bytes_max / body.len() {
        put(&*log, entry("a.x", &body)).await;
    }
    let gone = log.retain(NOBODY).await.expect("retained");
    let held = held(&*log).await;
    let bytes = held.iter().map(|e| e.body.len()).sum::<usize>();
    assert!(bytes <= bytes_max && bytes >= bytes_max / 2, "{bytes} bytes are held of at most {bytes_max}");
    let tail = log.continuity().await.expect("continuity").tail.0;
    assert_eq!(positions(&held), (gone + 1..=tail).collect::<Vec<_>>());
}

/// A log that tells how much it holds counts at least the bodies, knows its retention, and shrinks by it.
pub async fn what_is_held_is_told(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let body = "x".repeat(100_000);
    let empty = log.size().await.expect("a size").expect("this log can tell");
    assert_eq!(empty.retention_bytes, Some(Settings::default().retention.bytes_max));
    assert!(empty.bytes_max.is_none_or(|max| Some(max) >= empty.retention_bytes), "{empty:?}");
    for _ in 0..80 {
        put(&*log, entry("a.x", &body)).await;
    }
    let full = log.size().await.expect("a size").expect("this log can tell").bytes;
    assert!(full >= empty.bytes + 80 * 100_000, "{full}");
    log.retain(NOBODY).await.expect("retained");
    let held = log.size().await.expect("a size").expect("this log can tell").bytes;
    assert!(held <= Settings::default().retention.bytes_max, "{held}");
}

/// Retention stops at the position that a reader still needs, by age and by size.
pub async fn retention_never_passes_what_is_still_needed(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let body = "x".repeat(100_000);
    for _ in 0..80 {
        put(&*log, entry("a.x", &body)).await;
    }
    if fixture.capabilities().exact_time {
        fixture.advance(Settings::default().retention.age_max * 2).await;
    }
    assert_eq!(log.retain(Position(1)).await.expect("retained"), 0);
    log.retain(Position(4)).await.expect("retained");
    let first = log.continuity().await.expect("continuity").first;
    assert!(first <= Position(4), "{first} is still held");
    assert_eq!(positions(&take(&*log, &[ALL], Position(3), 77).await), (4..=80).collect::<Vec<_>>());
}

/// No entry: the first position is the one after the tail.
pub async fn a_new_log_says_that_it_is_empty(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let continuity = log.continuity().await.expect("continuity");
    assert_eq!((continuity.first, continuity.tail), (Position(1), Position::START));
    assert!(log.get(Position(1)).await.expect("read").is_none());
    assert!(log.last("a.x").await.expect("read").is_none());
    assert_eq!(log.retain(NOBODY).await.expect("retained"), 0);
}
