//! Silence against a naive evaluation.

use std::collections::BTreeMap;

use floodmark_core::alert::{Condition, Input, Spec, Timing};
use floodmark_core::ports::Entry;
use floodmark_schemas::{Alert, AlertState, Severity};
use proptest::prelude::*;

use crate::world::{Sample, Writer, bare, event, run, series, told};

const SPAN_SECS: i64 = 100;

fn spec() -> Spec {
    let timing = Timing { no_data_for_us: Some(SPAN_SECS * 1_000_000), severity: Severity::Error, ..Timing::default() };
    Spec { timing, ..Spec::new("silent", 0, Input::Anything, Condition::Never) }
}

/// An entry of the log: its log time, and either samples of the first source or a tick.
#[derive(Clone, Debug)]
struct Written {
    log_secs: i64,
    samples: Vec<Sample>,
}

fn log() -> impl Strategy<Value = Vec<Written>> {
    // Mostly ticks, sometimes after a gap in which nobody was there.
    let gap = prop_oneof![6 => 1..30i64, 1 => 55..65i64, 1 => 100..1_000i64];
    let samples = prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec((0..3usize, 0..8i64), 1..4)];
    prop::collection::vec((gap, samples), 1..80).prop_map(|entries| {
        let mut now = 10_000;
        let one = |(gap, samples): (i64, Vec<(usize, i64)>)| {
            now += gap;
            Written { log_secs: now, samples: samples.into_iter().map(|(series, ago)| (0, series, now - ago, 1.0)).collect() }
        };
        entries.into_iter().map(one).collect()
    })
}

fn entries(log: &[Written]) -> Vec<Entry> {
    let mut writer = Writer::of_disorder(10);
    for Written { log_secs, samples } in log {
        match samples.as_slice() {
            [] => writer.tick(*log_secs, &[]),
            samples => writer.frame(0, *log_secs, &samples.iter().map(event).collect::<Vec<_>>()),
        }
    }
    writer.entries
}

/// State and seconds of each step of each series: at each entry all before it are looked at again.
fn naive(log: &[Written]) -> BTreeMap<usize, Vec<(AlertState, i64)>> {
    let mut all: BTreeMap<usize, Vec<(AlertState, i64)>> = BTreeMap::new();
    for number in 0..3 {
        let of = |written: &Written| written.samples.iter().filter(|(_, series, ..)| *series == number).map(|sample| sample.2).max();
        for (i, written) in log.iter().enumerate() {
            let Some(heard) = log[..i].iter().rposition(|before| of(before).is_some()) else { continue };
            let silent: i64 = log[heard..=i].windows(2).map(|pair| (pair[1].log_secs - pair[0].log_secs).min(60)).sum();
            let newest = log[..i].iter().filter_map(of).max().unwrap();
            let told = all.entry(number).or_default();
            let is_silent = told.last().is_some_and(|(state, _)| *state == AlertState::NoData);
            if silent > SPAN_SECS && !is_silent {
                told.push((AlertState::NoData, newest + SPAN_SECS));
            }
            // What is later than all before it can be judged, and ends the silence.
            let judged = written.samples.iter().filter(|(_, series, ..)| *series == number).find(|sample| sample.2 >= newest);
            if let (Some((AlertState::NoData, since)), Some(sample)) = (told.last().copied(), judged) {
                told.push((AlertState::Resolved, since.max(sample.2)));
            }
        }
    }
    all.retain(|_, told| !told.is_empty());
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn silence_is_that_of_a_naive_evaluation(log in log(), restarts in prop::collection::vec(any::<bool>(), 1..6)) {
        let alerts = run(&spec(), &entries(&log), &restarts).1;
        let mut found: BTreeMap<usize, Vec<(AlertState, i64)>> = BTreeMap::new();
        for alert in &alerts {
            let number = (0..3).find(|number| series(*number) == alert.series).unwrap();
            prop_assert_eq!((alert.severity, alert.value), (Severity::Error, alert.value.filter(|_| alert.state == AlertState::Resolved)));
            found.entry(number).or_default().push((alert.state, alert.time.micros() / 1_000_000));
        }
        prop_assert_eq!(found, naive(&log));
        let straight = run(&spec(), &entries(&log), &[false]).1;
        prop_assert_eq!(alerts.into_iter().map(bare).collect::<Vec<Alert>>(), straight.into_iter().map(bare).collect::<Vec<Alert>>());
    }
}

/// A sample of each source at 0 s, then ticks for 300 s, between which `between` may write.
fn with_ticks(between: impl Fn(&mut Writer, i64)) -> Vec<String> {
    let mut writer = Writer::default();
    (0..2).for_each(|source| writer.frame(source, 0, &[event(&(source, 0, 0, 1.0))]));
    for secs in 1..300 {
        between(&mut writer, secs);
        writer.tick(secs, &[]);
    }
    told(&run(&spec(), &writer.entries, &[false, true, false]).1)
}

#[test]
fn a_source_that_has_ended_is_not_silent() {
    let silent = "0 no_data error 100";
    assert_eq!(with_ticks(|_, _| {}), [silent, silent]);
    assert_eq!(
        with_ticks(|writer, secs| if secs == 50 {
            writer.end(0, secs)
        }),
        [silent]
    );
    // It is started again at 150 s, and the series that does not come back is silent from then on.
    let back = |writer: &mut Writer, secs: i64| match secs {
        50 => writer.end(0, secs),
        150 => writer.frame(0, secs, &[event(&(0, 1, 150, 1.0))]),
        _ => {}
    };
    assert_eq!(with_ticks(back), [silent, silent, "0 no_data error 250"]);
    let cut_short = |writer: &mut Writer, secs: i64| {
        if secs <= 240 {
            back(writer, secs)
        } else if secs == 241 {
            writer.end(0, secs)
        }
    };
    assert_eq!(with_ticks(cut_short), [silent]);
}

#[test]
fn time_in_which_nobody_listened_is_no_silence() {
    let mut writer = Writer::default();
    writer.frame(0, 0, &[event(&(0, 0, 0, 1.0))]);
    // The program was away for an hour, of which a minute counts.
    [3_600, 3_601, 3_640].into_iter().for_each(|secs| writer.tick(secs, &[]));
    assert_eq!(told(&run(&spec(), &writer.entries, &[true]).1), Vec::<String>::new());
    writer.tick(3_641, &[]);
    let alerts = run(&spec(), &writer.entries, &[true]).1;
    assert_eq!(told(&alerts), ["0 no_data error 100"]);
    assert_eq!(alerts[0].noticed.micros(), 3_641_000_000);
}
