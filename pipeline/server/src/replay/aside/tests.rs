use floodmark_schemas::{Aggregates, Episode, Head, ScoreState, Series, Timestamp, Window, commit::Output};
use tempfile::TempDir;

use super::*;
use crate::replay::kind::Kind;

fn rollup(operator: &str, host: &str, start: i64, revision: u32, count: u64) -> Rollup {
    let window = Window { start: Timestamp::from_secs(start), end: Timestamp::from_secs(start + 10) };
    let series = Arc::new(Series::new("load").label("host", host));
    let aggregates =
        Aggregates { count, mean: Some(0.1 * count as f64), quantiles: [("0.5".to_owned(), -0.0)].into(), ..Default::default() };
    let (operator, source) = (operator.to_owned(), "history".to_owned());
    Rollup { id: String::new(), operator, version: String::new(), source, series, window, revision, aggregates }
}

fn score(time: i64, start: Option<i64>, revision: u32) -> Score {
    let (time, series) = (Timestamp::from_secs(time), Arc::new(Series::new("load").unit("%")));
    let window = start.map(|start| Window { start: Timestamp::from_secs(start), end: time });
    let episode = Some(Episode { id: String::new(), opened: time, peak: 1e-300, closed: true });
    let (id, operator, version, source) = (String::new(), "unusual".to_owned(), String::new(), "history".to_owned());
    let (score, novelty, jump, staleness, head) = (1.5, 0.25, 1.5, 0.0, Head::Jump);
    let (baseline, lower, upper, state) = (Some(0.3), None, Some(1.0 / 3.0), ScoreState::Anomalous);
    let value = f64::from(revision);
    Score {
        id,
        operator,
        version,
        source,
        series,
        time,
        window,
        revision,
        value,
        score,
        novelty,
        jump,
        staleness,
        head,
        baseline,
        lower,
        upper,
        state,
        episode,
    }
}

async fn all<T>(mut pages: Pages<'static, T>) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(one) = pages.next().await.unwrap() {
        all.push(one);
    }
    all
}

async fn rollups(aside: &Aside) -> Vec<Rollup> {
    all(aside.rollups(|held| held.read()).unwrap()).await
}

async fn scores(aside: &Aside) -> Vec<Score> {
    all(aside.scores(|held| held.read()).unwrap()).await
}

fn aside(directory: &TempDir, bytes_max: usize) -> Aside {
    Aside::with_memory(directory.path(), Period::default(), bytes_max)
}

/// How much of memory there is for all that waits: room for everything, for some, and for one.
const MEMORIES: [usize; 3] = [WAITING_BYTES_MAX, 2_000, 1];

#[tokio::test]
async fn results_come_in_the_order_of_time_and_identity_however_little_memory_there_is() {
    let mut expected = Vec::new();
    for n in 0..5_000_i64 {
        // Each place once, in no order: 7,919 is prime to 5,000. Some lie before 1970.
        let at = n * 7_919 % 5_000;
        expected.push(rollup(["a", "ab"][at as usize % 2], &format!("h{}", at / 2 % 10), (at / 20 - 100) * 10, 0, 1 + at as u64));
    }
    let outputs: Vec<Output> = expected.iter().cloned().map(Output::Rollup).collect();
    expected.sort_by_key(|rollup| (rollup.time(), rollup.identity()));
    for bytes_max in MEMORIES {
        let directory = TempDir::new().unwrap();
        let aside = aside(&directory, bytes_max);
        outputs.chunks(77).for_each(|some| aside.take(some).unwrap());
        assert!(rollups(&aside).await == expected, "with {bytes_max} bytes");
        assert_eq!(directory.path().join("rollups").exists(), bytes_max < WAITING_BYTES_MAX);
    }
}

#[tokio::test]
async fn the_highest_revision_of_a_window_counts_and_of_equal_ones_the_first() {
    let revised = |start, revisions: &[(u32, u64)]| {
        revisions.iter().map(|(revision, count)| Output::Rollup(rollup("a", "h", start, *revision, *count))).collect::<Vec<_>>()
    };
    // A job that begins again gives the same once more; what was retracted last is not there.
    let outputs = [
        revised(0, &[(0, 5), (1, 6), (0, 5), (1, 6)]),
        revised(10, &[(2, 8), (1, 7), (2, 9)]),
        revised(20, &[(0, 5), (1, 0)]),
        revised(30, &[(0, 5), (1, 0), (2, 4)]),
    ];
    for bytes_max in MEMORIES {
        let directory = TempDir::new().unwrap();
        let aside = aside(&directory, bytes_max);
        outputs.iter().for_each(|some| aside.take(some).unwrap());
        let expected = [rollup("a", "h", 0, 1, 6), rollup("a", "h", 10, 2, 8), rollup("a", "h", 30, 2, 4)];
        assert_eq!(rollups(&aside).await, expected, "with {bytes_max} bytes");
    }
}

#[tokio::test]
async fn of_a_series_there_is_one_score_at_a_time_of_whichever_window() {
    let outputs = [score(20, Some(10), 0), score(20, Some(5), 1), score(10, None, 0), score(10, None, 0), score(20, Some(7), 1)];
    let outputs = outputs.map(Output::Score);
    for bytes_max in MEMORIES {
        let directory = TempDir::new().unwrap();
        let aside = aside(&directory, bytes_max);
        outputs.iter().for_each(|one| aside.take(std::slice::from_ref(one)).unwrap());
        assert_eq!(scores(&aside).await, [score(10, None, 0), score(20, Some(5), 1)], "with {bytes_max} bytes");
    }
}

#[tokio::test]
async fn only_results_of_the_period_are_held() {
    let directory = TempDir::new().unwrap();
    let period = Period { from: Some(Timestamp::from_secs(10)), to: Some(Timestamp::from_secs(20)) };
    let aside = Aside::new(directory.path(), period);
    aside.take(&[0, 10, 20].map(|start| Output::Rollup(rollup("a", "h", start, 0, 1)))).unwrap();
    aside.take(&[9, 19, 20].map(|time| Output::Score(score(time, None, 0)))).unwrap();
    assert_eq!(rollups(&aside).await, [rollup("a", "h", 10, 0, 1)]);
    assert_eq!(scores(&aside).await, [score(19, None, 0)]);
}

#[tokio::test]
async fn what_says_the_same_is_the_same_to_the_byte_whatever_the_definition() {
    let held = async |rollup: Rollup| {
        let directory = TempDir::new().unwrap();
        let aside = aside(&directory, WAITING_BYTES_MAX);
        aside.take(&[Output::Rollup(rollup)]).unwrap();
        all(aside.rollups(Ok).unwrap()).await.remove(0)
    };
    let one = rollup("a", "h", 0, 0, 5);
    let other = Rollup { id: "1".repeat(32), version: "2".repeat(8), ..one.clone() };
    let changed = rollup("a", "h", 0, 0, 6);
    let (one, other, changed) = (held(one).await, held(other).await, held(changed).await);
    assert!(one.is_the_same(&other) && !one.is_the_same(&changed));
    assert_eq!((one.operator().unwrap(), one.time()), ("a", Timestamp::from_secs(0)));
}
