//! Bad weather through the whole engine, from the log to the commits: what is late and what is revised equals the oracle's, for
//! any cut of frames and through crashes. The core has the same scenarios for every shape of windows.
#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_core::ports::{Ingest, Position, SourceSpec};
use floodmark_core::window::Spec;
use floodmark_engine::ingest::Logs;
use floodmark_engine::input::Input;
use floodmark_engine::job::JobSpec;
use floodmark_engine::ticker::Ticker;
use floodmark_schemas::commit::Output;
use floodmark_schemas::series::fnv1a;
use floodmark_schemas::{Event, EventBatch, Series, Timestamp};
use floodmark_tests::engine::chain::Chain;
use floodmark_tests::engine::clock::ManualClock;
use floodmark_tests::engine::faulty::Fault;
use floodmark_tests::engine::lives::{CALM, Life, drain, job_spec, live_all, memory_log, windows};
use floodmark_tests::engine::oracle;
use floodmark_tests::engine::road::{Road, source};
use floodmark_tests::engine::script::{self, SECOND, SOURCES, Step, What};

/// Sources by their numbers: their event times go backwards by up to 0, 2 and 5 s.
const EXACT: usize = 0;
const CLOSE: usize = 1;
const LOOSE: usize = 2;

fn sends(log_secs: i64, source: usize, times: impl IntoIterator<Item = i64>) -> Step {
    let event = |secs: i64| {
        let series = Series::new("load").label("n", (secs.rem_euclid(2)).to_string());
        Event::sample(SOURCES[source], "s", Timestamp::from_secs(secs), series, secs as f64)
    };
    Step { log_time: log_secs * SECOND, what: What::Events(source, times.into_iter().map(event).collect()) }
}

fn tick(log_secs: i64) -> Step {
    Step { log_time: log_secs * SECOND, what: What::Tick(Vec::new()) }
}

/// What came out of windows of 10 s, by source: windows, revisions, late events.
type Tallies = BTreeMap<String, [usize; 3]>;

/// Runs the steps, and the end of all sources, as a job on a log: straight, and in small frames through crashes, faults and
/// snapshots. Both must give what the oracle says.
async fn weather(lateness_secs: u64, mut steps: Vec<Step>) -> Tallies {
    let end = steps.last().map_or(0, |step| step.log_time);
    steps.extend((0..SOURCES.len()).map(|source| Step { log_time: end, what: What::End(source) }));
    let spec = windows(10, lateness_secs, 30);
    let expected = oracle::expected(&spec, &steps);
    let rough = Life { read_entries_max: 7, polls: 60, drain_at: 700, snapshot_after_bytes: 4_000, ..CALM };
    let faults = Life { appends: vec![Fault::None, Fault::After, Fault::Before, Fault::Prefix(1)], reads: vec![3, 5], ..rough.clone() };
    for (cuts, lives) in [(&[usize::MAX][..], vec![]), (&[1, 2][..], vec![rough.clone(), faults, rough])] {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(i64::MIN / 2)));
        let logs = Logs { events: memory_log(clock.clone()), outputs: memory_log(clock.clone()) };
        script::write(logs.events.clone(), &clock, &steps, cuts).await;
        live_all(&spec, &logs, &lives).await.unwrap();
        let chain = Chain::read(&*logs.outputs, "w").await;
        assert_eq!(oracle::found(&chain.outputs()), expected);
        let late = chain.commits.last().map(|(commit, _)| commit.late);
        assert_eq!(late, Some(expected.late.len() as u64), "as commits count them");
    }
    let mut tallies = Tallies::new();
    let mut add = |source: &str, what: usize, n: usize| tallies.entry(source.to_owned()).or_default()[what] += n;
    expected.windows.keys().for_each(|(source, ..)| add(source, 0, 1));
    expected.revisions.iter().for_each(|((source, ..), revisions)| add(source, 1, *revisions as usize));
    expected.late.iter().for_each(|(source, ..)| add(source, 2, 1));
    tallies
}

fn tallies(of: &[(usize, [usize; 3])]) -> Tallies {
    of.iter().map(|(source, tally)| (SOURCES[*source].to_owned(), *tally)).collect()
}

/// Half of all events are 6 to 65 s old, which is beyond what the source is known for.
#[tokio::test(start_paused = true)]
async fn a_late_storm() {
    let steps: Vec<Step> = (0..300).map(|t| sends(t, LOOSE, [t, t - (6 + t * 37 % 60)])).collect();
    for (lateness_secs, tally) in [(0, [61, 0, 275]), (20, [63, 98, 175]), (120, [65, 271, 0])] {
        assert_eq!(weather(lateness_secs, steps.clone()).await, tallies(&[(LOOSE, tally)]), "with a lateness of {lateness_secs} s");
    }
}

/// Six events at a time come in the reverse order, from a source that may do so and from one that may not.
#[tokio::test(start_paused = true)]
async fn an_out_of_order_storm() {
    let steps: Vec<Step> = (0..300).flat_map(|t| [LOOSE, EXACT].map(|source| sends(t, source, [t - t % 6 + 5 - t % 6]))).collect();
    assert_eq!(weather(0, steps.clone()).await, tallies(&[(LOOSE, [60, 0, 0]), (EXACT, [60, 0, 60])]));
    assert_eq!(weather(20, steps).await, tallies(&[(LOOSE, [60, 0, 0]), (EXACT, [60, 60, 0])]));
}

/// A source stops at 100: ticks alone let its windows fire after 30 s. It is back at 200 with its backlog, which revises the window
/// that had been cut short and is not late. The other one goes on as if nothing were.
#[tokio::test(start_paused = true)]
async fn an_idle_source_and_its_backlog() {
    let mut steps = Vec::new();
    for t in 0..300 {
        steps.push(sends(t, EXACT, [t]));
        match t {
            0..=100 | 210.. => steps.push(sends(t, CLOSE, [t])),
            200..210 => steps.push(sends(t, CLOSE, 101 + (t - 200) * 10..=110 + (t - 200) * 10)),
            _ => {}
        }
        steps.push(tick(t));
    }
    assert_eq!(weather(20, steps).await, tallies(&[(EXACT, [60, 0, 0]), (CLOSE, [59, 8, 0])]));
}

/// The clock of one source shows an hour too much for a minute, later an hour too little; that of the other is right.
#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_an_hour_and_back() {
    let jump = |t: i64| match t {
        60..120 => 3_600,
        500..560 => -3_600,
        _ => 0,
    };
    let steps: Vec<Step> = (0..600).flat_map(|t| [sends(t, EXACT, [t + jump(t)]), sends(t, CLOSE, [t]), tick(t)]).collect();
    assert_eq!(weather(20, steps.clone()).await, tallies(&[(EXACT, [54, 16, 330]), (CLOSE, [120, 0, 0])]));
    assert_eq!(weather(600, steps).await, tallies(&[(EXACT, [108, 232, 60]), (CLOSE, [120, 0, 0])]));
}

const PARTITIONS: u32 = 3;
const SECONDS: i64 = 120;

/// What real ingest and a real ticker write in two minutes into three partitions, of which one gets no event.
struct Rain {
    logs: Logs,
    silent: u32,
    /// How many series there are in each partition.
    series: Vec<usize>,
}

impl Rain {
    async fn of(spec: &SourceSpec) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(0)));
        let logs = Logs { events: memory_log(clock.clone()), outputs: memory_log(clock.clone()) };
        let home = |series: &Series| fnv1a(series.key().as_bytes()) % PARTITIONS;
        let all: Vec<Series> = (0..12).map(|n| Series::new("load").label("n", n.to_string())).collect();
        let silent = home(&all[0]);
        let loud: Vec<Series> = all.into_iter().filter(|series| home(series) != silent).collect();
        let series = (0..PARTITIONS).map(|partition| loud.iter().filter(|series| home(series) == partition).count()).collect();
        let road = Road::open(spec, PARTITIONS, &logs).await.unwrap();
        let promises = if spec.live { vec![road.promise.clone()] } else { Vec::new() };
        let mut ticker = Ticker::claim(logs.clone(), PARTITIONS, clock.clone(), promises, 0).await.unwrap();
        for t in 0..SECONDS {
            clock.set(Timestamp::from_secs(t));
            let sample = |series: &Series| Event::sample("s", "", Timestamp::from_secs(t), series.clone(), t as f64);
            road.input.send(loud.iter().map(sample).collect::<EventBatch>(), None).await.unwrap();
            road.input.flush().await.unwrap();
            ticker.tick().await.unwrap();
        }
        road.close().await.unwrap();
        Self { logs, silent, series }
    }

    /// Drains a job to the end of the log.
    async fn job(&self, spec: &Spec, input: Input) -> Chain {
        let until = self.logs.events.continuity().await.unwrap().tail;
        drain(JobSpec { jobs: input.jobs(PARTITIONS), input, ..job_spec(spec, usize::MAX) }, spec, &self.logs, until).await.unwrap();
        Chain::of(&*self.logs.outputs, &spec.operator, spec.partition).await
    }

    /// Log times of commits that hold rollups, by the ends of their windows; with how many values and which sum. In seconds.
    async fn fired(&self, chain: &Chain) -> Vec<(i64, i64, u64, f64)> {
        let mut fired = Vec::new();
        for (commit, _) in &chain.commits {
            let entry = self.logs.events.get(Position(commit.in_position)).await.unwrap().unwrap();
            for output in &commit.outputs {
                let Output::Rollup(rollup) = output else { panic!("{output:?}") };
                assert_eq!(rollup.revision, 0);
                let sum = rollup.aggregates.sum.unwrap();
                fired.push((rollup.window.end.micros() / SECOND, entry.time.micros() / SECOND, rollup.aggregates.count, sum));
            }
        }
        fired
    }
}

/// The sum of the seconds in the window with this end.
fn sum_of(end: i64) -> f64 {
    (end - 10..end).sum::<i64>() as f64
}

/// Its job commits that it has come so far, and nothing else; the others do not notice.
#[tokio::test(start_paused = true)]
async fn a_silent_partition_keeps_its_job_going_and_no_other_waiting() {
    let rain = Rain::of(&source("s")).await;
    for partition in 0..PARTITIONS {
        let chain = rain.job(&Spec { partition, ..windows(10, 20, 30) }, Input::Partition).await;
        let series = rain.series[partition as usize];
        assert_eq!(series == 0, partition == rain.silent);
        let windows = (1..SECONDS / 10).flat_map(|n| vec![(n * 10, n * 10, 10, sum_of(n * 10)); series]);
        assert_eq!(rain.fired(&chain).await, windows.collect::<Vec<_>>(), "partition {partition}");
        if partition == rain.silent {
            // Ten seconds after the entry of the one before, with what came until then: every nine.
            assert_eq!(chain.commits.len() as i64, (SECONDS - 2) / 9);
            assert!(chain.commits.iter().all(|(commit, _)| commit.outputs.is_empty() && commit.watermarks.is_empty()));
        }
    }
}

/// Brought together with the others it holds them back: 30 s when nothing more is known, not at all when the source is alive.
#[tokio::test(start_paused = true)]
async fn a_silent_partition_that_is_grouped_with_others_holds_them_back_until_it_is_idle_or_promised() {
    for (live, held_until) in [(false, 31), (true, 0)] {
        let rain = Rain::of(&SourceSpec { live, ..source("s") }).await;
        let spec = Spec { operator: "g".to_owned(), group_by: Some(Vec::new()), ..windows(10, 20, 30) };
        let chain = rain.job(&spec, Input::Partitions).await;
        let series = rain.series.iter().sum::<usize>();
        let windows = (1..SECONDS / 10).map(|n| (n * 10, held_until.max(n * 10), 10 * series as u64, sum_of(n * 10) * series as f64));
        assert_eq!(rain.fired(&chain).await, windows.collect::<Vec<_>>(), "live: {live}");
    }
}
