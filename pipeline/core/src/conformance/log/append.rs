//! Appending: order, expectations, deduplication.

use std::time::Duration;

use super::*;
use crate::Kind;
use crate::ports::log::Appended;

/// Positions start at 1 and rise by one, over appends and within one.
pub async fn positions_rise_by_one_in_the_order_of_appending(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    assert_eq!(put(&*log, entry("a.x", "1")).await, Position(1));
    let many = vec![entry("a.x", "2"), entry("a.y", "3"), entry("a.x", "4")];
    let appended = log.append(many, Expect::Anything).await.expect("appended");
    assert_eq!(appended, [2, 3, 4].map(|n| Appended { position: Position(n), duplicate: false }));
    assert_eq!(put(&*log, entry("a.y", "5")).await, Position(5));
    let entries = take(&*log, &[ALL], Position::START, 5).await;
    assert_eq!(bodies(&entries), ["1", "2", "3", "4", "5"]);
    assert_eq!(positions(&entries), [1, 2, 3, 4, 5]);
}

/// Subject, id, headers and body come back; a body may be empty.
pub async fn entries_come_back_as_they_were_appended(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let mut headers = Headers::default();
    headers.set("Content-Type", "text/plain");
    headers.set("Floodmark-Cursor", "page: 7, städte");
    let full = NewEntry { subject: "a.full".into(), id: Some("id-1".into()), headers, body: Bytes::from_static(&[0, 255, 10]) };
    put(&*log, full.clone()).await;
    put(&*log, entry("a.empty", "")).await;
    let entries = take(&*log, &[ALL], Position::START, 2).await;
    let found = entries[0].clone();
    assert_eq!((&found.subject, &found.id, &found.body), (&full.subject, &full.id, &full.body));
    for (name, value) in full.headers.iter() {
        assert_eq!(found.headers.get(name), Some(value));
    }
    assert_eq!((entries[1].subject.as_str(), entries[1].body.len()), ("a.empty", 0));
    assert_eq!(entries[1].id, None);
}

/// No entries: nothing to do.
pub async fn an_append_of_no_entries_changes_nothing(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    assert_eq!(log.append(Vec::new(), Expect::Anything).await.expect("appended"), []);
    assert_eq!(log.continuity().await.expect("continuity").tail, Position::START);
}

/// Compare-and-set goes through when the last entry is the expected one.
pub async fn an_expectation_that_holds_lets_the_append_through(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let mut last = Position::START;
    for n in 1..=3 {
        let appended = log.append(vec![entry("a.chain", "x")], Expect::LastOnSubject(last)).await.expect("it holds");
        last = appended[0].position;
        assert_eq!(last, Position(n));
    }
}

/// A failed expectation is a conflict and leaves no trace.
pub async fn an_expectation_that_fails_stores_nothing(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    put(&*log, entry("a.chain", "1")).await;
    let last = put(&*log, entry("a.chain", "2")).await;
    for wrong in [Position::START, Position(1), Position(last.0 + 1)] {
        let error = log.append(vec![entry("a.chain", "no")], Expect::LastOnSubject(wrong)).await.expect_err("it does not hold");
        assert_eq!(error.kind(), Kind::Conflict, "{wrong}");
    }
    assert_eq!(put(&*log, entry("a.chain", "3")).await, Position(3));
    assert_eq!(bodies(&take(&*log, &[ALL], Position::START, 3).await), ["1", "2", "3"]);
}

/// "There must be none" is an expectation like any other.
pub async fn an_expectation_of_none_holds_only_before_the_first(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let none = Expect::LastOnSubject(Position::START);
    log.append(vec![entry("a.chain", "1")], none.clone()).await.expect("there is none");
    let error = log.append(vec![entry("a.chain", "2")], none).await.expect_err("there is one");
    assert_eq!(error.kind(), Kind::Conflict);
}

/// Entries on other subjects do not matter.
pub async fn an_expectation_looks_at_its_own_subject_only(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let mine = put(&*log, entry("a.chain.1", "1")).await;
    put(&*log, entry("a.chain.2", "2")).await;
    put(&*log, entry("a.chain", "3")).await;
    log.append(vec![entry("a.chain.1", "4")], Expect::LastOnSubject(mine)).await.expect("it holds");
}

/// Each subject of an append may have an expectation; one that fails keeps its own subject unchanged, and the last entry of
/// the append out.
pub async fn each_subject_of_an_append_may_have_its_expectation(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let expect = |x: u64, y: u64| Expect::LastOnSubjects([("a.x".to_owned(), Position(x)), ("a.y".to_owned(), Position(y))].into());
    let group = |n: u64| vec![entry_with_id("a.x", &format!("{n}x"), "x"), entry("a.z", "z"), entry_with_id("a.y", &format!("{n}y"), "y")];
    let appended = log.append(group(1), expect(0, 0)).await.expect("there are none");
    let [x, _, y] = [0, 1, 2].map(|i| appended[i].position.0);
    for (wrong_x, wrong_y) in [(x - 1, y), (x, y + 1), (0, 0)] {
        let error = log.append(group(2), expect(wrong_x, wrong_y)).await.expect_err("it does not hold");
        assert_eq!(error.kind(), Kind::Conflict, "{wrong_x} {wrong_y}");
        let last = log.last("a.y").await.expect("an answer").expect("an entry");
        assert_eq!(last.position, Position(y), "the last entry of the append is not there");
    }
    let again = log.append(group(1), expect(0, 0)).await.expect("a repetition is no conflict");
    assert_eq!((again[0].position.0, again[2].position.0, again[0].duplicate, again[2].duplicate), (x, y, true, true));
}

/// Of an append whose beginning was stored, the rest goes through only if nobody else came in between; an entry that was
/// stored long before is no obstacle.
pub async fn the_rest_of_an_append_follows_what_was_stored_of_it(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let old = put(&*log, entry_with_id("a.x", "old", "0")).await;
    let last = put(&*log, entry("a.x", "1")).await;
    let whole = |n: u64| vec![entry_with_id("a.x", &format!("{n}a"), "a"), entry_with_id("a.x", &format!("{n}b"), "b")];
    log.append(vec![entry_with_id("a.x", "1a", "a")], Expect::LastOnSubject(last)).await.expect("the beginning");
    let rest = log.append(whole(1), Expect::LastOnSubject(last)).await.expect("it follows");
    assert_eq!((rest[0].duplicate, rest[1].duplicate), (true, false));
    let last = rest[1].position;
    log.append(vec![entry_with_id("a.x", "2a", "a")], Expect::LastOnSubject(last)).await.expect("the beginning");
    put(&*log, entry("a.x", "rival")).await;
    let error = log.append(whole(2), Expect::LastOnSubject(last)).await.expect_err("a rival came in between");
    assert_eq!(error.kind(), Kind::Conflict);
    let last = log.last("a.x").await.expect("an answer").expect("an entry").position;
    let mixed = vec![entry_with_id("a.x", "old", "0"), entry_with_id("a.x", "new", "n")];
    let appended = log.append(mixed, Expect::LastOnSubject(last)).await.expect("what is old is no obstacle");
    assert_eq!((appended[0], appended[1].duplicate), (Appended { position: old, duplicate: true }, false));
}

/// Rivals that append at the same moment with the same expectation: one succeeds.
pub async fn one_of_many_rivals_wins_each_position(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let mut last = Position::START;
    for round in 0..10 {
        let rivals = (0..8).map(|n| log.append(vec![entry("a.chain", &format!("{round}.{n}"))], Expect::LastOnSubject(last)));
        let outcomes = poll::all(rivals).await;
        let winners: Vec<_> = outcomes.iter().filter_map(|o| o.as_ref().ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        assert!(outcomes.iter().filter_map(|o| o.as_ref().err()).all(|e| e.kind() == Kind::Conflict));
        last = winners[0][0].position;
    }
    assert_eq!(last, Position(10));
}

/// A duplicate is answered with the first one's place and not stored, whatever its subject and body.
pub async fn a_second_entry_with_an_id_answers_where_the_first_stands(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    put(&*log, entry("a.x", "0")).await;
    put(&*log, entry_with_id("a.x", "one", "1")).await;
    put(&*log, entry_with_id("a.x", "two", "2")).await;
    let again = Appended { position: Position(2), duplicate: true };
    let append = |entries| log.append(entries, Expect::Anything);
    assert_eq!(append(vec![entry_with_id("a.x", "one", "again")]).await.expect("appended"), [again]);
    let mixed = vec![entry_with_id("a.x", "three", "3"), entry_with_id("a.y", "one", "x"), entry_with_id("a.x", "three", "3")];
    let three = Appended { position: Position(4), duplicate: false };
    assert_eq!(append(mixed).await.expect("appended"), [three, again, Appended { duplicate: true, ..three }]);
    assert_eq!(bodies(&held(&*log).await), ["0", "1", "2", "3"]);
}

/// The answer was lost, the caller repeats: the expectation no longer holds, but the entry is its own.
pub async fn an_append_with_expectation_may_be_repeated(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let commit = || vec![entry_with_id("a.chain", "commit-1", "1")];
    let none = Expect::LastOnSubject(Position::START);
    log.append(commit(), none.clone()).await.expect("appended");
    let again = log.append(commit(), none.clone()).await.expect("a repetition is no conflict");
    assert_eq!(again, [Appended { position: Position(1), duplicate: true }]);
}

/// After the window an id is like new; until then it is not.
pub async fn ids_may_come_again_after_the_duplicate_window(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let window = Settings::default().duplicate_window;
    put(&*log, entry_with_id("a.x", "one", "1")).await;
    fixture.advance(window / 2).await;
    let duplicate = log.append(vec![entry_with_id("a.x", "one", "no")], Expect::Anything).await.expect("appended");
    assert!(duplicate[0].duplicate);
    fixture.advance(window).await;
    assert_eq!(put(&*log, entry_with_id("a.x", "one", "2")).await, Position(2));
    let duplicate = log.append(vec![entry_with_id("a.x", "one", "no")], Expect::Anything).await.expect("appended");
    assert_eq!(duplicate, [Appended { position: Position(2), duplicate: true }]);
}

/// Ids survive the process, also ids of entries that were deleted since.
pub async fn ids_are_remembered_when_the_log_is_opened_again(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    put(&*log, entry_with_id("a.x", "one", "1")).await;
    put(&*log, entry_with_id("a.y", "two", "2")).await;
    log.purge("a.x", Position(3)).await.expect("purged");
    drop(log);
    let log = fixture.open().await;
    for (id, position) in [("one", 1), ("two", 2)] {
        let again = log.append(vec![entry_with_id("a.x", id, "no")], Expect::Anything).await.expect("appended");
        assert_eq!(again, [Appended { position: Position(position), duplicate: true }], "{id}");
    }
}

/// One entry of an append that cannot be stored keeps the others out, where the log claims so.
pub async fn an_append_is_stored_whole_or_not_at_all(fixture: &dyn Fixture) {
    if !fixture.capabilities().atomic_append {
        return;
    }
    let log = fixture.open().await;
    let too_large = "x".repeat(fixture.capabilities().entry_bytes_max + 1);
    let some = vec![entry_with_id("a.x", "one", "1"), entry("a.x", &too_large), entry("a.x", "3")];
    log.append(some, Expect::Anything).await.expect_err("one is too large");
    assert_eq!(log.continuity().await.expect("continuity").tail, Position::START);
    assert_eq!(put(&*log, entry_with_id("a.x", "one", "1")).await, Position(1));
}

/// The largest body goes in, one byte more does not.
pub async fn an_entry_that_is_too_large_is_rejected(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let largest = "x".repeat(fixture.capabilities().entry_bytes_max);
    put(&*log, entry("a.x", &largest)).await;
    let error = log.append(vec![entry("a.x", &format!("{largest}x"))], Expect::Anything).await.expect_err("it is too large");
    assert_eq!(error.kind(), Kind::Rejected);
    let found = log.get(Position(1)).await.expect("read").expect("held");
    assert!(found.body == largest.as_bytes());
}

/// Appenders at the same time: no position twice, none left out, each appender's in its order.
pub async fn concurrent_appenders_get_contiguous_positions(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let (appenders, rounds) = (16, 20);
    let appender = async |n: usize| {
        let mut given = Vec::new();
        for round in 0..rounds {
            given.push(put(&*log, entry_with_id(&format!("a.{n}"), &format!("{n}.{round}"), &format!("{n}.{round}"))).await.0);
        }
        given
    };
    let given = poll::all((0..appenders).map(appender)).await;
    assert!(given.iter().all(|positions| positions.is_sorted()));
    let entries = take(&*log, &[ALL], Position::START, appenders * rounds).await;
    assert_eq!(positions(&entries), (1..=(appenders * rounds) as u64).collect::<Vec<_>>());
    for (n, positions) in given.iter().enumerate() {
        for (round, position) in positions.iter().enumerate() {
            assert_eq!(entries[*position as usize - 1].body, format!("{n}.{round}").as_bytes());
        }
    }
}

/// Log time follows the clock and stands still when the clock does.
pub async fn log_time_never_goes_backwards(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for step in [0, 5, 0, 7] {
        fixture.advance(Duration::from_millis(step)).await;
        put(&*log, entry("a.x", "1")).await;
    }
    let entries = take(&*log, &[ALL], Position::START, 4).await;
    let times: Vec<i64> = entries.iter().map(|e| e.time.micros()).collect();
    assert!(times.is_sorted());
    if fixture.capabilities().exact_time {
        assert_eq!(times.iter().map(|t| t - times[0]).collect::<Vec<_>>(), [0, 5_000, 5_000, 12_000]);
    }
}
