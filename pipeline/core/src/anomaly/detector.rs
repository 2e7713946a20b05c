//! The detector of one series: one pass, a fixed state, no tuning.
//!
//! Three heads judge each event by what came before it, and then learn it.
//!
//! - Novelty: how far (value, seasonal residual) is from all that was seen, in parts of the range. The mean over maps of three radii;
//!   also how far the difference of a fast and a slow mean is outside all that it was.
//! - Jump: how rare a step as great as the one from the value before is.
//! - Staleness: how long the value has not changed; see [`super::staleness`].
//!
//! Novelty and jump are the program "novjump" of the study (ADR 0018): its numbers, constants and order of operations. They are 0
//! for the first 100 events, and damped by `1 + 60 / n` at the nth. Time is that of the events, in the order of the log. One that is earlier than the
//! event before is judged and learnt like any other, at the place of the profiles that its own time names; only the mean
//! distance between events does not learn from it. After a gap of more than 20 mean distances the short memories begin anew.
//!
//! Memories count events and not seconds. The results do not depend on the platform: logarithms come from `libm`.

use floodmark_schemas::Head;

use super::histogram::{Histogram, Step};
use super::map::{Map, Point};
use super::range::Range;
use super::season::{Expected, Season, weight};
use super::staleness::Staleness;

/// The radii of the maps, in ranges.
pub(super) const RADII: [f64; 3] = [0.05, 0.075, 0.11];
/// Events that are learnt before one is judged.
const WARM_UP: u64 = 100;
/// How slowly scores come to their full height.
const DAMPING: f64 = 60.0;
/// Events at which ranges, and the histogram, begin.
const START: u64 = 10;
/// Events from which on a range cannot grow without limit, and gaps are known.
const SETTLED: u64 = 20;
/// A gap, in mean distances of events.
const GAP: f64 = 20.0;
const MEAN_GAP: f64 = 0.02;
const FAST: f64 = 1.0 / 16.0;
const SLOW: f64 = 1.0 / 128.0;
const STEP_MEMORY: f64 = 0.002;
/// What a step is measured against besides its mean: a part of the level.
const STEP_FLOOR: f64 = 0.001;
/// The least range, as a part of the greatest value.
const RANGE_FLOOR: f64 = 0.02;
/// The weight of the band of fast less slow mean.
const BAND: f64 = 1.4;
const BAND_MAX: f64 = 10.0;
/// What makes a score of 1.
const NOVELTY_UNIT: f64 = 0.09;
const JUMP_UNIT: f64 = 3.0;
/// Beyond this a value is not judged: its squares would not be numbers.
const VALUE_MAX: f64 = 1e75;

/// What was found of one value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Judged {
    /// How far the value is from all that were seen.
    pub novelty: f64,
    /// How unusual the step from the value before is.
    pub jump: f64,
    /// How unusual it is that the value has not changed for so long.
    pub staleness: f64,
    /// What the level and the time of day and week make one expect.
    pub baseline: f64,
    /// Below this the value would have scored 1 for its novelty.
    pub lower: f64,
    /// Above this likewise.
    pub upper: f64,
}

impl Judged {
    /// The greatest of the heads.
    pub fn score(&self) -> f64 {
        self.novelty.max(self.jump).max(self.staleness)
    }

    /// Which head is the greatest; of equals the first.
    pub fn head(&self) -> Head {
        let score = self.score();
        match () {
            () if self.novelty == score => Head::Novelty,
            () if self.jump == score => Head::Jump,
            () => Head::Staleness,
        }
    }
}

/// The detector of one series.
#[derive(Clone, Debug)]
pub struct Detector {
    pub(super) season: Season,
    pub(super) maps: [Map; 3],
    /// From which place on each of them is free.
    pub(super) taken: [u8; 3],
    pub(super) steps: Histogram,
    /// Values, residuals, and fast less slow mean.
    pub(super) ranges: [Range; 3],
    /// Events so far.
    pub(super) count: u64,
    /// The time of the last one, in microseconds.
    pub(super) time: i64,
    /// The mean distance of events, in seconds.
    pub(super) mean_gap: f64,
    pub(super) fast: f64,
    pub(super) slow: f64,
    /// The mean of steps.
    pub(super) step: f64,
    pub(super) previous: f64,
    pub(super) staleness: Staleness,
    /// How many events before the last one had its time.
    pub(super) repeats: u32,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            season: Season::new(0.0),
            maps: RADII.map(Map::new),
            taken: [0; 3],
            steps: Histogram::new(),
            ranges: [Range::default(); 3],
            count: 0,
            time: 0,
            mean_gap: 0.0,
            fast: 0.0,
            slow: 0.0,
            step: 0.0,
            previous: 0.0,
            staleness: Staleness::default(),
            repeats: 0,
        }
    }
}

impl Detector {
    /// How many values were judged.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Judges a value and learns it. `time` is in microseconds since the epoch. `None`, and nothing is learnt, when the value is
    /// not finite or greater than 1e75.
    pub fn score(&mut self, time: i64, value: f64) -> Option<Judged> {
        if !Self::takes(value) {
            return None;
        }
        let gap = self.follow(time, value);
        let expected = self.season.expect(time, value);
        let residual = value - expected.seasonal;
        self.fast += weight(FAST, self.count) * (value - self.fast);
        self.slow += weight(SLOW, self.count) * (value - self.slow);
        let jump = if gap { 0.0 } else { self.step_to(value) };
        let staleness = self.staleness.learn(value == self.previous);
        let damping = 1.0 + DAMPING / self.count as f64;
        let at = self.point(value, residual);
        let (lower, upper) = self.limits(at, expected, damping);
        let novelty = self.visit(at);
        let baseline = self.season.level + expected.seasonal;
        self.season.learn(expected, self.count);
        self.previous = value;
        Some(Judged { novelty: novelty / damping, jump: jump / damping, staleness, baseline, lower, upper })
    }

    /// Judges a value by what is known now and learns nothing: for a value that was judged before and has been corrected.
    /// `before` is the value that it followed.
    pub fn reconsider(&self, time: i64, value: f64, before: f64) -> Option<Judged> {
        if !Self::takes(value) || self.count <= WARM_UP {
            return Self::takes(value).then(Judged::default);
        }
        let expected = self.season.expect(time, value);
        let at = self.point(value, value - expected.seasonal);
        let maps = self.maps.iter().zip(self.taken).zip(RADII);
        let near = maps.map(|((map, taken), radius)| map.nearest(at, taken).map_or(0.0, |(d, _)| map.novelty(d, radius)));
        let novelty = near.sum::<f64>() / RADII.len() as f64 / NOVELTY_UNIT;
        let jump = self.steps.rarity(self.step_of(value - before)) / JUMP_UNIT;
        let damping = 1.0 + DAMPING / self.count as f64;
        let (lower, upper) = self.limits(at, expected, damping);
        let baseline = self.season.level + expected.seasonal;
        Some(Judged { novelty: novelty / damping, jump: jump / damping, staleness: 0.0, baseline, lower, upper })
    }

    /// By how much the novelty of two values can differ at most, for each unit of their difference, at the next event.
    pub(super) fn novelty_slope(&self) -> f64 {
        let at = self.point(0.0, 0.0);
        at.value_scale.max(at.residual_scale) / NOVELTY_UNIT
    }

    fn takes(value: f64) -> bool {
        value.abs() <= VALUE_MAX
    }

    /// Counts the event; whether it came after a gap.
    fn follow(&mut self, time: i64, value: f64) -> bool {
        self.count += 1;
        if self.count == 1 {
            self.season.level = value;
            (self.fast, self.slow, self.previous, self.time) = (value, value, value, time);
        } else {
            self.repeats = if time == self.time { self.repeats.saturating_add(1) } else { 0 };
        }
        let since = time.saturating_sub(self.time) as f64 / 1e6;
        let gap = self.count > SETTLED && self.mean_gap > 0.0 && since > GAP * self.mean_gap;
        if since > 0.0 && !gap {
            self.mean_gap += weight(MEAN_GAP, self.count) * (since - self.mean_gap);
        }
        self.time = time;
        if gap {
            (self.fast, self.slow) = (value, value);
        }
        gap
    }

    fn step_of(&self, difference: f64) -> Step {
        Step::of(difference.abs() / (self.step + STEP_FLOOR * self.season.level.abs() + 1e-9))
    }

    /// Judges and learns the step from the value before.
    fn step_to(&mut self, value: f64) -> f64 {
        if self.count == 1 {
            return 0.0;
        }
        let difference = (value - self.previous).abs();
        let step = self.step_of(difference);
        let jump = if self.count > WARM_UP { self.steps.rarity(step) / JUMP_UNIT } else { 0.0 };
        if self.count > START {
            self.steps.learn(step);
        }
        self.step += weight(STEP_MEMORY, self.count - 1) * (difference - self.step);
        jump
    }

    fn point(&self, value: f64, residual: f64) -> Point {
        let [values, residuals, _] = &self.ranges;
        let floor = RANGE_FLOOR * values.magnitude();
        let scale = |range: &Range| 1.0 / (range.width().max(floor) + 1e-12);
        Point { value, residual, value_scale: scale(values), residual_scale: scale(residuals) }
    }

    /// Judges and learns where the value is.
    fn visit(&mut self, at: Point) -> f64 {
        let Point { value, residual, .. } = at;
        let band = self.fast - self.slow;
        if self.count <= START {
            let seen = [value, residual];
            if self.count == 1 {
                self.ranges = [value, residual, band].map(Range::at);
            }
            self.ranges.iter_mut().zip(seen).for_each(|(range, value)| range.include(value));
            self.ranges[2] = Range::at(band);
            return 0.0;
        }
        let now = self.count as u16;
        let mut sum = 0.0;
        for ((map, taken), radius) in self.maps.iter_mut().zip(&mut self.taken).zip(RADII) {
            map.expire(now, taken);
            let nearest = map.nearest(at, *taken);
            sum += nearest.map_or(0.0, |(distance, _)| map.novelty(distance, radius));
            map.learn(at, nearest, now, radius, taken);
        }
        let mut novelty = sum / RADII.len() as f64;
        let [values, _, bands] = self.ranges;
        let outside = (band - bands.high).max(bands.low - band);
        if bands.width() > 0.0 && outside > 0.0 {
            let width = bands.width().max(RANGE_FLOOR * 0.5 * values.magnitude());
            novelty = novelty.max(BAND * (outside / width).min(BAND_MAX));
        }
        let limited = self.count > SETTLED;
        self.ranges.iter_mut().zip([value, residual, band]).for_each(|(range, value)| range.learn(value, limited));
        if self.count > WARM_UP { novelty / NOVELTY_UNIT } else { 0.0 }
    }

    /// Between which values the event would not have been new, as far as ranges tell: those of the values, and those of the residuals
    /// around what is expected, each and a little more. What lies between may still be new.
    fn limits(&self, at: Point, expected: Expected, damping: f64) -> (f64, f64) {
        let [values, residuals, _] = &self.ranges;
        let (value_margin, residual_margin) = (NOVELTY_UNIT * damping / at.value_scale, NOVELTY_UNIT * damping / at.residual_scale);
        let lower = residuals.low + expected.seasonal - residual_margin;
        let upper = residuals.high + expected.seasonal + residual_margin;
        let (least, greatest) = (lower.max(values.low - value_margin), upper.min(values.high + value_margin));
        if least <= greatest { (least, greatest) } else { (lower, upper) }
    }
}
