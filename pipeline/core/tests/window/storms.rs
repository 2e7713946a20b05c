//! Bad weather, each scenario by its name: in windows of every shape what comes out equals the oracle, and what ten-second
//! windows count equals plain arithmetic.

use std::collections::BTreeMap;
use std::time::Duration;

use floodmark_core::BySource;
use floodmark_core::ports::Operator;
use floodmark_core::window::{Shape, Spec, Unit, Zone};
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Event, Series, Timestamp};

use crate::world::{self, SECOND, SOURCES, Step, What};
use crate::{nothing_changes_the_outputs, outputs_equal_the_oracle, revisions_have_no_gaps, run, without_places};

/// Sources by their numbers: their event times go backwards by up to 0, 2 and 5 s.
const EXACT: usize = 0;
const CLOSE: usize = 1;
const LOOSE: usize = 2;
/// Lanes of a source that is in one piece, in two partitions.
const HERE: usize = 0;
const THERE: usize = 3;

/// Windows of 10 s of sources that are idle after 30 s.
fn spec(lateness_secs: u64) -> Spec {
    let secs = Duration::from_secs;
    Spec { allowed_lateness: secs(lateness_secs), idle_timeout: secs(30), ..Spec::new("w", 0, secs(10)) }
}

fn grouped(lateness_secs: u64) -> Spec {
    Spec { group_by: Some(Vec::new()), ..spec(lateness_secs) }
}

/// At a time of the log, a source sends events of these times on a lane; all in seconds.
fn sends(log_secs: i64, source: usize, lane: usize, times: impl IntoIterator<Item = i64>) -> Step {
    let series = Series::new("load").label("lane", lane.to_string());
    let event = |secs| Event::sample(SOURCES[source], "s", Timestamp::from_secs(secs), series.clone(), secs as f64);
    Step { log_time: log_secs * SECOND, source, lane, what: What::Events(times.into_iter().map(event).collect()) }
}

fn ends(log_secs: i64, source: usize) -> Step {
    Step { log_time: log_secs * SECOND, source, lane: HERE, what: What::Promise(None) }
}

/// A tick in both partitions; with a promise of the exact source, when it is alive.
fn ticks(log_secs: i64, promise_secs: Option<i64>) -> [Step; 2] {
    let promises: Vec<_> = promise_secs.into_iter().map(|secs| (EXACT, HERE, secs * SECOND)).collect();
    [HERE, THERE].map(|lane| Step { log_time: log_secs * SECOND, source: EXACT, lane, what: What::Tick(promises.clone()) })
}

/// What windows of ten seconds gave: how many fired, how many revisions followed, and how many events were too late.
#[derive(Debug, PartialEq, Eq)]
struct Tally {
    fired: usize,
    revisions: usize,
    late: usize,
}

/// Compares windows of every shape with the oracle, and counts what tumbling ones gave.
fn weather(spec: &Spec, steps: &[Step]) -> Tally {
    let agree = |spec: &Spec, steps: &[Step]| {
        outputs_equal_the_oracle(spec, steps);
        nothing_changes_the_outputs(spec, steps, &[3, 1, 2], &[false, true, false]);
        revisions_have_no_gaps(spec, steps);
    };
    for shape in [Shape::Tumbling, Shape::Hopping { slide: Duration::from_secs(5) }, Shape::Session] {
        agree(&Spec { shape, ..spec.clone() }, steps);
    }
    // As slow as that ten seconds are a day; clocks are changed on the third.
    let slow = |time: Duration| time * 8_640;
    let start = Timestamp::parse("2026-03-27T00:00:00Z").unwrap();
    let days = Spec {
        shape: Shape::Calendar { unit: Unit::Day, zone: Zone::named("Europe/Berlin").unwrap() },
        allowed_lateness: slow(spec.allowed_lateness),
        idle_timeout: slow(spec.idle_timeout),
        future_limit: slow(spec.future_limit),
        ..spec.clone()
    };
    agree(&days, &world::scaled(steps, start.micros(), 8_640));
    tally(&run(spec, &world::entries(steps, &[usize::MAX]).0, &[]).1)
}

fn tally(outputs: &[Output]) -> Tally {
    let count = |is: fn(&Output) -> bool| outputs.iter().filter(|output| is(output)).count();
    Tally {
        fired: count(|output| matches!(output, Output::Rollup(rollup) if rollup.revision == 0)),
        revisions: count(|output| matches!(output, Output::Rollup(rollup) if rollup.revision > 0)),
        late: count(|output| matches!(output, Output::Late(_))),
    }
}

/// The log time at which each window of a source fired, by the window's end; in seconds.
fn fired_at(operator: &mut dyn Operator, source: usize, steps: &[Step]) -> BTreeMap<i64, i64> {
    let mut fired = BTreeMap::new();
    for entry in world::entries(steps, &[usize::MAX]).0 {
        let mut outputs = Vec::new();
        operator.apply(&entry, &mut outputs).unwrap();
        for output in outputs {
            if let Output::Rollup(rollup) = output
                && rollup.source == SOURCES[source]
                && rollup.revision == 0
            {
                fired.insert(rollup.window.end.micros() / SECOND, entry.time.micros() / SECOND);
            }
        }
    }
    fired
}

/// The windows that fired after the log had come to their end, and how long after; in seconds.
fn waits(fired: &BTreeMap<i64, i64>) -> Vec<(i64, i64)> {
    fired.iter().map(|(end, log)| (*end, log - end)).filter(|(_, wait)| *wait > 0).collect()
}

/// The values of each window at its highest revision, but for the deviation, whose last digits depend on the order.
fn newest(spec: &Spec, steps: &[Step]) -> BTreeMap<i64, Aggregates> {
    let mut newest = BTreeMap::new();
    for output in run(spec, &world::entries(steps, &[usize::MAX]).0, &[]).1 {
        if let Output::Rollup(rollup) = output {
            newest.insert(rollup.window.start.micros(), Aggregates { stddev: None, ..rollup.aggregates });
        }
    }
    newest
}

/// Windows of each source on its own give of a source what they would give if it were alone in the log.
fn each_source_is_as_if_alone(spec: &Spec, steps: &[Step]) -> BTreeMap<&'static str, Tally> {
    let (entries, places) = world::entries(steps, &[usize::MAX]);
    let mut operator = BySource::new(spec.clone()).unwrap();
    let mut together = Vec::new();
    entries.iter().for_each(|entry| operator.apply(entry, &mut together).unwrap());
    let together = without_places(together, &places);
    let mut tallies = BTreeMap::new();
    for (number, source) in SOURCES.into_iter().enumerate() {
        let alone: Vec<Step> = steps.iter().filter(|step| step.source == number).cloned().collect();
        let of_source = |output: &&Output| match output {
            Output::Rollup(rollup) => rollup.source == source,
            Output::Late(late) => late.source == source,
            Output::Score(_) | Output::Alert(_) => false,
        };
        // Events have other numbers there.
        let unnumbered = |outputs: Vec<Output>| -> Vec<Output> {
            let zero = |mut output| {
                if let Output::Late(late) = &mut output {
                    late.position = 0;
                }
                output
            };
            outputs.into_iter().map(zero).collect()
        };
        let found = unnumbered(together.iter().filter(of_source).cloned().collect());
        let (entries, places) = world::entries(&alone, &[usize::MAX]);
        assert_eq!(found, unnumbered(without_places(run(spec, &entries, &[]).1, &places)), "{}", source);
        if !alone.is_empty() {
            outputs_equal_the_oracle(spec, &alone);
            tallies.insert(source, tally(&found));
        }
    }
    tallies
}

/// Every second an event of its time and one that is 6 to 65 s old, which is beyond what the source is known for.
#[test]
fn a_late_storm() {
    let steps: Vec<Step> = (0..240).map(|t| sends(t, LOOSE, HERE, [t, t - (6 + t * 37 % 60)])).collect();
    for (lateness_secs, fired, revisions, late) in [(0, 24, 0, 220), (20, 26, 78, 140), (120, 28, 216, 0)] {
        let found = weather(&spec(lateness_secs), &steps);
        assert_eq!(found, Tally { fired, revisions, late }, "with a lateness of {lateness_secs} s");
    }
}

/// Six events at a time come in the reverse order: 5 s back.
#[test]
fn an_out_of_order_storm() {
    let storm = |source| -> Vec<Step> { (0..240).map(|t| sends(t, source, HERE, [t - t % 6 + 5 - t % 6])).collect() };
    let calm: Vec<Step> = (0..240).map(|t| sends(t, LOOSE, HERE, [t])).collect();
    // Within its disorder nobody notices.
    assert_eq!(weather(&spec(0), &storm(LOOSE)), Tally { fired: 23, revisions: 0, late: 0 });
    assert_eq!(newest(&spec(0), &storm(LOOSE)), newest(&spec(0), &calm));
    // A source that claims to be exact loses events, or has its windows revised.
    assert_eq!(weather(&spec(0), &storm(EXACT)), Tally { fired: 23, revisions: 0, late: 48 });
    assert_eq!(weather(&spec(20), &storm(EXACT)), Tally { fired: 23, revisions: 48, late: 0 });
    assert_eq!(newest(&spec(20), &storm(EXACT)), newest(&spec(0), &calm));
}

/// One source stops at 100 and is back at 200 with ten seconds of its backlog in every second.
fn an_idle_source() -> Vec<Step> {
    let mut steps = Vec::new();
    for t in 0..400 {
        steps.push(sends(t, EXACT, HERE, [t]));
        match t {
            0..=100 | 210.. => steps.push(sends(t, CLOSE, HERE, [t])),
            200..210 => steps.push(sends(t, CLOSE, HERE, 101 + (t - 200) * 10..=110 + (t - 200) * 10)),
            _ => {}
        }
    }
    steps
}

#[test]
fn an_idle_source_holds_others_back_until_its_timeout_and_then_does_not() {
    let steps = an_idle_source();
    // Windows that wait for all sources: what the idle one then brings is late where the others have gone on.
    assert_eq!(weather(&spec(20), &steps), Tally { fired: 71, revisions: 18, late: 79 });
    let mut all = floodmark_core::window::Windows::new(spec(20)).unwrap();
    let held: Vec<_> = waits(&fired_at(&mut all, EXACT, &steps)).into_iter().filter(|(_, wait)| *wait > 2).collect();
    // It was seen at 100, and is idle at the first entry that is more than 30 s later.
    assert_eq!(held, [(100, 31), (110, 21), (120, 11)]);
}

#[test]
fn a_source_that_is_idle_holds_nobody_back_where_each_has_its_own_windows() {
    let steps = an_idle_source();
    let mut operator = BySource::new(spec(20)).unwrap();
    assert_eq!(waits(&fired_at(&mut operator, EXACT, &steps)), []);
    // Without ticks nothing is seen of the time in which it was silent: nothing of its backlog is late.
    let tallies = each_source_is_as_if_alone(&spec(20), &steps);
    assert_eq!(tallies["a"], Tally { fired: 39, revisions: 0, late: 0 });
    assert_eq!(tallies["b"], Tally { fired: 39, revisions: 0, late: 0 });
}

/// The clock of a source shows an hour too much for a minute, later an hour too little; that of another is right.
fn clock_jumps() -> Vec<Step> {
    let jump = |t: i64| match t {
        60..120 => 3_600,
        500..560 => -3_600,
        _ => 0,
    };
    let second = |t: i64| [sends(t, EXACT, HERE, [t + jump(t)]), sends(t, CLOSE, HERE, [t])];
    (0..600).flat_map(second).chain([ends(600, EXACT), ends(600, CLOSE)]).collect()
}

/// While it is ahead, its watermark is 5 minutes ahead of the log: up to there its own events are late when it is right again. What was
/// ahead is in the windows of its time.
#[test]
fn a_clock_that_jumps_an_hour_costs_its_own_source_five_minutes() {
    let (steps, right) = (clock_jumps(), Tally { fired: 60, revisions: 0, late: 0 });
    let tallies = each_source_is_as_if_alone(&spec(20), &steps);
    assert_eq!((&tallies["a"], &tallies["b"]), (&Tally { fired: 27, revisions: 18, late: 330 }, &right));
    // Lateness makes revisions of all but the hour back.
    let tallies = each_source_is_as_if_alone(&spec(600), &steps);
    assert_eq!((&tallies["a"], &tallies["b"]), (&Tally { fired: 54, revisions: 261, late: 60 }, &right));
}

#[test]
fn a_clock_that_jumps_does_not_close_the_windows_of_others() {
    // Windows that wait for all sources do not go ahead of the one that is right.
    let steps = clock_jumps();
    assert_eq!(weather(&spec(20), &steps), Tally { fired: 114, revisions: 0, late: 60 });
    let (operator, _) = run(&spec(20), &world::entries(&steps, &[usize::MAX]).0, &[]);
    assert_eq!(operator.counts().future, 60);
}

/// A source in two partitions that are brought together. What it does in the other one is `there`; every second has ticks.
fn two_partitions(promising: bool, there: impl Fn(i64) -> Vec<i64>) -> Vec<Step> {
    let mut steps = Vec::new();
    for t in 0..300 {
        steps.push(sends(t, EXACT, HERE, [t]));
        steps.extend(Some(there(t)).filter(|times| !times.is_empty()).map(|times| sends(t, EXACT, THERE, times)));
        steps.extend(ticks(t, promising.then_some(t - 2)));
    }
    steps
}

fn grouped_waits(steps: &[Step]) -> Vec<(i64, i64)> {
    waits(&fired_at(&mut BySource::new(grouped(20)).unwrap(), EXACT, steps))
}

#[test]
fn a_partition_that_gets_nothing_holds_nobody_back() {
    let steps = two_partitions(false, |_| Vec::new());
    assert_eq!(weather(&grouped(20), &steps), Tally { fired: 29, revisions: 0, late: 0 });
    assert_eq!(grouped_waits(&steps), []);
}

/// It may still have something, until it is idle.
#[test]
fn a_partition_in_which_a_source_only_began_holds_back_until_it_is_idle() {
    let began = Step { log_time: 0, source: EXACT, lane: THERE, what: What::Promise(Some(-1_000 * SECOND)) };
    let steps: Vec<Step> = std::iter::once(began).chain(two_partitions(false, |_| Vec::new())).collect();
    assert_eq!(weather(&grouped(20), &steps), Tally { fired: 29, revisions: 0, late: 0 });
    assert_eq!(grouped_waits(&steps), [(10, 21), (20, 11), (30, 1)]);
}

#[test]
fn a_partition_that_falls_silent_holds_back_until_it_is_idle() {
    let both_until_100 = |t: i64| if t <= 100 { vec![t] } else { Vec::new() };
    let silent = two_partitions(false, both_until_100);
    assert_eq!(weather(&grouped(20), &silent), Tally { fired: 29, revisions: 0, late: 0 });
    assert_eq!(grouped_waits(&silent), [(110, 21), (120, 11), (130, 1)]);
    // Of a live source ticks say that nothing comes: its windows wait for the promise alone.
    let promised = two_partitions(true, both_until_100);
    assert_eq!(weather(&grouped(20), &promised), Tally { fired: 29, revisions: 0, late: 0 });
    assert!(grouped_waits(&promised).iter().all(|(end, wait)| *end > 100 && *wait == 2));
    assert_eq!(newest(&grouped(20), &promised), newest(&grouped(20), &silent));
}

#[test]
fn a_partition_that_comes_back_is_late_with_what_is_old() {
    let back = |backlog: fn() -> Vec<i64>| {
        move |t: i64| match t {
            0..=100 | 201.. => vec![t],
            200 => backlog(),
            _ => Vec::new(),
        }
    };
    let new = two_partitions(false, back(|| vec![200]));
    assert_eq!(weather(&grouped(20), &new), Tally { fired: 29, revisions: 0, late: 0 });
    let old = two_partitions(false, back(|| (101..=200).collect()));
    assert_eq!(weather(&grouped(20), &old), Tally { fired: 29, revisions: 20, late: 79 });
}
