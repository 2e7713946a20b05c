//! How great the steps of a series are: a histogram that forgets, in quarter octaves, with a tail beyond it.

/// The bins: the first for next to nothing, the others a quarter of an octave each.
pub(super) const BINS: usize = 128;
const DECAY: f64 = 0.9998;
/// Steps smaller than this are in the first bin.
const LEAST: f64 = 1.6e-5;
/// The part of all mass that counts as the tail, and the least mass that does.
const TAIL: f64 = 0.02;
const TAIL_MIN: f64 = 5.0;
/// What the tail's index is drawn to, with what weight, and the least it may be.
const PRIOR: f64 = 1.5;
const PRIOR_WEIGHT: f64 = 3.0;
const INDEX_MIN: f64 = 0.25;
/// log10(e), as the study rounds it.
#[expect(clippy::approx_constant, reason = "scores are those of the study")]
const PER_E_FOLD: f64 = 0.4343;
/// Mass below which a bin is empty: without this it would linger in numbers too small for the processor to be fast.
const NOTHING: f64 = 1e-200;

/// A step with its logarithm, which is taken once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The place on the axis of bins; `None` below the least.
    place: Option<f64>,
}

impl Step {
    /// A step of `size`, in units of what is usual.
    pub fn of(size: f64) -> Self {
        Self { place: (size >= LEAST).then(|| libm::log2(size) * 4.0 + 64.0) }
    }

    fn bin(self) -> usize {
        // The cast cuts what is below the range to 0.
        self.place.map_or(0, |place| (place.floor() as usize).clamp(1, BINS - 1))
    }
}

/// The decayed mass of each bin.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    bins: [f64; BINS],
    total: f64,
    /// No bin above this one has mass.
    top: u8,
}

impl Histogram {
    pub fn new() -> Self {
        Self { bins: [0.0; BINS], total: 0.0, top: 0 }
    }

    pub fn learn(&mut self, step: Step) {
        for bin in &mut self.bins[..=usize::from(self.top)] {
            *bin = if *bin < NOTHING { 0.0 } else { *bin * DECAY };
        }
        self.total = self.total * DECAY + 1.0;
        let bin = step.bin();
        self.bins[bin] += 1.0;
        self.top = self.top.max(bin as u8);
        while self.top > 0 && self.bins[usize::from(self.top)] == 0.0 {
            self.top -= 1;
        }
    }

    /// How rare steps as great as this one are: -log10 of their part. In the top 2 % of the mass the part follows a Pareto
    /// law whose index is Hill's estimate, drawn to a prior. Source: B. Hill, A simple general approach to inference about the tail of
    /// a distribution, 1975.
    pub fn rarity(&self, step: Step) -> f64 {
        let Some(place) = step.place.filter(|_| self.total > 0.0) else { return 0.0 };
        let needed = (TAIL * self.total).max(TAIL_MIN);
        let (mut mass, mut excess, mut bin) = (0.0, 0.0, usize::from(self.top));
        while bin > 0 && mass + self.bins[bin] < needed {
            mass += self.bins[bin];
            excess += self.bins[bin] * (bin as f64 + 0.5);
            bin -= 1;
        }
        let edge = bin as f64 + 1.0;
        if place <= edge {
            let own = step.bin();
            let above: f64 = self.bins[(own + 1).min(bin + 1)..=bin].iter().rev().fold(mass, |mass, bin| mass + bin);
            let within = self.bins[own] * (own as f64 + 1.0 - place);
            return -libm::log10((above + within + 0.5) / (self.total + 1.0));
        }
        let index = ((excess - mass * edge + PRIOR_WEIGHT * PRIOR) / (mass + PRIOR_WEIGHT)).max(INDEX_MIN);
        -libm::log10((mass + 0.5) / (self.total + 1.0)) + (place - edge) / index * PER_E_FOLD
    }

    pub fn total(&self) -> f64 {
        self.total
    }

    /// The bins that have mass.
    pub fn masses(&self) -> impl Iterator<Item = (u8, f64)> {
        (0u8..).zip(self.bins).filter(|(_, mass)| *mass != 0.0)
    }

    /// A histogram of these bins.
    pub fn from_masses(masses: &[(u8, f64)], total: f64) -> Option<Self> {
        let mut histogram = Self { total, ..Self::new() };
        for (bin, mass) in masses {
            *histogram.bins.get_mut(usize::from(*bin))? = *mass;
            histogram.top = histogram.top.max(*bin);
        }
        Some(histogram)
    }
}
