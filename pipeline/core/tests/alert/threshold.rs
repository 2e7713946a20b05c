//! Rules with limits against the naive evaluation.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_core::alert::{Condition, Input, Limit, Limits, Needed, Side, Spec, Timing};
use floodmark_core::ports::Entry;
use floodmark_schemas::{Alert, Severity};
use proptest::prelude::*;

use crate::oracle::{Asked, Series, Told};
use crate::world::{SOURCES, Sample, Writer, bare, event, run, series};

pub fn spec(asked: &Asked) -> Spec {
    let timing = Timing {
        for_us: asked.for_secs * 1_000_000,
        keep_firing_for_us: asked.keep_secs * 1_000_000,
        flapping: asked.flapping(),
        ..Timing::default()
    };
    let spec = Spec::new("hot", 0, Input::Samples, Condition::Limits(asked.limits.clone()));
    Spec { needed: asked.needed, timing, ..spec }
}

fn limits() -> impl Strategy<Value = Limits> {
    let levels = prop::collection::btree_map(0..4usize, (0..10i32, 0..4i32), 1..4);
    (levels, any::<bool>()).prop_map(|(levels, above)| {
        let limit = |(severity, (at, hysteresis)): (usize, (i32, i32))| {
            let (side, back) = if above { (Side::Above, -hysteresis) } else { (Side::Below, hysteresis) };
            Limit { severity: Severity::ALL[severity], side, at: f64::from(at), recover_at: f64::from(at + back) }
        };
        Limits(levels.into_iter().map(limit).collect())
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let needed = prop::option::of((1..4u32, 0..3u32).prop_map(|(n, more)| Needed { n, m: n + more }));
    let flapping = prop::option::of((2..6u32, 10..120i64));
    let spans = prop_oneof![Just(0i64), 1..40i64];
    (limits(), needed, spans.clone(), spans, flapping).prop_map(|(limits, needed, for_secs, keep_secs, flapping)| Asked {
        limits,
        needed,
        for_secs,
        keep_secs,
        flapping,
    })
}

/// Samples whose times go on and sometimes back; of one series no two have the same time.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (0..2usize, 0..3usize, 0..15i64, 0..12i64, 0..12i32);
    prop::collection::vec(sample, 1..150).prop_map(|rough| {
        let (mut now, mut seen) = ([1_000, 1_000], BTreeSet::new());
        let one = |(source, series, step, ago, value): (usize, usize, i64, i64, i32)| {
            now[source] += step;
            let at = now[source] - if ago < 6 { 2 * ago } else { 0 };
            seen.insert((source, series, at)).then_some((source, series, at, f64::from(value)))
        };
        rough.into_iter().filter_map(one).collect()
    })
}

/// Frames of at most so many samples, each of one source. Log time stands still.
fn entries(samples: &[Sample], cuts: &[usize], disorder_secs: i64) -> Vec<Entry> {
    let mut writer = Writer::of_disorder(disorder_secs);
    let (mut rest, mut cuts) = (samples, cuts.iter().cycle());
    while let Some((source, ..)) = rest.first() {
        let same = rest.iter().take_while(|sample| sample.0 == *source).count();
        let (now, later) = rest.split_at(same.min((*cuts.next().unwrap()).max(1)));
        writer.frame(*source, 1_000_000, &now.iter().map(event).collect::<Vec<_>>());
        rest = later;
    }
    writer.entries
}

/// By source and series, what a naive evaluation tells.
fn naive(samples: &[Sample], asked: &Asked, disorder_secs: i64) -> BTreeMap<(usize, usize), Vec<Told>> {
    let mut all: BTreeMap<(usize, usize), Series> = BTreeMap::new();
    let mut watermarks = [i64::MIN; 2];
    for (source, number, secs, value) in samples {
        watermarks[*source] = watermarks[*source].max(secs - disorder_secs);
        for ((_, _), series) in all.iter_mut().filter(|((of, _), _)| of == source) {
            series.seconds_before(watermarks[*source], asked);
        }
        all.entry((*source, *number)).or_default().observe(*secs, *value, asked);
    }
    all.into_iter().map(|(key, series)| (key, series.told)).filter(|(_, told)| !told.is_empty()).collect()
}

fn found(alerts: &[Alert]) -> BTreeMap<(usize, usize), Vec<Told>> {
    let mut all: BTreeMap<(usize, usize), Vec<Told>> = BTreeMap::new();
    for alert in alerts {
        let source = SOURCES.iter().position(|source| *source == alert.source).unwrap();
        let number = (0..3).find(|number| series(*number) == alert.series).unwrap();
        let secs = |time: floodmark_schemas::Timestamp| time.micros() / 1_000_000;
        let Alert { step, before, state, severity, time, began, fired, value, flapping, .. } = alert;
        let told = (*step, *before, *state, *severity, secs(*time), secs(*began), fired.map(secs), value.unwrap(), *flapping);
        all.entry((source, number)).or_default().push(told);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn steps_are_those_of_a_naive_evaluation(
        asked in asked(), samples in samples(), cuts in prop::collection::vec(1..20usize, 1..6), disorder_secs in 0..5i64,
        restarts in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let straight = run(&spec(&asked), &entries(&samples, &[usize::MAX], disorder_secs), &[false]).1;
        prop_assert_eq!(found(&straight), naive(&samples, &asked, disorder_secs));
        let cut = run(&spec(&asked), &entries(&samples, &cuts, disorder_secs), &restarts).1;
        let [straight, cut] = [straight, cut].map(|alerts| alerts.into_iter().map(bare).collect::<Vec<_>>());
        prop_assert_eq!(cut, straight);
    }

    #[test]
    fn the_steps_of_an_alert_follow_each_other(asked in asked(), samples in samples()) {
        let mut newest: BTreeMap<String, Alert> = BTreeMap::new();
        for alert in run(&spec(&asked), &entries(&samples, &[7], 0), &[false]).1 {
            let before = newest.get(&alert.id);
            prop_assert_eq!(alert.step, before.map_or(0, |before| before.step + 1));
            prop_assert_eq!(alert.before, before.map_or(floodmark_schemas::AlertState::Inactive, |before| before.state));
            prop_assert!(before.is_none_or(|before| before.began == alert.began && before.time <= alert.time));
            prop_assert!(before.is_none_or(|before| !before.state.is_over() || before.flapping), "it was over");
            newest.insert(alert.id.clone(), alert);
        }
    }
}
