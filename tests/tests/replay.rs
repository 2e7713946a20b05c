//! The same log gives the same outputs: for any frame split, any way of reading, any crash, any backend.
#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::logs::{Options, embedded};
use floodmark_core::Kind;
use floodmark_core::ports::{Entry, Log, Position};
use floodmark_core::window::Spec;
use floodmark_engine::ingest::Logs;
use floodmark_engine::job::JobSpec;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Definition, FrameHeader, JobEntry, Timestamp, subject};
use floodmark_tests::engine::chain::{Chain, digest_of, entries};
use floodmark_tests::engine::changed::Changed;
use floodmark_tests::engine::clock::ManualClock;
use floodmark_tests::engine::crash::Crash;
use floodmark_tests::engine::faulty::{Fault, Faulty};
use floodmark_tests::engine::lives::{CALM, Life, claim, drain, job_spec, live, live_all, memory_log, windows};
use floodmark_tests::engine::oracle;
use floodmark_tests::engine::script::{self, SECOND, Step};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::sync::watch;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

fn specs() -> impl Strategy<Value = Spec> {
    (1..15u64, 0..25u64, 1..30u64).prop_map(|(size, lateness, idle)| windows(size, lateness, idle))
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let fault =
        prop_oneof![3 => Just(Fault::None), 1 => Just(Fault::Before), 1 => Just(Fault::After), 1 => (0..3usize).prop_map(Fault::Prefix)];
    let read_entries_max = prop_oneof![1..4usize, Just(usize::MAX)];
    let snapshot_after_bytes = prop_oneof![2 => Just(0), 2 => 0..20_000usize, 1 => Just(usize::MAX)];
    let (appends, reads) = (prop::collection::vec(fault, 0..6), prop::collection::vec(0..20usize, 0..2));
    let life = (read_entries_max, prop_oneof![0..150usize, Just(usize::MAX)], 0..=1_000u64, snapshot_after_bytes, appends, reads).prop_map(
        |(read_entries_max, polls, drain_at, snapshot_after_bytes, appends, reads)| Life {
            read_entries_max,
            polls,
            drain_at,
            snapshot_after_bytes,
            appends,
            reads,
            passed_over: Vec::new(),
        },
    );
    prop::collection::vec(life, 0..8)
}

struct World {
    clock: Arc<ManualClock>,
    events: Arc<dyn Log>,
    places: Vec<(u64, u32)>,
}

impl World {
    async fn new(steps: &[Step], cuts: &[usize]) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(i64::MIN / 2)));
        let events = memory_log(clock.clone());
        let places = script::write(events.clone(), &clock, steps, cuts).await;
        Self { clock, events, places }
    }

    /// The events with an empty output log.
    fn logs(&self) -> Logs {
        Logs { events: self.events.clone(), outputs: memory_log(self.clock.clone()) }
    }

    async fn tail(&self) -> Position {
        self.events.continuity().await.unwrap().tail
    }

    /// What a job without any accident writes.
    async fn straight(&self, spec: &Spec) -> (Logs, Chain) {
        let logs = self.logs();
        live(spec, &logs, &CALM).await.unwrap();
        let chain = Chain::read(&*logs.outputs, "w").await;
        (logs, chain)
    }

    /// The outputs with the number of the event in place of its place in the log, which depends on the cut.
    fn without_places(&self, mut outputs: Vec<Output>) -> Vec<Output> {
        let numbers: BTreeMap<_, _> = self.places.iter().zip(0..).collect();
        for output in &mut outputs {
            if let Output::Late(late) = output {
                (late.position, late.index) = (numbers[&(late.position, late.index)], 0);
            }
        }
        outputs
    }
}

/// A script that does not change from run to run, with all that may happen in it.
fn one_script(steps: usize) -> Vec<Step> {
    let mut runner = TestRunner::deterministic();
    loop {
        let script = script::scripts(steps).new_tree(&mut runner).unwrap().current();
        if script.len() >= steps - 2 {
            return script;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn commits_are_the_same_bytes_for_any_reading_and_any_crash(
        spec in specs(), steps in script::scripts(40), cuts in prop::collection::vec(1..6usize, 1..4), lives in lives(),
    ) {
        block_on(async {
            let world = World::new(&steps, &cuts).await;
            let (_, straight) = world.straight(&spec).await;
            let logs = world.logs();
            live_all(&spec, &logs, &lives).await.unwrap();
            let chain = Chain::read(&*logs.outputs, "w").await;
            assert_eq!(chain.bodies(), straight.bodies());
        });
    }

    #[test]
    fn outputs_are_the_same_for_any_frame_split_and_equal_the_oracle(
        spec in specs(), steps in script::scripts(60), cuts in prop::collection::vec(1..6usize, 1..4),
    ) {
        block_on(async {
            let whole = World::new(&steps, &[usize::MAX]).await;
            let split = World::new(&steps, &cuts).await;
            let expected = whole.straight(&spec).await.1.outputs();
            let outputs = split.straight(&spec).await.1.outputs();
            assert_eq!(oracle::found(&expected), oracle::expected(&spec, &steps));
            let (expected, outputs) = (whole.without_places(expected), split.without_places(outputs));
            assert_eq!(digest_of("", &outputs), digest_of("", &expected));
            assert_eq!(outputs, expected);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn the_embedded_log_gives_the_same_bytes_as_the_one_in_memory(
        spec in specs(), steps in script::scripts(25), cuts in prop::collection::vec(1..6usize, 1..4), lives in lives(),
    ) {
        block_on(async {
            let world = World::new(&steps, &cuts).await;
            let (_, straight) = world.straight(&spec).await;
            let directory = tempfile::tempdir().unwrap();
            let clock = Arc::new(ManualClock::at(Timestamp::from_micros(i64::MIN / 2)));
            let open = |name: &str| Arc::new(embedded::Log::open(&directory.path().join(name), Options::default(), clock.clone()).unwrap());
            let logs = Logs { events: open("events.db"), outputs: open("outputs.db") };
            script::write(logs.events.clone(), &clock, &steps, &cuts).await;
            live_all(&spec, &logs, &lives).await.unwrap();
            let chain = Chain::read(&*logs.outputs, "w").await;
            assert_eq!(chain.bodies(), straight.bodies());
        });
    }
}

/// Every await of a job is a place where the process may end.
#[test]
fn a_crash_at_every_single_await_changes_nothing() {
    block_on(async {
        let spec = windows(5, 10, 20);
        let world = World::new(&one_script(30), &[3]).await;
        let (_, straight) = world.straight(&spec).await;
        assert!(straight.commits.len() > 15, "the script makes something to crash in");
        for snapshot_after_bytes in [0, usize::MAX] {
            let life = Life { read_entries_max: 2, snapshot_after_bytes, ..CALM };
            for polls in 1.. {
                let logs = world.logs();
                live(&spec, &logs, &Life { polls, ..life.clone() }).await.unwrap();
                let done = Chain::read(&*logs.outputs, "w").await.commits.len() == straight.commits.len();
                live_all(&spec, &logs, std::slice::from_ref(&life)).await.unwrap();
                let chain = Chain::read(&*logs.outputs, "w").await;
                assert_eq!(chain.bodies(), straight.bodies(), "after a crash at poll {polls}");
                if done {
                    assert!(polls > 30, "it had {polls} polls");
                    break;
                }
            }
        }
    });
}

/// Whatever becomes of one append, the chain is the same.
#[test]
fn a_fault_at_every_single_append_changes_nothing() {
    block_on(async {
        let spec = windows(5, 10, 20);
        let world = World::new(&one_script(30), &[3]).await;
        let (_, straight) = world.straight(&spec).await;
        for fault in [Fault::Before, Fault::After, Fault::Prefix(1)] {
            for at in 0..12 {
                let logs = world.logs();
                let appends = std::iter::repeat_n(Fault::None, at).chain([fault]).collect();
                live(&spec, &logs, &Life { read_entries_max: 3, snapshot_after_bytes: 0, appends, ..CALM }).await.unwrap();
                let chain = Chain::read(&*logs.outputs, "w").await;
                assert_eq!(chain.bodies(), straight.bodies(), "after {fault:?} at append {at}");
            }
        }
    });
}

/// A reader that passes over a frame is found out by the next frame of its source. Until then a window may have fired without
/// it: that is told then, and never goes on as if nothing had been.
#[test]
fn a_frame_that_a_reader_passed_over_is_read_again_or_the_job_stops() {
    block_on(async {
        let spec = windows(5, 10, 20);
        let world = World::new(&one_script(40), &[3]).await;
        let (_, straight) = world.straight(&spec).await;
        let frames = entries(&*world.events, "floodmark.events.>").await;
        let (mut same, mut stopped) = (0, 0);
        for (n, frame) in frames.iter().enumerate() {
            // Ticks of this script have no numbers; of frames that come again nothing is missing, and one of another body that
            // has the number of the one that is missing stands for it.
            let number = |entry: &Entry| FrameHeader::numbered(&entry.headers).filter(|_| entry.subject == frame.subject);
            let is_new = number(frame) > frames[..n].iter().filter_map(number).max();
            let shows = frames[n + 1..].iter().filter_map(number).any(|later| later.1 > number(frame).unwrap_or_default().1);
            let stood_for = frames[n + 1..].iter().any(|later| number(later) == number(frame));
            if !is_new || !shows || stood_for {
                continue;
            }
            let logs = world.logs();
            match live(&spec, &logs, &Life { passed_over: vec![frame.position], ..CALM }).await {
                Ok(()) => {
                    let chain = Chain::read(&*logs.outputs, "w").await;
                    assert!(chain.bodies() == straight.bodies(), "passed over: {}", frame.position);
                    same += 1;
                }
                Err(e) => {
                    assert!(e.chain().contains("does not reproduce commit"), "{}", e.chain());
                    stopped += 1;
                }
            }
        }
        assert!(same > 4 * stopped, "{same} were read again, {stopped} stopped the job");
    });
}

/// Runs to three quarters with snapshots, then shows the output log with changed entries to the next start.
async fn after_damage(
    world: &World,
    spec: &Spec,
    damage: impl Fn(&mut Entry, &[Position]) + Send + Sync + 'static,
) -> (Vec<Position>, Chain) {
    let logs = world.logs();
    for drain_at in (200..800).step_by(50) {
        live(spec, &logs, &Life { read_entries_max: 2, snapshot_after_bytes: 0, drain_at, ..CALM }).await.unwrap();
    }
    let snapshots: Vec<Position> = entries(&*logs.outputs, &subject::snapshots("w", 0)).await.iter().map(|e| e.position).collect();
    let positions = snapshots.clone();
    let change = move |entry: &mut Entry| {
        if positions.contains(&entry.position) {
            damage(entry, &positions)
        }
    };
    let damaged = Logs { events: logs.events.clone(), outputs: Changed::new(logs.outputs.clone(), change) };
    live(spec, &damaged, &Life { snapshot_after_bytes: 0, ..CALM }).await.unwrap();
    (snapshots, Chain::read(&*logs.outputs, "w").await)
}

fn flip(entry: &mut Entry, at: usize) {
    let mut body = entry.body.to_vec();
    body[at] ^= 1;
    entry.body = body.into();
}

#[test]
fn damaged_snapshots_are_passed_over() {
    block_on(async {
        let spec = windows(5, 10, 20);
        let world = World::new(&one_script(40), &[3]).await;
        let (_, straight) = world.straight(&spec).await;
        let newest = |entry: &mut Entry, all: &[Position]| {
            if Some(&entry.position) == all.last() {
                let middle = entry.body.len() / 2;
                flip(entry, middle);
            }
        };
        let (snapshots, chain) = after_damage(&world, &spec, newest).await;
        assert_eq!(snapshots.len(), 2, "two snapshots are kept");
        assert_eq!(chain.bodies(), straight.bodies());
        let (_, chain) = after_damage(&world, &spec, |entry, _| flip(entry, 0)).await;
        assert_eq!(chain.bodies(), straight.bodies());
        let (_, chain) = after_damage(&world, &spec, |entry, _| entry.headers.set("Floodmark-Pieces", 2)).await;
        assert_eq!(chain.bodies(), straight.bodies());
    });
}

/// A snapshot that is not what its commit left would go unnoticed but for the chain of digests.
#[test]
fn a_state_that_does_not_reproduce_the_chain_is_refused() {
    block_on(async {
        let spec = windows(5, 10, 20);
        let world = World::new(&one_script(40), &[3]).await;
        let (logs, _) = world.straight(&spec).await;
        // Another definition of the operator that claims to be the same version.
        let other = Spec { size: Duration::from_secs(4), ..spec.clone() };
        let change = |entry: &mut Entry| {
            if entry.subject == subject::snapshots("w", 0) {
                flip(entry, 0);
            }
        };
        let logs = Logs { outputs: Changed::new(logs.outputs, change), ..logs };
        let error = drain(job_spec(&other, 0), &other, &logs, world.tail().await).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Broken);
        assert!(error.chain().contains("does not reproduce commit"), "{}", error.chain());
    });
}

#[test]
fn of_two_owners_the_one_who_claimed_last_goes_on() {
    block_on(async {
        let spec = windows(5, 10, 20);
        let world = World::new(&one_script(40), &[3]).await;
        let (_, straight) = world.straight(&spec).await;
        let (tail, job) = (world.tail().await, job_spec(&spec, 0));
        for polls in 0.. {
            let logs = world.logs();
            let slow = Logs {
                events: Arc::new(Faulty::new(logs.events.clone()).reading_at_most(1)),
                outputs: Arc::new(Faulty::new(logs.outputs.clone())),
            };
            let mut first = claim(job.clone(), &spec, &slow).await.unwrap();
            let drain = watch::Sender::new(Some(tail));
            let first = first.run(drain.subscribe());
            tokio::pin!(first);
            assert!(Crash::after(polls, &mut first).await.is_none(), "the first owner is not done yet");
            if Chain::read(&*logs.outputs, "w").await.commits.len() == straight.commits.len() {
                assert!(polls > 30, "it had {polls} polls");
                break;
            }
            let mut second = claim(job.clone(), &spec, &slow).await.unwrap();
            let (first, second) = tokio::join!(first, second.run(drain.subscribe()));
            assert_eq!(first.unwrap_err().kind(), Kind::Conflict, "after {polls} polls");
            second.unwrap();
            assert_eq!(Chain::read(&*logs.outputs, "w").await.bodies(), straight.bodies());
        }
    });
}

#[test]
fn an_event_log_that_lost_or_changed_entries_is_refused() {
    block_on(async {
        let spec = windows(5, 10, 20);
        let world = World::new(&one_script(40), &[3]).await;
        let (logs, chain) = world.straight(&spec).await;
        let committed = chain.commits.last().unwrap().0.in_position;
        let refused = async |events: Arc<dyn Log>, expected: String| {
            let logs = Logs { events, outputs: logs.outputs.clone() };
            let error = claim(job_spec(&spec, 0), &spec, &logs).await.err().expect("it is refused");
            assert_eq!((error.kind(), error.chain()), (Kind::Broken, expected));
        };
        let advice = "Restore the event log, or delete the output log to compute everything anew";
        let lost = committed - 1;
        refused(
            Changed::cut(logs.events.clone(), Position(lost)),
            format!(
                "starting job w/0: the event log ends at {lost}, but the job has read up to {committed}: the log has lost entries. {advice}"
            ),
        )
        .await;
        let other =
            format!("starting job w/0: entry {committed} of the event log is not the one this job has read: it is another log. {advice}");
        let changed = move |change: fn(&mut Entry)| {
            Changed::new(world.events.clone(), move |entry| {
                if entry.position.0 == committed {
                    change(entry);
                }
            })
        };
        refused(changed(|entry| entry.time = entry.time.plus_micros(1)), other.clone()).await;
        refused(changed(|entry| entry.body = "[]".into()), other).await;
    });
}

#[test]
fn another_version_of_an_operator_starts_from_the_oldest_event() {
    block_on(async {
        let (old, new) = (windows(5, 10, 20), windows(7, 10, 20));
        let world = World::new(&one_script(40), &[3]).await;
        let (logs, _) = world.straight(&old).await;
        let (_, expected) = world.straight(&new).await;
        let before = logs.outputs.continuity().await.unwrap().tail;
        let version = |version: &str| JobSpec { version: version.to_owned(), ..job_spec(&new, 0) };
        drain(version("v2"), &new, &logs, world.tail().await).await.unwrap();
        let written: Vec<Entry> =
            entries(&*logs.outputs, &subject::outputs("w", 0)).await.into_iter().filter(|e| e.position > before).collect();
        let (through, rebuilt) = written.split_last().unwrap();
        assert_eq!(rebuilt[1..].iter().map(|e| &e.body[..]).collect::<Vec<_>>(), expected.bodies(), "after its claim");
        // All of it is part of a rebuild until a claim says that it is through.
        let definition = |rebuilding| Some(Definition { version: "v2", jobs: 1, rebuilding });
        assert!(rebuilt.iter().all(|e| Definition::of(&e.headers) == definition(true)));
        assert_eq!(Definition::of(&through.headers), definition(false));
        let JobEntry::Claim(claim) = serde_json::from_slice(&through.body).unwrap() else { panic!("{through:?}") };
        assert_eq!((claim.n, claim.commit), (rebuilt.len() as u64 - 1, rebuilt.last().unwrap().position.0));
        // Going on with it changes nothing.
        drain(version("v2"), &new, &logs, world.tail().await).await.unwrap();
        assert_eq!(entries(&*logs.outputs, &subject::outputs("w", 0)).await.len(), written.len() + 1 + count_before(&logs, before).await);
    });
}

async fn count_before(logs: &Logs, before: Position) -> usize {
    entries(&*logs.outputs, &subject::outputs("w", 0)).await.iter().filter(|e| e.position <= before).count()
}

/// Log time alone moves a job on: it commits its position every ten seconds of it, wherever reading stops.
#[test]
fn a_quiet_job_commits_every_ten_seconds_of_log_time() {
    block_on(async {
        let tick = |n: i64| Step { log_time: n * SECOND, what: script::What::Tick(Vec::new()) };
        let steps: Vec<Step> = (0..45).map(tick).collect();
        let world = World::new(&steps, &[1]).await;
        let (_, chain) = world.straight(&windows(5, 0, 20)).await;
        assert_eq!(chain.commits.iter().map(|(c, _)| c.in_position).collect::<Vec<_>>(), [10, 19, 28, 37]);
        // What it has read since the last of them is saved with its state, and missed when it is gone.
        let (logs, _) = world.straight(&windows(5, 0, 20)).await;
        let lost = Logs { events: Changed::cut(logs.events.clone(), Position(44)), ..logs.clone() };
        let error = claim(job_spec(&windows(5, 0, 20), 0), &windows(5, 0, 20), &lost).await.err().expect("it is refused");
        assert!(error.chain().contains("the event log ends at 44, but the job has read up to 45"), "{}", error.chain());
    });
}
