//! The range in which a quantity has been, slow to forget and not to be blown up by one glitch.

/// The greatest growth at once, as a multiple of the range.
const GROWTH_MAX: f64 = 3.0;
/// By which part of the range both ends move inwards with every event.
const SHRINK: f64 = 5e-5 * 0.5;

/// From the least to the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
}

impl Range {
    pub fn at(value: f64) -> Self {
        Self { low: value, high: value }
    }

    pub fn width(self) -> f64 {
        self.high - self.low
    }

    /// The greatest distance from zero.
    pub fn magnitude(self) -> f64 {
        self.high.abs().max(self.low.abs())
    }

    /// Takes a value in whole.
    pub fn include(&mut self, value: f64) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    /// Takes a value, as far as growth is limited, and forgets a little.
    pub fn learn(&mut self, value: f64, limited: bool) {
        let width = self.width();
        let growth = if width > 0.0 && limited { GROWTH_MAX * width } else { 1e300 };
        if value > self.high {
            self.high = value.min(self.high + growth);
        }
        if value < self.low {
            self.low = value.max(self.low - growth);
        }
        let shrink = SHRINK * self.width();
        self.high -= shrink;
        self.low += shrink;
    }
}
