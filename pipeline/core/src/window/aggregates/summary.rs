//! What happened between the first and the last sample of a stretch of time.

use floodmark_schemas::Availability;

use super::chain::Sample;
use super::exact::ExactSum;
use crate::Result;
use crate::window::bytes::{Reader, Writer};

/// Ends, resets and time up of a stretch. Stretches that follow each other make a longer one, and it is the same whichever
/// are joined first: time is counted in whole microseconds and sums are exact.
#[derive(Clone, Debug)]
pub(in crate::window) struct Summary {
    samples: u64,
    pub first: Sample,
    pub last: Sample,
    /// The sum of the values from which a counter fell.
    fallen: ExactSum,
    /// Microseconds between the ends that a check speaks for, and how many of these were up.
    observed_us: u64,
    up_us: u64,
}

impl Summary {
    pub fn of(sample: Sample) -> Self {
        Self { samples: 1, first: sample, last: sample, fallen: ExactSum::default(), observed_us: 0, up_us: 0 }
    }

    /// Appends a stretch that begins where this one ends, or later.
    #[inline]
    pub fn append(&mut self, later: &Self, hold_us: i64) {
        if later.first.value < self.last.value {
            self.fallen.add(self.last.value);
        }
        self.fallen.merge(&later.fallen);
        self.speak_until(later.first.time, hold_us);
        self.observed_us += later.observed_us;
        self.up_us += later.up_us;
        self.last = later.last;
        self.samples += later.samples;
    }

    /// Joins a stretch that lies before or after this one.
    pub fn join(&mut self, other: &Self, hold_us: i64) {
        if other.first.time < self.first.time {
            let later = std::mem::replace(self, other.clone());
            self.append(&later, hold_us);
        } else {
            self.append(other, hold_us);
        }
    }

    /// The last check speaks for the time until `end`, but not for longer than it may.
    fn speak_until(&mut self, end: i64, hold_us: i64) {
        let micros = end.saturating_sub(self.last.time).clamp(0, hold_us).cast_unsigned();
        self.observed_us += micros;
        if self.last.value > 0.0 {
            self.up_us += micros;
        }
    }

    /// By how much a counter grew: the sum of the differences of neighbours, where one that fell began anew at 0 and grew to
    /// what it is (<https://prometheus.io/docs/prometheus/latest/querying/functions/#increase>, without extrapolation to the
    /// ends of the window). That is last less first, and each value from which it fell. `None` of a single sample.
    pub fn increase(&self) -> Option<f64> {
        if self.samples < 2 {
            return None;
        }
        let mut sum = self.fallen.clone();
        sum.add(self.last.value);
        sum.add(-self.first.value);
        Some(sum.round())
    }

    /// By how much it grew in a second, from the first to the last sample; `None` when both have one time.
    pub fn rate(&self) -> Option<f64> {
        let micros = self.last.time.abs_diff(self.first.time);
        (micros > 0).then(|| self.increase().unwrap_or(0.0) / (micros as f64 / 1e6))
    }

    /// The share of the time up, and of the time observed, of a window.
    pub fn availability(mut self, start: i64, end: i64, hold_us: i64) -> Option<Availability> {
        self.speak_until(end, hold_us);
        let length = end.abs_diff(start) as f64;
        let up = self.up_us as f64 / self.observed_us as f64;
        (self.observed_us > 0).then_some(Availability { up, observed: self.observed_us as f64 / length })
    }

    pub fn write(&self, out: &mut Writer) {
        for Sample { time, value } in [self.first, self.last] {
            out.i64(time);
            out.f64(value);
        }
        [self.samples, self.observed_us, self.up_us].into_iter().for_each(|n| out.u64(n));
        let parts = self.fallen.parts();
        out.u64(parts.len() as u64);
        parts.into_iter().for_each(|part| out.f64(part));
    }

    pub fn read(input: &mut Reader<'_>) -> Result<Self> {
        let mut sample = || -> Result<Sample> { Ok(Sample { time: input.i64()?, value: input.f64()? }) };
        let (first, last) = (sample()?, sample()?);
        let (samples, observed_us, up_us) = (input.u64()?, input.u64()?, input.u64()?);
        let mut fallen = ExactSum::default();
        for _ in 0..input.len(8)? {
            fallen.add(input.f64()?);
        }
        Ok(Self { samples, first, last, fallen, observed_us, up_us })
    }
}
