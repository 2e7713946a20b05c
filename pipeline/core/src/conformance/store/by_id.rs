//! Results that are found by their ids.

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Definition, Rollup, Score, Series};

use super::Fixture;
use super::entries::{commit_entry, definition_entry, rollup};
use super::scores::score;
use crate::ports::Position;

fn series(n: u32) -> Series {
    Series::new("load").unit("1").label("core", n.to_string())
}

/// A definition whose results do not count yet.
const NEXT: Definition<'static> = Definition { version: "00000002", jobs: 2, rebuilding: true };

/// Whole and as it was written, as long as no higher revision of its window has come; retractions too, and results that do
/// not count.
pub async fn a_rollup_is_found_by_its_id(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let of = |n, start, revision| rollup("w", ["host", "web"][n as usize % 2], series(n), start, revision, f64::from(n) / 3.0);
    let mut all: Vec<Rollup> = (0..40).map(|n| of(n, i64::from(n % 7) * 10, 0)).collect();
    all.push(rollup("other", "host", series(0), 0, 0, 0.5));
    let (before, newer) = (of(0, 0, 0), of(0, 0, 1));
    let mut retraction = of(1, 10, 1);
    retraction.aggregates.count = 0;
    let write = async |at: u64, rollups: Vec<Rollup>| {
        let entry = commit_entry(at, "w", rollups.into_iter().map(Output::Rollup).collect());
        stores.rollups.write(&[entry], Position(at - 1), Position(at)).await.expect("written");
    };
    let find = async |id: &str| stores.query.rollup(id).await.expect("an answer");
    assert_eq!(find(&before.id).await, None);
    write(1, all.clone()).await;
    for rollup in all {
        assert_eq!(find(&rollup.id).await, Some(rollup));
    }
    write(2, vec![newer.clone(), retraction.clone()]).await;
    assert_eq!((find(&before.id).await, find(&newer.id).await), (None, Some(newer.clone())));
    assert_eq!(find(&retraction.id).await, Some(retraction));
    let next = Rollup { id: "e".repeat(32), version: NEXT.version.to_owned(), ..newer.clone() };
    let entry = definition_entry(3, "w", NEXT, 0, vec![Output::Rollup(next.clone())]);
    stores.rollups.write(&[entry], Position(2), Position(3)).await.expect("written");
    assert_eq!((find(&next.id).await, find(&newer.id).await), (Some(next), Some(newer)));
    for other in ["", "0", "' OR 1=1", &"f".repeat(32)] {
        assert_eq!(find(other).await, None, "{other:?}");
    }
}

/// The same of scores. An id of a rollup is none of a score.
pub async fn a_score_is_found_by_its_id(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let of = |n, secs, revision| score("unusual", ["host", "web"][n as usize % 2], series(n), secs, revision, f64::from(n) / 3.0);
    let all: Vec<Score> = (0..40).map(|n| of(n, i64::from(n % 7) * 10, 0)).collect();
    let (before, newer) = (of(0, 0, 0), of(0, 0, 1));
    let of_rollup = rollup("w", "host", series(0), 0, 0, 1.0);
    let write = async |at: u64, scores: Vec<Score>| {
        let outputs = scores.into_iter().map(Output::Score).chain([Output::Rollup(of_rollup.clone())]).collect();
        let entries = [commit_entry(at, "unusual", outputs)];
        stores.scores.write(&entries, Position(at - 1), Position(at)).await.expect("written");
        stores.rollups.write(&entries, Position(at - 1), Position(at)).await.expect("written");
    };
    let find = async |id: &str| stores.query.score(id).await.expect("an answer");
    assert_eq!(find(&before.id).await, None);
    write(1, all.clone()).await;
    for score in all {
        assert_eq!(find(&score.id).await, Some(score));
    }
    write(2, vec![newer.clone()]).await;
    assert_eq!((find(&before.id).await, find(&newer.id).await), (None, Some(newer.clone())));
    let next = Score { id: "e".repeat(32), version: NEXT.version.to_owned(), ..newer.clone() };
    let entry = definition_entry(3, "unusual", NEXT, 0, vec![Output::Score(next.clone())]);
    stores.scores.write(&[entry], Position(2), Position(3)).await.expect("written");
    assert_eq!(find(&next.id).await, Some(next));
    assert_eq!((find(&of_rollup.id).await, find("").await), (None, None));
    assert_eq!(stores.query.rollup(&newer.id).await.expect("an answer"), None);
}
