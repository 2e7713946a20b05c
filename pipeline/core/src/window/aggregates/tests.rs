//! All aggregates against plain loops over the events, in any order, any division, and through bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use floodmark_schemas::{Aggregates, Availability, Bucket, Ranked, Series};
use proptest::prelude::*;

use super::{Aggregate, Amount, By, Top};
use crate::window::Spec;
use crate::window::accumulators::{Accumulators, Layout};
use crate::window::bytes::{Reader, Writer};

const HOLD_US: i64 = 7;
const BOUNDS: [f64; 4] = [-1.0, 0.0, 2.5, 9.0];
const WINDOW: (i64, i64) = (-3, 60);

fn spec() -> Spec {
    Spec {
        aggregates: Aggregate::ALL.into_iter().collect(),
        quantiles: vec![0.5],
        histogram: BOUNDS.to_vec(),
        distinct: Some(By::Value),
        top: Some(Top { k: 3, by: By::Value, of: Amount::Sum }),
        availability: Some(Duration::from_micros(HOLD_US as u64)),
        ..Spec::new("w", 0, Duration::from_secs(10))
    }
}

/// One slot with these events in this order.
fn slot(events: &[(i64, f64)]) -> Accumulators {
    let mut accumulators = Accumulators::new(Layout::of(&spec()));
    accumulators.push();
    events.iter().for_each(|(time, value)| accumulators.add(0, *time, *value));
    accumulators
}

fn sealed() -> Accumulators {
    let mut accumulators = Accumulators::sealed(Layout::of(&spec()));
    accumulators.push();
    accumulators
}

fn read(accumulators: &Accumulators) -> Aggregates {
    accumulators.read(0, WINDOW.0, WINDOW.1)
}

fn bytes(accumulators: &Accumulators) -> Vec<u8> {
    let mut out = Writer::default();
    accumulators.write(&mut out);
    out.0
}

/// The same after it was written and read.
fn through_bytes(accumulators: &Accumulators, empty: Accumulators) -> Accumulators {
    let written = bytes(accumulators);
    let mut input = Reader(&written);
    let read = empty.filled(1, &mut input).unwrap();
    assert!(input.0.is_empty());
    assert_eq!(bytes(&read), written);
    read
}

/// What plain loops over the events find, of values that are multiples of 1/4: all their sums are exact.
fn naive(events: &[(i64, f64)]) -> Aggregates {
    let mut by_time = events.to_vec();
    by_time.sort_by_key(|(time, _)| *time);
    let values = || events.iter().map(|(_, value)| *value);
    let (sum, count) = (values().sum::<f64>(), events.len() as f64);
    let (first, last) = (by_time[0], by_time[by_time.len() - 1]);
    let growth = |pair: &[(i64, f64)]| if pair[1].1 < pair[0].1 { pair[1].1 } else { pair[1].1 - pair[0].1 };
    let increase: f64 = by_time.windows(2).map(growth).sum();
    // Every microsecond of the window on its own.
    let speaks = |at: i64| by_time.iter().rev().find(|(time, _)| *time <= at).filter(|(time, _)| at - time < HOLD_US);
    let observed = (WINDOW.0..WINDOW.1).filter_map(speaks).count() as f64;
    let up = (WINDOW.0..WINDOW.1).filter_map(speaks).filter(|(_, value)| *value > 0.0).count() as f64;
    let mut amounts = BTreeMap::new();
    values().for_each(|value| *amounts.entry((value * 4.0) as i64).or_insert(0.0) += value.max(0.0));
    let distinct = amounts.len() as u64;
    let mut amounts: Vec<(i64, f64)> = amounts.into_iter().collect();
    amounts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let ranked = |(quarters, amount): &(i64, f64)| Ranked { name: (*quarters as f64 / 4.0).to_string(), amount: *amount, error: 0.0 };
    Aggregates {
        count: events.len() as u64,
        sum: Some(sum),
        mean: Some(sum / count),
        min: values().reduce(f64::min),
        max: values().reduce(f64::max),
        first: Some(first.1),
        last: Some(last.1),
        delta: Some(last.1 - first.1),
        increase: (events.len() > 1).then_some(increase),
        rate: (last.0 > first.0).then(|| increase / ((last.0 - first.0) as f64 / 1e6)),
        distinct: Some(distinct),
        availability: Some(Availability { up: up / observed, observed: observed / (WINDOW.1 - WINDOW.0) as f64 }),
        top: amounts.iter().take(3).map(ranked).collect(),
        histogram: BOUNDS.map(|le| Bucket { le, count: values().filter(|value| *value <= le).count() as u64 }).to_vec(),
        ..Aggregates::default()
    }
}

/// Without what only sketches and rounding say, which have tests of their own.
fn exact(mut found: Aggregates) -> Aggregates {
    assert!(found.stddev.take().is_some() && found.quantiles.remove("0.5").is_some());
    found
}

fn events() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![0..40_i32, Just(0), -8..8_i32, Just(1_000_000)].prop_map(|quarters| f64::from(quarters) / 4.0);
    prop::collection::vec((WINDOW.0..WINDOW.1, value), 1..60)
}

/// The events in parts by time, so that none of a part lies before one of an earlier part; empty parts too.
fn by_time(events: &[(i64, f64)], cuts: &[i64]) -> Vec<Vec<(i64, f64)>> {
    let mut cuts = cuts.to_vec();
    cuts.sort_unstable();
    let part = |from: i64, to: i64| events.iter().filter(|(time, _)| (from..to).contains(time)).copied().collect();
    let ends = cuts.iter().copied().chain([i64::MAX]);
    [i64::MIN].into_iter().chain(cuts.iter().copied()).zip(ends).map(|(from, to)| part(from, to)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn aggregates_are_those_of_plain_loops(events in events()) {
        let found = slot(&events);
        prop_assert_eq!(exact(read(&found)), naive(&events));
        prop_assert_eq!(read(&through_bytes(&found, Accumulators::new(Layout::of(&spec())))), read(&found));
    }

    #[test]
    fn slots_that_take_events_are_merged_in_the_order_of_the_log(events in events(), cut in 0..60_usize, later in 0..60_usize) {
        let (early, late) = events.split_at(cut.min(events.len()));
        let (late, more) = late.split_at(later.min(late.len()));
        let mut merged = slot(early);
        merged.merge(0, &slot(late), 0);
        more.iter().for_each(|(time, value)| merged.add(0, *time, *value));
        prop_assert_eq!(exact(read(&merged)), naive(&events));
        // Chains and other columns whose sums are exact here do not know how they came about.
        let whole = slot(&events);
        prop_assert_eq!((merged.more_bytes(), merged.ends), (whole.more_bytes(), whole.ends));
    }

    #[test]
    fn neighbours_in_time_are_joined_in_any_order(events in events(), cuts in prop::collection::vec(WINDOW.0..WINDOW.1, 3)) {
        let expected = naive(&events);
        let parts: Vec<Accumulators> = by_time(&events, &cuts).iter().map(|part| slot(part)).collect();
        let join = |order: &[usize]| {
            let mut joined = sealed();
            order.iter().for_each(|at| joined.merge(0, &parts[*at], 0));
            joined
        };
        let (forth, back) = (join(&[0, 1, 2, 3]), join(&[3, 2, 1, 0]));
        let (mut left, right) = (join(&[0, 1]), join(&[2, 3]));
        left.merge(0, &right, 0);
        let (mut outer, first) = (join(&[2, 3]), join(&[0, 1]));
        outer.merge(0, &first, 0);
        for joined in [&forth, &back, &left, &outer] {
            prop_assert_eq!(joined.more_bytes(), forth.more_bytes());
            prop_assert_eq!(exact(read(joined)), expected.clone());
            prop_assert_eq!(read(&through_bytes(joined, Accumulators::sealed(Layout::of(&spec())))), read(joined));
        }
    }
}

#[test]
fn a_counter_that_fell_began_anew() {
    let found = read(&slot(&[(0, 5.0), (10, 9.0), (20, 2.0), (30, 4.0)]));
    assert_eq!((found.delta, found.increase, found.rate), (Some(-1.0), Some(8.0), Some(8.0 / 30e-6)));
}

#[test]
fn growth_is_exact_where_a_sum_of_differences_is_not() {
    let found = read(&slot(&[(0, 0.1), (10, 0.3), (20, 0.2), (30, 0.7), (40, 0.1)]));
    // 0.3 - 0.1 + 0.2 + 0.7 - 0.2 + 0.1, of the numbers as they are, rounded once.
    assert_eq!(found.increase, Some(1.0));
}

#[test]
fn one_value_has_no_growth_and_two_at_one_time_no_rate() {
    let found = read(&slot(&[(5, 5.0)]));
    assert_eq!((found.delta, found.increase, found.rate), (Some(0.0), None, None));
    let found = read(&slot(&[(5, 5.0), (5, 7.0)]));
    assert_eq!((found.delta, found.increase, found.rate), (Some(2.0), Some(2.0), None));
}

#[test]
fn a_check_speaks_until_the_next_and_no_longer_than_it_may() {
    // Up for 7 of 10, down for 5 of 5, up for 3 until the window ends.
    let found = read(&slot(&[(42, 1.0), (52, 0.0), (57, 1.0)]));
    assert_eq!(found.availability, Some(Availability { up: 10.0 / 15.0, observed: 15.0 / 63.0 }));
}

#[test]
fn labels_of_grouped_series_are_counted_and_ranked() {
    let host = || By::Label("host".to_owned());
    let top = Some(Top { k: 2, by: host(), of: Amount::Count });
    let spec = Spec { distinct: Some(host()), top, ..Spec::new("w", 0, Duration::from_secs(10)) };
    let layout = Layout::of(&spec);
    assert!(layout.asks_labels() && !Layout::of(&self::spec()).asks_labels());
    let mut accumulators = Accumulators::new(layout.clone());
    accumulators.push();
    for (series, times) in [(Series::new("m").label("host", "a"), 2), (Series::new("m").label("host", "b"), 4), (Series::new("m"), 3)] {
        let labels = layout.labels(&series);
        (0..times).for_each(|n| accumulators.add_of(0, n, 1.0, &labels));
    }
    let found = accumulators.read(0, 0, 10);
    let ranked = |name: &str, amount| Ranked { name: name.to_owned(), amount, error: 0.0 };
    assert_eq!((found.count, found.distinct, found.top), (9, Some(2), vec![ranked("b", 4.0), ranked("", 3.0)]));
}

#[test]
fn bytes_of_all_columns_are_as_they_were() {
    let mut out = Writer::default();
    Layout::of(&spec()).write(&mut out);
    slot(&[(3, 0.25), (1, -4.0), (1, 7.5), (2, 7.5)]).write(&mut out);
    assert_eq!(out.0, include_bytes!("../../../tests/golden/v1/aggregates.slot"));
    let mut many = Accumulators::new(Layout::of(&spec()));
    many.push();
    (0..2_000).for_each(|n| many.add(0, n, f64::from(n as u32 % 900)));
    assert_eq!(twox_hash::XxHash3_64::oneshot(&bytes(&many)), 15_558_278_593_638_947_245);
}

#[test]
fn bytes_that_are_cut_are_refused() {
    let whole = bytes(&slot(&[(3, 0.25), (1, -4.0)]));
    for end in 0..whole.len() {
        assert!(Accumulators::read_bytes(Layout::of(&spec()), 1, &mut Reader(&whole[..end])).is_err(), "{end}");
    }
}
