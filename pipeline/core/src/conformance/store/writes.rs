//! What sinks write: revisions, repeats, positions, dead letters.

use std::collections::BTreeMap;

use floodmark_schemas::commit::{Late, Output};
use floodmark_schemas::{Aggregates, Availability, Bucket, Claim, DeadLetter, JobEntry, Ranked, Rollup, Series, Timestamp};

use super::entries::{commit_entry, dead_letter_entry, entry, rollup};
use super::{Fixture, Stores, all_pages};
use crate::Kind;
use crate::ports::{Mark, Position, RollupFilter, Standing};

async fn stored(stores: &Stores) -> Vec<Rollup> {
    let filter = &RollupFilter::default();
    all_pages(100, |token| async move { stores.query.rollups(filter, token.as_deref(), 100).await }).await
}

async fn letters(stores: &Stores) -> Vec<DeadLetter> {
    all_pages(2, |token| async move { stores.query.dead_letters(None, token.as_deref(), 2).await }).await
}

/// Every field comes back, floats to the last bit.
pub async fn rollups_come_back_as_they_were_written(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let full = Aggregates {
        count: u64::from(u32::MAX) + 1,
        sum: Some(0.1 + 0.2),
        mean: Some(-0.0),
        min: Some(f64::MIN_POSITIVE),
        max: Some(f64::MAX),
        stddev: Some(1.0 / 3.0),
        first: Some(-1.5e-300),
        last: Some(9_007_199_254_740_993.0),
        quantiles: BTreeMap::from([("0.5".to_owned(), 0.1), ("0.99".to_owned(), 2.0 / 3.0)]),
        delta: Some(-1e-300),
        increase: Some(1.0 / 7.0),
        rate: Some(0.0),
        distinct: Some(u64::from(u32::MAX) + 7),
        availability: Some(Availability { up: 1.0 / 3.0, observed: 0.1 }),
        top: vec![
            Ranked { name: "a.\"$\0 ü".to_owned(), amount: 0.1, error: 2.0 / 3.0 },
            Ranked { name: String::new(), amount: 0.0, error: 0.0 },
        ],
        histogram: vec![Bucket { le: -0.1, count: 0 }, Bucket { le: 2.0 / 3.0, count: 3 }],
    };
    let series = Series::new("temperature").unit("Cel").label("place", "Zürich \"HB\"");
    let first = Rollup { aggregates: full, ..rollup("w10s", "meteo", series, -20, 7, 0.0) };
    let second = rollup("w10s", "meteo", Series::new("wind"), 0, 0, 2.5);
    let outputs = vec![Output::Rollup(second.clone()), Output::Rollup(first.clone())];
    stores.rollups.write(&[commit_entry(1, "w10s", outputs)], Position(0), Position(1)).await.expect("written");
    assert_eq!(stored(&stores).await, [first, second]);
}

/// A lower revision never replaces a higher one, within a write or between writes.
pub async fn the_highest_revision_stands_whatever_the_order(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let revision = |n| rollup("w10s", "host", Series::new("load"), 10, n, f64::from(n));
    let output = |n| Output::Rollup(revision(n));
    let steps = [(vec![output(1), output(0)], 1), (vec![output(0)], 1), (vec![output(3), output(4), output(2)], 4), (vec![output(3)], 4)];
    for (at, (outputs, highest)) in (1..).zip(steps) {
        stores.rollups.write(&[commit_entry(at, "w10s", outputs)], Position(at - 1), Position(at)).await.expect("written");
        assert_eq!(stored(&stores).await, [revision(highest)], "after write {at}");
    }
}

/// Claims move the position and nothing else.
pub async fn claims_leave_no_rows(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let claim = serde_json::to_vec(&JobEntry::Claim(Claim { epoch: 1, n: 0, commit: 0 })).expect("a claim is JSON");
    stores.rollups.write(&[entry(5, "floodmark.outputs.w10s.0", claim)], Position(0), Position(5)).await.expect("written");
    assert_eq!(stores.rollups.position().await.expect("a position"), Position(5));
    assert_eq!((stored(&stores).await, letters(&stores).await), (Vec::new(), Vec::new()));
}

/// A write whose outcome was not known is repeated and finds itself there.
pub async fn a_repeated_write_changes_nothing(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let late = Late {
        operator: "w10s".to_owned(),
        source: "host".to_owned(),
        series: Series::new("load").into(),
        time: Timestamp::from_secs(3),
        value: 0.5,
        position: 9,
        index: 2,
    };
    let outputs = vec![Output::Rollup(rollup("w10s", "host", Series::new("load"), 10, 0, 1.0)), Output::Late(late)];
    let entries = [commit_entry(3, "w10s", outputs), entry(4, "floodmark.outputs.w10s.0", "nonsense")];
    let mut seen = Vec::new();
    for _ in 0..3 {
        stores.rollups.write(&entries, Position(0), Position(4)).await.expect("written");
        seen.push((stored(&stores).await, letters(&stores).await, stores.rollups.position().await.expect("a position")));
    }
    assert_eq!((seen[0].0.len(), seen[0].1.len(), seen[0].2), (1, 1, Position(4)));
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

/// A sink that has been overtaken writes nothing.
pub async fn a_write_of_rollups_from_another_position_is_a_conflict(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let commit = |at, value| [commit_entry(at, "w10s", vec![Output::Rollup(rollup("w10s", "host", Series::new("load"), 10, 0, value))])];
    stores.rollups.write(&commit(3, 1.0), Position(0), Position(3)).await.expect("written");
    let before = stored(&stores).await;
    for (from, to) in [(0, 4), (2, 5), (4, 6)] {
        let other = [commit_entry(to, "w1m", vec![Output::Rollup(rollup("w1m", "host", Series::new("other"), 10, 0, 2.0))])];
        let error = stores.rollups.write(&other, Position(from), Position(to)).await.expect_err("another position");
        assert_eq!(error.kind(), Kind::Conflict, "{from} to {to}");
    }
    assert_eq!(stored(&stores).await, before);
    assert_eq!(stores.rollups.position().await.expect("a position"), Position(3));
}

/// The same for dead letters.
pub async fn a_write_of_dead_letters_from_another_position_is_a_conflict(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let letter = DeadLetter::new("file", "1", "a:1", "bad", Timestamp::from_secs(0), b"x");
    let error = stores.dead_letters.write(&[dead_letter_entry(2, &letter)], Position(1), Position(2)).await.expect_err("it is at 0");
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(letters(&stores).await, []);
}

/// Each sink goes on where it stopped.
pub async fn positions_and_rollups_outlive_the_process(fixture: &dyn Fixture) {
    let commit = |at| {
        let series = Series::new("load");
        commit_entry(at, "w10s", vec![Output::Rollup(rollup("w10s", "host", series, at.cast_signed() * 10, 0, 1.0))])
    };
    let before = {
        let stores = fixture.open().await;
        stores.rollups.write(&[commit(1), commit(2)], Position(0), Position(7)).await.expect("written");
        stored(&stores).await
    };
    let stores = fixture.open().await;
    assert_eq!(stored(&stores).await, before);
    assert_eq!(stores.rollups.position().await.expect("a position"), Position(7));
    assert_eq!(stores.rollups.standing().await.expect("a standing").mark, Mark::of(&[commit(2)]), "the last entry that was written");
    stores.rollups.write(&[commit(8)], Position(7), Position(8)).await.expect("written");
    stores.rollups.write(&[], Position(8), Position(9)).await.expect("passed");
    assert_eq!(stored(&stores).await.len(), 3);
    let standing = Standing { position: Position(9), mark: Mark::of(&[commit(8)]) };
    assert_eq!(stores.rollups.standing().await.expect("a standing"), standing);
}

/// What a sink cannot read is set aside with the reason, and the rest is written.
pub async fn a_commit_that_cannot_be_read_becomes_a_dead_letter(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let good = rollup("w10s", "host", Series::new("load"), 10, 0, 1.0);
    let entries = [entry(1, "floodmark.outputs.w10s.0", UNREADABLE), commit_entry(2, "w10s", vec![Output::Rollup(good.clone())])];
    stores.rollups.write(&entries, Position(0), Position(2)).await.expect("written");
    assert_eq!(stored(&stores).await, [good]);
    expect_set_aside(&stores, "entry 1 on floodmark.outputs.w10s.0").await;
}

/// The same for dead letters.
pub async fn a_dead_letter_that_cannot_be_read_becomes_one(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let unreadable = entry(3, "floodmark.dead.file", UNREADABLE);
    stores.dead_letters.write(&[unreadable], Position(0), Position(3)).await.expect("written");
    expect_set_aside(&stores, "entry 3 on floodmark.dead.file").await;
}

/// The same for frames.
pub async fn a_frame_that_cannot_be_read_becomes_a_dead_letter(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    stores.catalog.write(&[entry(4, "floodmark.events.0.host", UNREADABLE)], Position(0), Position(4)).await.expect("written");
    expect_set_aside(&stores, "entry 4 on floodmark.events.0.host").await;
}

/// What no version of this program has written.
const UNREADABLE: &str = r#"{"schema":"floodmark.commit.v9"}"#;

async fn expect_set_aside(stores: &Stores, origin: &str) {
    let letters = letters(stores).await;
    let origins: Vec<&str> = letters.iter().map(|letter| letter.origin.as_str()).collect();
    assert_eq!(origins, [origin]);
    assert_eq!(letters[0].original, UNREADABLE);
    assert!(!letters[0].reason.is_empty());
    let found = stores.query.dead_letter(&letters[0].component, &letters[0].id).await.expect("an answer");
    assert_eq!(found.as_ref(), letters.first());
}

/// Newest first, then by component and id; the first letter of an id stays.
pub async fn dead_letters_come_newest_first(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let letter = |component: &str, id: &str, secs, original: &str| {
        DeadLetter::new(component, id, "a.csv:1", "not a number", Timestamp::from_secs(secs), original.as_bytes())
    };
    let mut expected = Vec::new();
    for n in 0..9 {
        expected.push(letter(["file", "http"][n % 2], &format!("{n:02}"), n as i64 / 3, "x,\"y\"\u{0}\nü"));
    }
    let entries: Vec<_> = (1..).zip(&expected).map(|(at, letter)| dead_letter_entry(at, letter)).collect();
    stores.dead_letters.write(&entries, Position(0), Position(9)).await.expect("written");
    let again = letter("file", "00", 99, "another text under the same id");
    stores.dead_letters.write(&[dead_letter_entry(10, &again)], Position(9), Position(10)).await.expect("written");
    expected.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| (&a.component, &a.id).cmp(&(&b.component, &b.id))));
    assert_eq!(letters(&stores).await, expected);
    let of_file = all_pages(2, |token| {
        let query = &stores.query;
        async move { query.dead_letters(Some("file"), token.as_deref(), 2).await }
    });
    expected.retain(|letter| letter.component == "file");
    assert_eq!(of_file.await, expected);
    assert_eq!(stores.query.dead_letter("http", "00").await.expect("an answer"), None);
}

/// A token is good for its own question only.
pub async fn a_page_of_another_question_about_dead_letters_is_rejected(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    for bad in super::NO_PAGES {
        let error = stores.query.dead_letters(None, Some(bad), 2).await.expect_err("not a page");
        assert_eq!(error.kind(), Kind::Rejected, "{bad:?}");
    }
}
