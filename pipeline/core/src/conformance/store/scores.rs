//! Scores: what is written comes back, and questions answer what a plain list does.

use std::collections::BTreeMap;

use floodmark_schemas::commit::Output;
use floodmark_schemas::score::{Episode, Head, ScoreState};
use floodmark_schemas::{Score, Series, Timestamp, Window};

use super::entries::{Numbers, commit_entries, commit_entry, entry, rollup};
use super::{Fixture, Stores, all_pages};
use crate::Kind;
use crate::ports::{Position, RollupFilter, ScoreFilter};

/// A score of a usual value.
pub(super) fn score(operator: &str, source: &str, series: Series, secs: i64, revision: u32, value: f64) -> Score {
    let id = floodmark_schemas::series::fnv1a(format!("{operator}{source}{series}{secs}{revision}").as_bytes());
    Score {
        id: format!("{id:032x}"),
        operator: operator.to_owned(),
        version: "00000001".to_owned(),
        source: source.to_owned(),
        series: series.into(),
        time: Timestamp::from_secs(secs),
        window: None,
        revision,
        value,
        score: value,
        novelty: value,
        jump: 0.0,
        staleness: 0.0,
        head: Head::Novelty,
        baseline: None,
        lower: None,
        upper: None,
        state: ScoreState::Normal,
        episode: None,
    }
}

fn of_load(secs: i64, revision: u32, value: f64) -> Score {
    score("unusual", "host", Series::new("load"), secs, revision, value)
}

async fn ask(stores: &Stores, filter: &ScoreFilter, limit: usize) -> Vec<Score> {
    all_pages(limit, |token| async move { stores.query.scores(filter, token.as_deref(), limit).await }).await
}

async fn stored(stores: &Stores) -> Vec<Score> {
    ask(stores, &ScoreFilter::default(), 100).await
}

async fn write(stores: &Stores, at: u64, scores: &[Score]) {
    let outputs = scores.iter().cloned().map(Output::Score).collect();
    stores.scores.write(&[commit_entry(at, "unusual", outputs)], Position(at - 1), Position(at)).await.expect("written");
}

/// Every field comes back, floats to the last bit.
pub async fn scores_come_back_as_they_were_written(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let series = Series::new("temperature").unit("Cel").label("place", "Zürich \"HB\"");
    let (opened, end) = (Timestamp::from_micros(-1_000_001), Timestamp::from_micros(7));
    let full = Score {
        time: end,
        window: Some(Window { start: opened, end }),
        value: 9_007_199_254_740_993.0,
        score: 0.1 + 0.2,
        novelty: 1.0 / 3.0,
        jump: f64::MIN_POSITIVE,
        staleness: f64::MAX,
        head: Head::Staleness,
        baseline: Some(-0.0),
        lower: Some(-1.5e-300),
        upper: Some(2.0 / 3.0),
        state: ScoreState::Anomalous,
        episode: Some(Episode { id: "e".repeat(32), opened, peak: 1.0 / 7.0, closed: true }),
        ..score("unusual", "meteo", series, 0, u32::MAX, 0.0)
    };
    let open = Episode { closed: false, ..full.episode.clone().expect("it has one") };
    let jump = Score { head: Head::Jump, state: ScoreState::Learning, episode: Some(open), ..of_load(1, 0, 2.5) };
    let plain = of_load(2, 0, 2.5);
    write(&stores, 1, &[plain.clone(), full.clone(), jump.clone()]).await;
    assert_eq!(stored(&stores).await, [full, jump, plain]);
}

/// A lower revision never replaces a higher one, within a write or between writes; a repeated write changes nothing.
pub async fn the_highest_revision_of_a_score_stands_whatever_the_order(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let of = |revision| of_load(10, revision, f64::from(revision));
    let steps = [(vec![of(1), of(0)], 1), (vec![of(0)], 1), (vec![of(3), of(4), of(2)], 4), (vec![of(3)], 4)];
    for (at, (scores, highest)) in (1..).zip(steps) {
        for _ in 0..2 {
            write(&stores, at, &scores).await;
            assert_eq!(stored(&stores).await, [of(highest)], "after write {at}");
        }
    }
}

/// Each sink takes what is its own and passes the rest, at its own position.
pub async fn scores_and_rollups_of_one_commit_go_to_their_own_sinks(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let (of_score, of_rollup) = (of_load(10, 0, 1.0), rollup("unusual", "host", Series::new("load"), 10, 0, 1.0));
    let outputs = vec![Output::Score(of_score.clone()), Output::Rollup(of_rollup.clone())];
    let entries = [commit_entry(1, "unusual", outputs)];
    stores.scores.write(&entries, Position(0), Position(1)).await.expect("written");
    let rollups = async || stores.query.rollups(&RollupFilter::default(), None, 9).await.expect("an answer").items;
    assert_eq!((stored(&stores).await, rollups().await), (vec![of_score.clone()], Vec::new()));
    assert_eq!(stores.rollups.position().await.expect("a position"), Position(0));
    stores.rollups.write(&entries, Position(0), Position(1)).await.expect("written");
    assert_eq!((stored(&stores).await, rollups().await), (vec![of_score], vec![of_rollup]));
    let letters = stores.query.dead_letters(None, None, 9).await.expect("an answer").items;
    assert_eq!(letters, []);
}

/// A sink that has been overtaken writes nothing.
pub async fn a_write_of_scores_from_another_position_is_a_conflict(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let entries = [commit_entry(2, "unusual", vec![Output::Score(of_load(10, 0, 1.0))])];
    let error = stores.scores.write(&entries, Position(1), Position(2)).await.expect_err("it is at 0");
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(stored(&stores).await, []);
}

/// What a sink cannot read is set aside with the reason, and the rest is written.
pub async fn a_score_that_cannot_be_read_becomes_a_dead_letter(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let good = of_load(10, 0, 1.0);
    let text = r#"{"schema":"floodmark.commit.v1","outputs":[{"kind":"score","operator":7}]}"#;
    let outputs = vec![Output::Score(good.clone())];
    let entries = [entry(1, "floodmark.outputs.unusual.0", text), commit_entry(2, "unusual", outputs)];
    stores.scores.write(&entries, Position(0), Position(2)).await.expect("written");
    assert_eq!(stored(&stores).await, [good]);
    let letters = stores.query.dead_letters(None, None, 9).await.expect("an answer").items;
    let origins: Vec<&str> = letters.iter().map(|letter| letter.origin.as_str()).collect();
    assert_eq!(origins, ["entry 1 on floodmark.outputs.unusual.0"]);
    assert_eq!(letters[0].original, text);
}

/// What a question must answer.
fn oracle(scores: &[Score], filter: &ScoreFilter) -> Vec<Score> {
    let mut highest = BTreeMap::new();
    for score in scores {
        let key = (score.time, score.source.clone(), score.series.key(), score.operator.clone());
        let stored: &mut Score = highest.entry(key).or_insert_with(|| score.clone());
        if score.revision > stored.revision {
            *stored = score.clone();
        }
    }
    let wanted = |s: &Score| {
        filter.operator.as_ref().is_none_or(|operator| *operator == s.operator)
            && filter.source.as_ref().is_none_or(|source| *source == s.source)
            && filter.metric.as_ref().is_none_or(|metric| *metric == s.series.metric)
            && filter.labels.iter().all(|(name, value)| s.series.labels.get(name) == Some(value))
            && filter.from.is_none_or(|from| s.time >= from)
            && filter.to.is_none_or(|to| s.time < to)
            && filter.score_min.is_none_or(|min| s.score >= min)
            && (!filter.only_episodes || s.episode.is_some())
    };
    let mut answer: Vec<Score> = highest.into_values().filter(wanted).collect();
    if filter.newest_first {
        // Stable: within one time the order stays.
        answer.sort_by_key(|score| std::cmp::Reverse(score.time));
    }
    answer
}

fn some_scores(count: usize) -> Vec<Score> {
    let mut numbers = Numbers(11);
    let one = |_| {
        let operator = ["unusual", "odd"][numbers.below(2) as usize];
        let source = ["host", "web", "meteo"][numbers.below(3) as usize];
        let series = Series::new(["load", "up"][numbers.below(2) as usize]).label("core", numbers.below(30).to_string());
        let secs = (numbers.below(40).cast_signed() - 10) * 10;
        let mut score = score(operator, source, series, secs, numbers.below(4) as u32, numbers.below(20) as f64 / 10.0);
        if score.score >= 1.0 {
            let (id, opened) = (score.id.clone(), score.time);
            score.episode = (numbers.below(3) > 0).then(|| Episode { id, opened, peak: score.score, closed: numbers.below(2) == 0 });
        }
        score
    };
    (0..count).map(one).collect()
}

/// More than a thousand scores, every kind of filter, pages of several sizes: together exactly what a list answers.
pub async fn score_pages_equal_the_oracle(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let scores = some_scores(1_200);
    for part in scores.chunks(400) {
        let from = stores.scores.position().await.expect("a position");
        let entries = commit_entries(from.0, part.iter().cloned().map(Output::Score).collect());
        stores.scores.write(&entries, from, Position(from.0 + entries.len() as u64)).await.expect("written");
    }
    let text = |text: &str| Some(text.to_owned());
    let core = |value: &str| BTreeMap::from([("core".to_owned(), value.to_owned())]);
    let secs = |secs| Some(Timestamp::from_secs(secs));
    let all = ScoreFilter::default();
    let filters = [
        all.clone(),
        ScoreFilter { operator: text("odd"), ..all.clone() },
        ScoreFilter { source: text("none"), ..all.clone() },
        ScoreFilter { source: text("web"), from: secs(-30), to: secs(80), ..all.clone() },
        ScoreFilter { metric: text("up"), labels: core("7"), ..all.clone() },
        ScoreFilter { source: text("host"), labels: core("7"), score_min: Some(0.5), ..all.clone() },
        ScoreFilter { source: text("host"), labels: core("7"), only_episodes: true, ..all.clone() },
        ScoreFilter { score_min: Some(0.7), ..all.clone() },
        ScoreFilter { score_min: Some(1.0), ..all.clone() },
        ScoreFilter { score_min: Some(1.4), only_episodes: true, operator: text("unusual"), ..all.clone() },
        ScoreFilter { score_min: Some(f64::INFINITY), ..all.clone() },
        ScoreFilter { only_episodes: true, ..all.clone() },
        ScoreFilter { to: Some(Timestamp::MIN), ..all },
    ];
    for filter in filters {
        for newest_first in [false, true] {
            let filter = ScoreFilter { newest_first, ..filter.clone() };
            let expected = oracle(&scores, &filter);
            for limit in [37, 100_000] {
                let limit = limit.min(expected.len().max(1) + 1);
                assert!(ask(&stores, &filter, limit).await == expected, "{filter:?} in pages of {limit}");
            }
        }
    }
}

/// A token is good for its own question only.
pub async fn a_page_of_another_question_about_scores_is_rejected(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let scores: Vec<Score> = (0..5).map(|n| of_load(n * 10, 0, 1.0)).collect();
    write(&stores, 1, &scores).await;
    let filter = ScoreFilter::default();
    let token = stores.query.scores(&filter, None, 2).await.expect("a page").next.expect("more pages");
    assert_eq!(stores.query.scores(&filter, Some(&token), 2).await.expect("a page").items, scores[2..4]);
    let of_rollups = stores.query.rollups(&RollupFilter::default(), Some(&token), 2).await.expect_err("another question");
    let other = ScoreFilter { score_min: Some(1.0), ..ScoreFilter::default() };
    let of_others = stores.query.scores(&other, Some(&token), 2).await.expect_err("another question");
    assert_eq!((of_rollups.kind(), of_others.kind()), (Kind::Rejected, Kind::Rejected));
    for bad in super::NO_PAGES.into_iter().chain([&token[..token.len() / 2]]) {
        let error = stores.query.scores(&filter, Some(bad), 2).await.expect_err("not a page");
        assert_eq!(error.kind(), Kind::Rejected, "{bad:?}");
    }
}
