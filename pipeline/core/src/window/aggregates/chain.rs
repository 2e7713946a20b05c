//! The samples of a slot in order of time.
//!
//! What is between two neighbours (growth of a counter, time up) changes when a late one comes between them, so they are all
//! kept: 16 bytes a sample for as long as the window is open. A sample in order is appended; one out of order is moved to
//! its place.

use super::summary::Summary;
use crate::Result;
use crate::window::bytes::{Reader, Writer, broken};

/// One value at its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub time: i64,
    pub value: f64,
}

/// Samples in order of time; of equal times in order of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::window) struct Chain(pub(super) Vec<Sample>);

impl Chain {
    #[inline]
    pub fn add(&mut self, time: i64, value: f64) {
        let sample = Sample { time, value };
        match self.0.last() {
            Some(last) if last.time > time => {
                let at = self.0.partition_point(|sample| sample.time <= time);
                self.0.insert(at, sample);
            }
            _ => self.0.push(sample),
        }
    }

    /// Takes the samples of another chain; of equal times they stand behind those that are here.
    pub fn merge(&mut self, other: &Self) {
        let sorted = self.0.last().zip(other.0.first()).is_none_or(|(last, first)| last.time <= first.time);
        self.0.extend_from_slice(&other.0);
        if !sorted {
            // Stable, and made for runs.
            self.0.sort_by_key(|sample| sample.time);
        }
    }

    /// What lies between the neighbours.
    pub fn summary(&self, hold_us: i64) -> Option<Summary> {
        let (first, rest) = self.0.split_first()?;
        let mut summary = Summary::of(*first);
        rest.iter().for_each(|sample| summary.append(&Summary::of(*sample), hold_us));
        Some(summary)
    }

    pub fn write(&self, out: &mut Writer) {
        out.u64(self.0.len() as u64);
        for Sample { time, value } in &self.0 {
            out.i64(*time);
            out.f64(*value);
        }
    }

    pub fn read(input: &mut Reader<'_>) -> Result<Self> {
        let samples = (0..input.len(16)?).map(|_| Ok(Sample { time: input.i64()?, value: input.f64()? }));
        let samples: Vec<Sample> = samples.collect::<Result<_>>()?;
        if samples.is_sorted_by_key(|sample| sample.time) { Ok(Self(samples)) } else { Err(broken("samples are not in order")) }
    }
}
