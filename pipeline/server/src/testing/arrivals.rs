//! What arrives when: inputs as single events in order of log time, and the ticks between them.

use std::collections::BTreeMap;

use floodmark_schemas::{Check, Event, Timestamp};

use crate::config::{Input, Test, What};

/// How often a tick comes, in microseconds.
const TICK_US: i64 = 1_000_000;
/// In a longer silence ticks are further apart, for nothing happens that they could tell apart: as many as these parts, and
/// up to two days a minute at most, which rules about silence take for time in which somebody listened.
const DENSE_US: i64 = 120 * TICK_US;
const PARTS: i64 = 20;
const LISTENED_US: i64 = 2 * 86_400 * TICK_US;
const MINUTE_US: i64 = 60 * TICK_US;
/// Before the silence ends they come every second again.
const LAST_US: i64 = 30 * TICK_US;

/// What arrives from one source at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Arrived {
    /// Its events in order.
    pub(super) events: Vec<Event>,
    /// Whether the source has ended with them.
    pub(super) ended: bool,
}

/// What arrives, by log time and source. An event arrives at its own time unless the test says otherwise.
pub(super) fn arrivals(test: &Test) -> BTreeMap<Timestamp, BTreeMap<String, Arrived>> {
    let mut all: BTreeMap<Timestamp, BTreeMap<String, Arrived>> = BTreeMap::new();
    let mut number = 0;
    for Input { source, at, arrives, what } in &test.input {
        for (n, time) in at.on(test.start).enumerate() {
            number += 1;
            let log_time = arrives.map_or(time, |arrives| arrives.on(test.start)).max(test.start);
            let arrived = all.entry(log_time).or_default().entry(source.clone()).or_default();
            match event(source, &format!("{number}"), (time, test.start), n, what) {
                Some(event) => arrived.events.push(event),
                None => arrived.ended = true,
            }
        }
    }
    all
}

fn event(source: &str, id: &str, (time, start): (Timestamp, Timestamp), n: usize, what: &What) -> Option<Event> {
    match what {
        What::Samples(series, values) => Some(Event::sample(source, id, time, series.clone(), values[n % values.len()])),
        What::Checks(check, expires) => {
            let certificate_expires = expires.map(|expires| expires.on(start));
            Some(Event::check(source, id, time, Check { certificate_expires, ..Check::clone(check) }))
        }
        What::Records(record, subject) => Some(Event { subject: subject.clone(), ..Event::record(source, id, time, record.clone()) }),
        What::End => None,
    }
}

/// The ticks after one time, up to and including another: at whole seconds from the start of the test.
pub(super) fn ticks(start: Timestamp, after: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
    let (start, after, to) = (start.micros(), after.micros(), to.micros());
    let silence = to.saturating_sub(after);
    let parts = (silence / PARTS / TICK_US).max(1) * TICK_US;
    let longest = if silence <= LISTENED_US { MINUTE_US } else { i64::MAX };
    let step = if silence <= DENSE_US { TICK_US } else { parts.min(longest) };
    let first = after - (after - start).rem_euclid(TICK_US) + TICK_US;
    let next = move |tick: &i64| match tick + step {
        far if far <= to - LAST_US => Some(far),
        _ if tick + TICK_US <= to - LAST_US => Some(to - LAST_US - (to - LAST_US - start).rem_euclid(TICK_US)).filter(|t| t > tick),
        _ => Some(tick + TICK_US),
    };
    std::iter::successors(Some(first), next).take_while(move |tick| *tick <= to).map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(after: i64, to: i64) -> Vec<i64> {
        let at = |millis: i64| Timestamp::from_micros(millis * 1_000);
        ticks(Timestamp::from_secs(0), at(after), at(to)).map(|tick| tick.micros() / TICK_US).collect()
    }

    #[test]
    fn ticks_come_at_whole_seconds_after_the_first_time_up_to_the_second() {
        assert_eq!(secs(0, 3_000), [1, 2, 3]);
        assert_eq!(secs(500, 2_900), [1, 2]);
        assert_eq!(secs(1_000, 1_900), [] as [i64; 0]);
    }

    #[test]
    fn a_long_silence_has_few_ticks_and_ends_with_every_second() {
        let days = secs(0, 3 * 86_400_000);
        assert_eq!(days.len(), 20 + 31);
        assert!(days.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(days[days.len() - 31..], (259_170..=259_200).collect::<Vec<_>>());
        assert!(secs(0, 86_400_000).windows(2).all(|pair| pair[1] - pair[0] <= 60));
    }
}
