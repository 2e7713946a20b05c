//! Reading: positions, patterns, waiting, cancellation.

use super::*;

async fn reader(log: &dyn Log, patterns: &[&str], after: Position) -> Box<dyn crate::ports::Reader> {
    let patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
    log.reader(patterns, after).await.expect("the log gives readers")
}

/// Every position is a place to start.
pub async fn a_reader_starts_after_its_position(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for n in 1..=5 {
        put(&*log, entry("a.x", &n.to_string())).await;
    }
    for after in 0..5 {
        let entries = take(&*log, &[ALL], Position(after), 5 - after as usize).await;
        assert_eq!(positions(&entries), (after + 1..=5).collect::<Vec<_>>());
    }
}

/// One or several patterns, with and without wildcards; an entry that two patterns match comes once.
pub async fn a_reader_sees_only_what_its_patterns_match(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for subject in ["a.0.host", "a.1.host", "a.0.web", "b.0", "a.0", "a.0.host"] {
        put(&*log, entry(subject, subject)).await;
    }
    for (patterns, expected) in [
        (vec!["a.0.*"], vec![1, 3, 6]),
        (vec!["a.>"], vec![1, 2, 3, 5, 6]),
        (vec!["a.*.host"], vec![1, 2, 6]),
        (vec!["b.0"], vec![4]),
        (vec!["a.0", "b.0"], vec![4, 5]),
        (vec!["a.0.host", "a.0.*"], vec![1, 3, 6]),
        (vec![">"], vec![1, 2, 3, 4, 5, 6]),
    ] {
        let entries = take(&*log, &patterns, Position::START, expected.len()).await;
        assert_eq!(positions(&entries), expected, "{patterns:?}");
        let mut reader = reader(&*log, &patterns, Position(6)).await;
        assert!(polled(reader.next(Limit::default()), 20).await.is_none(), "{patterns:?} has no more");
    }
}

/// Few entries among many others, in pages, and a subject that is new while the reader reads.
pub async fn a_reader_of_a_rare_subject_passes_the_others(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let subject = |n: usize| if n % 100 == 7 { "rare.x" } else { "common.x" };
    for hundred in 0..6 {
        let many = (hundred * 100..hundred * 100 + 100).map(|n| entry(subject(n), "x")).collect();
        log.append(many, Expect::Anything).await.expect("appended");
    }
    let mut reader = reader(&*log, &["rare.*"], Position::START).await;
    let mut seen = Vec::new();
    while seen.len() < 6 {
        seen.extend(positions(&reader.next(Limit { until: None, entries: 2, bytes: 1 << 20 }).await.expect("read")));
    }
    assert_eq!(seen, [8, 108, 208, 308, 408, 508]);
    let appending = async { (put(&*log, entry("common.x", "x")).await, put(&*log, entry("rare.y", "x")).await) };
    let (page, _) = both(reader.next(Limit::default()), appending).await;
    assert_eq!(positions(&page.expect("read")), [602]);
}

/// With `until` a reader gives what matches up to there and then answers empty instead of waiting.
pub async fn a_reader_that_is_told_where_to_end_does_not_wait(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for n in 1..=6 {
        put(&*log, entry(if n % 2 == 1 { "odd" } else { "even" }, &n.to_string())).await;
    }
    for (until, expected) in [(0, vec![]), (3, vec![1, 3]), (4, vec![1, 3]), (5, vec![1, 3, 5]), (6, vec![1, 3, 5])] {
        let mut reader = log.reader(vec!["odd".into()], Position::START).await.expect("the log gives readers");
        let limit = Limit { until: Some(Position(until)), entries: 1, ..Limit::default() };
        let mut read = Vec::new();
        loop {
            let page = reader.next(limit).await.expect("the log reads");
            if page.is_empty() {
                break;
            }
            read.extend(positions(&page));
        }
        assert_eq!(read, expected, "until {until}");
        // The same reader goes on from there when it is told to go further.
        let all = Limit { until: Some(Position(6)), ..Limit::default() };
        while read.len() < 3 {
            read.extend(positions(&reader.next(all).await.expect("the log reads")));
        }
        assert_eq!(read, [1, 3, 5], "after until {until}");
    }
}

/// By count, by bytes with the entry that crosses, and never less than one.
pub async fn a_reader_takes_no_more_than_its_limit(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for _ in 0..10 {
        put(&*log, entry("a.x", "ten bytes.")).await;
    }
    for (entries, bytes, expected) in [(3, 1000, 3), (10, 25, 3), (10, 30, 3), (10, 0, 1), (0, 1000, 1), (100, 1000, 10)] {
        let mut reader = reader(&*log, &[ALL], Position::START).await;
        let page = reader.next(Limit { until: None, entries, bytes }).await.expect("read");
        assert!(!page.is_empty() && page.len() <= expected, "{} of {entries} entries, {bytes} bytes", page.len());
        assert_eq!(page[0].position, Position(1));
    }
}

/// At the tail `next` waits and goes on when something comes, many times over.
pub async fn a_reader_waits_at_the_tail_and_is_woken(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let mut reader = reader(&*log, &["a.*"], Position::START).await;
    for n in 1..=20 {
        let mut next = reader.next(Limit::default());
        assert!(polled(&mut next, 5).await.is_none(), "there is nothing yet");
        let (page, position) = both(next, put(&*log, entry("a.x", "x"))).await;
        assert_eq!(position, Position(n));
        assert_eq!(positions(&page.expect("read")), [n]);
    }
}

/// Being woken by what does not match is no reason to answer, nor to stop waiting.
pub async fn a_reader_of_another_subject_is_not_woken_for_good(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let mut reader = reader(&*log, &["a.x"], Position::START).await;
    let appending = async {
        for _ in 0..5 {
            put(&*log, entry("a.y", "no")).await;
        }
        put(&*log, entry("a.x", "yes")).await
    };
    let (page, position) = both(reader.next(Limit::default()), appending).await;
    assert_eq!(position, Position(6));
    assert_eq!(bodies(&page.expect("read")), ["yes"]);
}

/// `next` is dropped at every possible moment, while entries come.
pub async fn a_dropped_next_loses_nothing(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let mut reader = reader(&*log, &["a.x"], Position::START).await;
    let total = 60;
    let appending = async {
        for n in 0..total {
            put(&*log, entry("a.x", &n.to_string())).await;
            put(&*log, entry("a.y", "no")).await;
        }
    };
    let reading = async {
        let mut seen = Vec::new();
        let mut patience = 0;
        while seen.len() < total {
            patience = patience % 200 + 1;
            if let Some(page) = polled(reader.next(Limit { until: None, entries: 3, bytes: 1000 }), patience).await {
                seen.extend(positions(&page.expect("read")));
            }
        }
        seen
    };
    let (seen, ()) = both(reading, appending).await;
    assert_eq!(seen, (0..total as u64).map(|n| 2 * n + 1).collect::<Vec<_>>());
}

/// Readers do not take entries from each other.
pub async fn many_readers_see_every_entry(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let appending = async {
        for n in 0..50 {
            put(&*log, entry("a.x", &n.to_string())).await;
        }
    };
    let reading = poll::all((0..5).map(|_| take(&*log, &[ALL], Position::START, 50)));
    let (seen, ()) = both(reading, appending).await;
    for entries in seen {
        assert_eq!(positions(&entries), (1..=50).collect::<Vec<_>>());
    }
}

/// The newest on exactly the subject; none when there is none.
pub async fn the_last_entry_of_a_subject_is_found(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    put(&*log, entry("a.x", "1")).await;
    put(&*log, entry("a.x", "2")).await;
    put(&*log, entry("a.y", "3")).await;
    let last = async |subject| log.last(subject).await.expect("read").map(|e| e.position);
    assert_eq!(last("a.x").await, Some(Position(2)));
    assert_eq!(last("a.y").await, Some(Position(3)));
    assert_eq!(last("a").await, None);
    assert_eq!(last("a.z").await, None);
}

/// By position; none before the first and after the last.
pub async fn an_entry_is_found_by_its_position(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    put(&*log, entry("a.x", "1")).await;
    put(&*log, entry("a.y", "2")).await;
    let get = async |n| log.get(Position(n)).await.expect("read");
    assert!(get(0).await.is_none());
    assert_eq!(bodies(&[get(1).await.expect("held"), get(2).await.expect("held")]), ["1", "2"]);
    assert!(get(3).await.is_none());
    let by_reader = take(&*log, &[ALL], Position::START, 2).await;
    assert_eq!(get(2).await.expect("held").fingerprint(), by_reader[1].fingerprint());
}

/// What a reader would still get: of its patterns, after its position, and not deleted.
pub async fn what_is_pending_is_counted(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let pending = async |pattern: &str, after: u64| log.pending(&[pattern.to_owned()], Position(after)).await.expect("counted");
    assert_eq!(pending(ALL, 0).await, 0);
    for n in 0..9 {
        put(&*log, entry(&format!("a.{}", n % 3), "x")).await;
    }
    assert_eq!([pending(ALL, 0).await, pending("a.1", 0).await, pending("a.1", 2).await], [9, 3, 2]);
    assert_eq!([pending("a.*", 8).await, pending("a.1", 9).await, pending("b", 0).await], [1, 0, 0]);
    log.purge("a.1", Position(6)).await.expect("purged");
    assert_eq!(pending("a.1", 0).await, 1);
}
