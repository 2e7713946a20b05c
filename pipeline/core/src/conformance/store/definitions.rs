//! Operators whose definition has changed: their new results stand beside the old ones until they take over.

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Definition, Rollup, Score, Series};

use super::entries::{definition_entry, rollup};
use super::scores::score;
use super::{Fixture, Stores, all_pages};
use crate::Kind;
use crate::ports::{Entry, KnownResultSet, Position, RollupFilter, ScoreFilter};
use crate::result_sets::State;

const OLD: &str = "00000001";
const NEW: &str = "00000002";

/// What one operator has made: of rollups and scores the same is true.
struct Made {
    version: &'static str,
    secs: i64,
    value: f64,
}

impl Made {
    fn rollup(&self) -> Rollup {
        let version = self.version.to_owned();
        Rollup { version, ..rollup("w", "host", Series::new("load"), self.secs, 0, self.value) }
    }

    fn score(&self) -> Score {
        Score { version: self.version.to_owned(), ..score("w", "host", Series::new("load"), self.secs, 0, self.value) }
    }
}

fn made(version: &'static str, secs: i64, value: f64) -> Made {
    Made { version, secs, value }
}

/// An entry of a job of the operator, which has two, with what it has made.
fn of(at: u64, version: &str, job: u32, rebuilding: bool, made: &[Made]) -> Entry {
    let outputs = made.iter().flat_map(|made| [Output::Rollup(made.rollup()), Output::Score(made.score())]).collect();
    definition_entry(at, "w", Definition { version, jobs: 2, rebuilding }, job, outputs)
}

async fn write(stores: &Stores, entry: Entry) {
    let (from, to) = (Position(entry.position.0 - 1), entry.position);
    for sink in [&stores.rollups, &stores.scores] {
        sink.write(std::slice::from_ref(&entry), from, to).await.expect("written");
    }
}

/// What is answered, by each of the ways in which a store may look for it.
async fn answered(stores: &Stores, version: Option<&str>) -> (Vec<Rollup>, Vec<Score>) {
    let (query, version) = (&stores.query, version.map(str::to_owned));
    let mut answers = Vec::new();
    for (operator, metric) in [(None, None), (Some("w"), None), (None, Some("load")), (Some("w"), Some("load"))] {
        let (operator, metric) = (operator.map(str::to_owned), metric.map(str::to_owned));
        let rollups =
            &RollupFilter { operator: operator.clone(), metric: metric.clone(), version: version.clone(), ..RollupFilter::default() };
        let scores = &ScoreFilter { operator, metric, version: version.clone(), ..ScoreFilter::default() };
        answers.push((
            all_pages(1, |token| async move { query.rollups(rollups, token.as_deref(), 1).await }).await,
            all_pages(1, |token| async move { query.scores(scores, token.as_deref(), 1).await }).await,
        ));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    answers.remove(0)
}

fn expected(made: &[Made]) -> (Vec<Rollup>, Vec<Score>) {
    (made.iter().map(Made::rollup).collect(), made.iter().map(Made::score).collect())
}

async fn states(stores: &Stores, of: &str) -> Vec<(String, State, u64)> {
    let all = stores.result_sets.result_sets().await.expect("an answer");
    let told = |set: KnownResultSet| (set.set.version, set.set.state, set.results);
    all.into_iter().filter(|set| set.of == of).map(told).collect()
}

/// Until each job of the new definition is through, people see the old results and nothing of the new ones; with the entry
/// that says so they see the new ones and nothing of the old, also of windows that only the old definition has. What was
/// replaced can still be asked for.
pub async fn results_of_a_changed_operator_take_over_at_once(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let old = || [made(OLD, 10, 1.0), made(OLD, 20, 2.0)];
    write(&stores, of(1, OLD, 0, false, &old())).await;
    write(&stores, of(2, NEW, 0, true, &[made(NEW, 10, 7.0)])).await;
    write(&stores, of(3, NEW, 1, true, &[made(NEW, 15, 8.0)])).await;
    write(&stores, of(4, NEW, 0, false, &[])).await;
    assert_eq!(answered(&stores, None).await, expected(&old()));
    // Another process sees the same, and goes on there.
    let stores = fixture.open().await;
    assert_eq!(answered(&stores, None).await, expected(&old()));
    let new = || [made(NEW, 10, 7.0), made(NEW, 15, 8.0), made(NEW, 30, 9.0)];
    assert_eq!(answered(&stores, Some(NEW)).await, expected(&new()[..2]));
    for of in ["rollups", "scores"] {
        assert_eq!(states(&stores, of).await, [(OLD.to_owned(), State::Current, 2), (NEW.to_owned(), State::Rebuilding, 2)]);
    }
    write(&stores, of(5, NEW, 1, false, &[made(NEW, 30, 9.0)])).await;
    assert_eq!(answered(&stores, None).await, expected(&new()));
    assert_eq!(answered(&stores, Some(OLD)).await, expected(&old()));
    for of in ["rollups", "scores"] {
        assert_eq!(states(&stores, of).await, [(OLD.to_owned(), State::Replaced, 2), (NEW.to_owned(), State::Current, 3)]);
    }
}

/// Only what was replaced can be dropped, and only that goes.
pub async fn replaced_results_can_be_dropped(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    write(&stores, of(1, OLD, 0, false, &[made(OLD, 10, 1.0), made(OLD, 20, 2.0)])).await;
    write(&stores, of(2, NEW, 0, true, &[made(NEW, 10, 7.0)])).await;
    for version in [OLD, NEW] {
        let refused = stores.result_sets.drop_result_set("w", version).await.expect_err("it is not replaced");
        assert_eq!(refused.kind(), Kind::Rejected);
    }
    write(&stores, of(3, NEW, 0, false, &[])).await;
    write(&stores, of(4, NEW, 1, false, &[])).await;
    assert_eq!(stores.result_sets.drop_result_set("w", OLD).await.expect("dropped"), 4);
    assert_eq!(stores.result_sets.drop_result_set("w", OLD).await.expect("nothing to do"), 0);
    assert_eq!(answered(&stores, None).await, expected(&[made(NEW, 10, 7.0)]));
    assert_eq!(answered(&stores, Some(OLD)).await, expected(&[]));
    assert_eq!(states(&stores, "rollups").await, [(NEW.to_owned(), State::Current, 1)]);
    // The definition comes back and is computed anew.
    write(&stores, of(5, OLD, 0, true, &[made(OLD, 10, 1.0)])).await;
    write(&stores, of(6, OLD, 0, false, &[])).await;
    write(&stores, of(7, OLD, 1, false, &[])).await;
    assert_eq!(answered(&stores, None).await, expected(&[made(OLD, 10, 1.0)]));
}
