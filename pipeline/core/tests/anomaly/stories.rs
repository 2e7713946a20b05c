//! Series whose story is known, and what must be said of them.

use floodmark_core::anomaly::{Counters, Emit, Spec};
use floodmark_schemas::{Head, Score, ScoreState};

use crate::world::{DAY, MINUTE, START, Sample, entries, judge, ordinary, run, spec};

/// Ordinary days, then these values.
fn after(days: i64, values: &[f64]) -> Vec<Sample> {
    let mut samples = ordinary(days);
    let next = days * DAY;
    samples.extend((0..).zip(values).map(|(n, value)| (next + n * 5 * MINUTE, "load", *value)));
    samples
}

/// Which scores after 10 ordinary days open an episode.
fn opened_after_ten_days(scores: &[Score]) -> Vec<usize> {
    opened(scores).into_iter().filter(|n| *n >= 2_880).collect()
}

fn opened(scores: &[Score]) -> Vec<usize> {
    let opens = |score: &Score| score.episode.as_ref().is_some_and(|episode| episode.id == score.id);
    scores.iter().enumerate().filter(|(_, score)| opens(score)).map(|(n, _)| n).collect()
}

#[test]
fn a_constant_series_is_silent_for_ever() {
    for value in [0.0, -0.0, 1.0, -1e-9, 1e12] {
        let samples: Vec<Sample> = (0..5_000).map(|n| (n * 5 * MINUTE, "load", value)).collect();
        let scores = judge(&spec(), &samples);
        assert!(scores.iter().all(|score| score.score == 0.0 && score.episode.is_none()), "{value}");
        assert_eq!((scores.len(), scores[4_999].state, scores[4_999].baseline), (5_000, ScoreState::Normal, Some(value)));
    }
}

#[test]
fn a_spike_opens_an_episode_that_says_why() {
    let scores = judge(&spec(), &after(10, &[200.0]));
    let spike = scores.last().unwrap();
    assert_eq!((spike.head, spike.state, spike.value), (Head::Novelty, ScoreState::Anomalous, 200.0));
    assert!(spike.score > 10.0 && spike.score == spike.novelty && spike.jump > 1.0 && spike.staleness == 0.0, "{spike:?}");
    let (lower, upper) = (spike.lower.unwrap(), spike.upper.unwrap());
    assert!(lower > 47.0 && lower < 51.0 && upper > 59.0 && upper < 63.0, "{spike:?}");
    assert!((54.0..56.0).contains(&spike.baseline.unwrap()), "{spike:?}");
    let episode = spike.episode.as_ref().unwrap();
    assert_eq!((&episode.id, episode.opened, episode.peak, episode.closed), (&spike.id, spike.time, spike.score, false));
    assert!(episode.severity() > 3.0);
}

#[test]
fn nothing_is_anomalous_before_300_events_and_a_day() {
    // The same spike after so many events, so far apart.
    for (events, secs, expected) in [
        (299, 3_600, ScoreState::Learning),
        (300, 3_600, ScoreState::Anomalous),
        (1_000, 60, ScoreState::Learning),
        (1_440, 60, ScoreState::Learning),
        (1_441, 60, ScoreState::Anomalous),
    ] {
        let mut samples: Vec<Sample> = ordinary(10).into_iter().take(events).collect();
        samples.last_mut().unwrap().2 = 500.0;
        (0..).zip(&mut samples).for_each(|(n, sample)| sample.0 = n * secs);
        let scores = judge(&spec(), &samples);
        let spike = scores.last().unwrap();
        assert!(spike.score > 10.0, "{spike:?}");
        assert_eq!(spike.state, expected, "{events} events, {secs} s apart");
        assert_eq!((spike.episode.is_some(), spike.upper.is_some()), (expected != ScoreState::Learning, expected != ScoreState::Learning));
        assert!(scores[..events - 1].iter().all(|score| score.state == ScoreState::Learning || events > 1_440));
    }
}

#[test]
fn a_value_that_is_stuck_within_its_range_is_noticed() {
    let scores = judge(&spec(), &after(10, &[55.0; 200]));
    let [stuck] = opened_after_ten_days(&scores)[..] else { panic!("{:?}", opened(&scores)) };
    let score = &scores[stuck];
    // 11.5 times the 4 events that are never unusual.
    assert_eq!((stuck - 2_880 + 1, score.head, score.staleness), (46, Head::Staleness, 1.5));
    assert!(score.novelty < 1.0 && score.jump < 1.0, "{score:?}");
}

#[test]
fn runs_as_long_as_there_were_before_are_ordinary() {
    let mut samples: Vec<Sample> = ordinary(30);
    // Every value comes 40 times.
    for n in 0..samples.len() {
        samples[n].2 = samples[n / 40 * 40].2;
    }
    assert!(judge(&spec(), &samples).iter().all(|score| score.staleness == 0.0));
}

#[test]
fn of_a_counter_the_growth_is_judged() {
    let grow = |name: &'static str| {
        let mut total = 0.0;
        let mut samples: Vec<Sample> = Vec::new();
        for (secs, _, value) in after(10, &[50.0, 50.0, 5_000.0]) {
            total += value * 300.0;
            samples.push((secs, name, total));
        }
        // A restart, and a reading that comes too late.
        samples.push((10 * DAY + 900, name, 15_000.0));
        samples.push((10 * DAY + 600, name, 0.0));
        samples
    };
    let rates = judge(&spec(), &grow("requests_total"));
    // The first reading, the restart and the one before it say nothing.
    assert_eq!((rates.len(), rates[0].time.micros()), (2_882, (START + 300) * 1_000_000));
    assert!((rates[2_881].value - 5_000.0).abs() < 1e-6 && rates[2_881].state == ScoreState::Anomalous);
    assert_eq!(judge(&spec(), &grow("requests")).len(), 2_885);
    let explicit = Spec { counters: Counters::All, ..spec() };
    assert_eq!(judge(&explicit, &grow("requests")).len(), 2_882);
    let explicit = Spec { counters: Counters::None, ..spec() };
    assert_eq!(judge(&explicit, &grow("requests_total")).len(), 2_885);
}

#[test]
fn an_episode_closes_after_30_events_below_half_of_the_threshold() {
    let mut values = vec![300.0];
    values.extend([55.0; 3]);
    values.push(500.0);
    values.extend(ordinary(1).iter().take(40).map(|sample| sample.2));
    let scores = judge(&spec(), &after(10, &values));
    assert_eq!(opened_after_ten_days(&scores), [2_880]);
    let last = scores.iter().rposition(|score| score.episode.as_ref().is_some_and(|episode| episode.closed)).unwrap();
    let unusual = scores[..=last].iter().rposition(|score| score.score >= 0.75).unwrap();
    assert_eq!((unusual >= 2_884, last - unusual), (true, 30));
    let episode = scores[last].episode.clone().unwrap();
    assert_eq!((&episode.id, episode.opened), (&scores[2_880].id, scores[2_880].time));
    assert_eq!(episode.peak, scores[2_880..=last].iter().map(|score| score.score).fold(0.0, f64::max));
    assert!(scores[2_880..last].iter().all(|score| score.state == ScoreState::Anomalous));
    assert_eq!((scores[last].state, &scores[last + 1].episode), (ScoreState::Normal, &None));
}

#[test]
fn episodes_begin_at_least_30_events_apart() {
    let mut samples = ordinary(20);
    // A level that never comes to rest.
    (0..).zip(&mut samples).for_each(|(n, sample)| sample.2 *= f64::from(1 + n / 37 % 5 * (n / 500)));
    let spec = Spec { threshold: 1.0, ..spec() };
    let all = opened(&judge(&spec, &samples));
    assert!(all.len() > 3 && all.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{all:?}");
}

#[test]
fn what_is_quiet_and_what_is_sensitive_differ_in_the_threshold_alone() {
    let samples = after(10, &[61.0, 62.4, 64.0, 55.0]);
    let of = |threshold| judge(&Spec { threshold, ..spec() }, &samples);
    let (quiet, sensitive) = (of(2.0), of(1.0));
    let scores = |all: &[Score]| all.iter().map(|score| score.score).collect::<Vec<_>>();
    assert_eq!(scores(&quiet), scores(&sensitive));
    let above = |threshold: f64| sensitive.iter().any(|score| score.state != ScoreState::Learning && score.score >= threshold);
    for (threshold, all) in [(1.0, &sensitive), (1.5, &of(1.5)), (2.0, &quiet)] {
        assert_eq!(!opened(all).is_empty(), above(threshold));
    }
}

#[test]
fn notable_scores_are_those_that_are_high_or_change_something() {
    let mut values = vec![300.0];
    values.extend(ordinary(1).iter().take(60).map(|sample| sample.2));
    let samples = after(10, &values);
    let all = judge(&spec(), &samples);
    let notable = judge(&Spec { emit: Emit::Notable, ..spec() }, &samples);
    let learnt = all.iter().position(|score| score.state != ScoreState::Learning).unwrap();
    let is_notable = |(n, score): (usize, &Score)| {
        let changes = score.episode.as_ref().is_some_and(|episode| episode.closed || episode.id == score.id);
        (score.score >= 0.5 || changes || n == learnt).then(|| score.clone())
    };
    let expected: Vec<Score> = all.iter().enumerate().filter_map(is_notable).collect();
    assert_eq!(notable, expected);
    assert!(notable.len() < all.len() / 10, "{} of {}", notable.len(), all.len());
}

#[test]
fn times_that_go_backwards_are_judged_as_they_come() {
    let mut samples = ordinary(3);
    samples.push((2 * DAY, "load", 55.0));
    samples.push((2 * DAY, "load", 56.0));
    samples.push((2 * DAY, "load", 56.0));
    let scores = judge(&spec(), &samples);
    let last: Vec<_> = scores[scores.len() - 3..].iter().map(|score| (score.revision, score.value, score.score < 1.5)).collect();
    assert_eq!(last, [(0, 55.0, true), (1, 56.0, true), (2, 56.0, true)]);
    let ids: std::collections::BTreeSet<_> = scores.iter().map(|score| &score.id).collect();
    assert_eq!(ids.len(), scores.len());
}

#[test]
fn values_that_are_no_sizes_are_passed_over() {
    let mut samples = ordinary(2);
    let expected = judge(&spec(), &samples);
    samples.insert(300, (300 * 5 * MINUTE, "load", 1e200));
    samples.insert(301, (300 * 5 * MINUTE, "load", -f64::MAX));
    assert_eq!(judge(&spec(), &samples), expected);
}

#[test]
fn series_beyond_the_limit_are_counted_and_left_out() {
    let names = ["a", "b", "c"];
    let samples: Vec<Sample> = (0..30).map(|n| (n * MINUTE, names[n as usize % 3], n as f64)).collect();
    let (operator, scores) = run(&Spec { series_max: 2, ..spec() }, &entries(&samples, &[7]));
    assert_eq!((operator.live_series(), operator.counts().overflow, scores.len()), (2, 10, 20));
    let only = |metrics: &str| Spec { metrics: Some(vec![metrics.to_owned()]), ..spec() };
    assert_eq!(run(&only("b*"), &entries(&samples, &[7])).1.len(), 10);
    assert_eq!(run(&Spec { sources: Some(vec!["t".to_owned()]), ..spec() }, &entries(&samples, &[7])).1.len(), 0);
}

#[test]
fn a_series_that_is_gone_for_too_long_makes_room() {
    let mut samples: Vec<Sample> = vec![(0, "gone", 1.0)];
    samples.extend((0..15 * 24).map(|n| (n * 3_600, "here", n as f64)));
    samples.push((15 * DAY, "new", 1.0));
    for cuts in [vec![1], vec![1_000]] {
        let (operator, scores) = run(&Spec { series_max: 2, ..spec() }, &entries(&samples, &cuts));
        assert_eq!((operator.live_series(), operator.counts().overflow), (2, 0));
        assert_eq!(scores.last().unwrap().series.metric, "new");
    }
}
