//! The state of one series as bytes.

use bytes::{Buf, BufMut, TryGetError};

use crate::Result;
use crate::anomaly::counter::Counter;
use crate::anomaly::detector::Detector;
use crate::anomaly::episode::Open;
use crate::anomaly::histogram::Histogram;
use crate::anomaly::map::Map;
use crate::anomaly::recent::{Recent, Seen};
use crate::anomaly::season::{Fit, Season};
use crate::anomaly::staleness::Staleness;
use crate::anomaly::watch::{History, LEARNT, Watch};
use crate::lanes::{broken, early, get_text, put_bytes};

const LEARNING: u8 = 1;
const EPISODE: u8 = 2;
const COUNTER: u8 = 4;
const READING: u8 = 8;
const ROLLUPS: u8 = 16;

pub(super) fn put(out: &mut Vec<u8>, watch: &Watch) {
    let Watch { detector, learning_since, seen, episode, history } = watch;
    let counter = history.as_ref().and_then(|history| history.counter);
    let recent = history.as_ref().and_then(|history| history.recent.as_ref());
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    out.put_u8(
        flag(watch.is_learning(), LEARNING)
            | flag(episode.is_some(), EPISODE)
            | flag(counter.is_some(), COUNTER)
            | flag(counter.flatten().is_some(), READING)
            | flag(recent.is_some(), ROLLUPS),
    );
    out.put_i64_le(*seen);
    if watch.is_learning() {
        out.put_i64_le(*learning_since);
    }
    if let Some(Open { id, opened, peak, quiet }) = episode.as_deref() {
        put_bytes(out, id.as_bytes());
        out.put_i64_le(*opened);
        out.put_f64_le(*peak);
        out.put_u8(*quiet);
    }
    if let Some(reading) = counter.flatten() {
        put_counter(out, reading);
    }
    if let Some(Recent(windows)) = recent {
        out.put_u8(windows.len() as u8);
        windows.iter().for_each(|seen| put_seen(out, seen));
    }
    put_detector(out, detector);
}

pub(super) fn get(input: &mut &[u8]) -> Result<Watch> {
    let flags = input.try_get_u8().map_err(early)?;
    let has = |flag: u8| flags & flag != 0;
    let seen = input.try_get_i64_le().map_err(early)?;
    let learning_since = if has(LEARNING) { input.try_get_i64_le().map_err(early)? } else { LEARNT };
    let mut episode = None;
    if has(EPISODE) {
        let id = get_text(input)?.to_owned();
        let read = |input: &mut &[u8]| -> Result<_, TryGetError> {
            Ok(Open { id, opened: input.try_get_i64_le()?, peak: input.try_get_f64_le()?, quiet: input.try_get_u8()? })
        };
        episode = Some(Box::new(read(input).map_err(early)?));
    }
    let reading = if has(READING) { Some(get_counter(input).map_err(early)?) } else { None };
    let mut recent = Recent::default();
    if has(ROLLUPS) {
        for _ in 0..input.try_get_u8().map_err(early)? {
            recent.0.push_back(get_seen(input).map_err(early)?);
        }
    }
    let history = History { counter: has(COUNTER).then_some(reading), recent: has(ROLLUPS).then_some(recent) };
    let history = (has(COUNTER) || has(ROLLUPS)).then(|| Box::new(history));
    Ok(Watch { detector: get_detector(input)?, learning_since, seen, episode, history })
}

fn put_counter(out: &mut Vec<u8>, counter: Counter) {
    out.put_i64_le(counter.time);
    out.put_f64_le(counter.value);
}

fn get_counter(input: &mut &[u8]) -> Result<Counter, TryGetError> {
    Ok(Counter { time: input.try_get_i64_le()?, value: input.try_get_f64_le()? })
}

fn put_seen(out: &mut Vec<u8>, seen: &Seen) {
    let Seen { end, value, before, counter, novelty, slope, staleness } = seen;
    out.put_i64_le(*end);
    [value, before, novelty, slope, staleness].into_iter().for_each(|n| out.put_f64_le(*n));
    out.put_u8(u8::from(counter.is_some()));
    counter.iter().for_each(|counter| put_counter(out, *counter));
}

fn get_seen(input: &mut &[u8]) -> Result<Seen, TryGetError> {
    let end = input.try_get_i64_le()?;
    let (value, before) = (input.try_get_f64_le()?, input.try_get_f64_le()?);
    let (novelty, slope, staleness) = (input.try_get_f64_le()?, input.try_get_f64_le()?, input.try_get_f64_le()?);
    let counter = if input.try_get_u8()? == 0 { None } else { Some(get_counter(input)?) };
    Ok(Seen { end, value, before, counter, novelty, slope, staleness })
}

/// The numbers of a detector that always stand there, in order.
fn numbers(detector: &mut Detector) -> [&mut f64; 15] {
    let Detector { season, ranges: [values, residuals, bands], mean_gap, fast, slow, step, previous, .. } = detector;
    let Season { level, variance, fit, .. } = season;
    let ranges = [values, residuals, bands].map(|range| [&mut range.low, &mut range.high]);
    let [[value_low, value_high], [residual_low, residual_high], [band_low, band_high]] = ranges;
    let Fit { covariance, variance: profile_variance } = fit;
    [
        level,
        variance,
        covariance,
        profile_variance,
        mean_gap,
        fast,
        slow,
        step,
        previous,
        value_low,
        value_high,
        residual_low,
        residual_high,
        band_low,
        band_high,
    ]
}

fn put_detector(out: &mut Vec<u8>, detector: &Detector) {
    out.put_u64_le(detector.count);
    out.put_i64_le(detector.time);
    let Staleness { run, longest, changes } = detector.staleness;
    [detector.repeats, run, longest, changes.into()].into_iter().for_each(|n| out.put_u32_le(n));
    numbers(&mut detector.clone()).into_iter().for_each(|n| out.put_f64_le(*n));
    for map in &detector.maps {
        out.put_f64_le(map.radius);
        out.put_u8(map.points().count() as u8);
        for (place, value, residual, used) in map.points() {
            out.put_u8(place);
            out.put_f64_le(value);
            out.put_f64_le(residual);
            out.put_u16_le(used);
        }
    }
    out.put_f64_le(detector.steps.total());
    out.put_u8(detector.steps.masses().count() as u8);
    for (bin, mass) in detector.steps.masses() {
        out.put_u8(bin);
        out.put_f64_le(mass);
    }
    put_places(out, detector.season.hours());
    out.put_u8(u8::from(detector.season.day.is_some()));
    if let Some(day) = &detector.season.day {
        out.put_f64_le(day.fit.covariance);
        out.put_f64_le(day.fit.variance);
        put_places(out, day.half_hours());
    }
}

fn get_detector(input: &mut &[u8]) -> Result<Detector> {
    let wrong = || broken("a series has a place that is not there");
    let (count, time) = (input.try_get_u64_le().map_err(early)?, input.try_get_i64_le().map_err(early)?);
    let mut detector = Detector { count, time, ..Detector::default() };
    let mut runs = [0; 4];
    for n in &mut runs {
        *n = input.try_get_u32_le().map_err(early)?;
    }
    let [repeats, run, longest, changes] = runs;
    detector.repeats = repeats;
    detector.staleness = Staleness { run, longest, changes: u8::try_from(changes).unwrap_or(u8::MAX) };
    for n in numbers(&mut detector) {
        *n = input.try_get_f64_le().map_err(early)?;
    }
    for map in &mut detector.maps {
        *map = Map::new(input.try_get_f64_le().map_err(early)?);
        for _ in 0..input.try_get_u8().map_err(early)? {
            let point = |input: &mut &[u8]| -> Result<_, TryGetError> {
                Ok((input.try_get_u8()?, input.try_get_f64_le()?, input.try_get_f64_le()?, input.try_get_u16_le()?))
            };
            let (place, value, residual, used) = point(input).map_err(early)?;
            map.put(place, value, residual, used).ok_or_else(wrong)?;
        }
    }
    detector.taken = std::array::from_fn(|map| detector.maps[map].taken());
    let total = input.try_get_f64_le().map_err(early)?;
    let mut masses = Vec::new();
    for _ in 0..input.try_get_u8().map_err(early)? {
        masses.push((input.try_get_u8().map_err(early)?, input.try_get_f64_le().map_err(early)?));
    }
    detector.steps = Histogram::from_masses(&masses, total).ok_or_else(wrong)?;
    for (hour, visits, deviation) in get_places(input)? {
        detector.season.put(hour, visits, deviation).ok_or_else(wrong)?;
    }
    let has_day = input.try_get_u8().map_err(early)? != 0;
    if has_day != detector.season.day.is_some() {
        return Err(broken("a series has profiles that do not go together"));
    }
    if let Some(day) = &mut detector.season.day {
        day.fit.covariance = input.try_get_f64_le().map_err(early)?;
        day.fit.variance = input.try_get_f64_le().map_err(early)?;
        for (place, visits, deviation) in get_places(input)? {
            day.put(place, visits, deviation).ok_or_else(wrong)?;
        }
    }
    Ok(detector)
}

fn put_places(out: &mut Vec<u8>, places: impl Iterator<Item = (u8, u8, f64)> + Clone) {
    out.put_u8(places.clone().count() as u8);
    for (place, visits, deviation) in places {
        out.put_u8(place);
        out.put_u8(visits);
        out.put_f64_le(deviation);
    }
}

fn get_places(input: &mut &[u8]) -> Result<Vec<(u8, u8, f64)>> {
    let read = |input: &mut &[u8]| -> Result<Vec<_>, TryGetError> {
        let count = input.try_get_u8()?;
        (0..count).map(|_| Ok((input.try_get_u8()?, input.try_get_u8()?, input.try_get_f64_le()?))).collect()
    };
    read(input).map_err(early)
}
