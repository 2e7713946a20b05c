//! Where a series has been: up to 64 points (value, seasonal residual), none closer to another than the radius.
//!
//! Points do not move. One that was not near any event for 8,000 events is forgotten; when all places are taken, the one
//! unused for longest gives way and the radius grows a little, to fall back slowly.
//!
//! Most series need few places, and what is free need not be looked at: all places from `taken` on are free. That number lies
//! with its owner, where it costs no padding: a million series have three maps each.

/// Places for points.
pub(super) const PLACES: usize = 64;
/// Events after which an unused point is forgotten.
const LIFE: u16 = 8_000;
/// How many distances are computed side by side.
const LANES: usize = 8;
/// Beyond this, in ranges, a distance is cut.
pub(super) const DISTANCE_MAX: f64 = 10.0;
const RADIUS_GROWTH: f64 = 1.02;
const RADIUS_RETURN: f64 = 0.999;
const RADIUS_MAX: f64 = 0.25;

/// A point of the plane that is judged, and by how much each axis is multiplied to measure in ranges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub value: f64,
    pub residual: f64,
    pub value_scale: f64,
    pub residual_scale: f64,
}

/// Points of one radius. The value of a free place is infinite, so that it is near to nothing.
#[derive(Clone, Debug)]
pub(super) struct Map {
    values: [f64; PLACES],
    residuals: [f64; PLACES],
    /// When each was last near an event: the event's number, of which the low 16 bits suffice for a life.
    used: [u16; PLACES],
    pub radius: f64,
}

impl Map {
    pub fn new(radius: f64) -> Self {
        Self { values: [f64::INFINITY; PLACES], residuals: [0.0; PLACES], used: [0; PLACES], radius }
    }

    /// Forgets points that were not used for too long before event `now`.
    pub fn expire(&mut self, now: u16, taken_until: &mut u8) {
        let taken = usize::from(*taken_until);
        let oldest = self.used[..taken].iter().fold(0, |oldest: u16, used| oldest.max(now.wrapping_sub(*used)));
        if oldest > LIFE {
            for (value, used) in self.values.iter_mut().zip(&mut self.used).take(taken) {
                if now.wrapping_sub(*used) > LIFE {
                    // Free places are met here too: theirs starts over, which means nothing.
                    (*value, *used) = (f64::INFINITY, now);
                }
            }
            *taken_until = self.taken();
        }
    }

    /// The place from which on all are free.
    pub fn taken(&self) -> u8 {
        self.values.iter().rposition(|value| value.is_finite()).map_or(0, |last| last as u8 + 1)
    }

    /// The nearest point and its distance in ranges, at most [`DISTANCE_MAX`]; `None` when there is no point.
    pub fn nearest(&self, at: Point, taken: u8) -> Option<(f64, usize)> {
        let mut distances = [0.0; PLACES];
        let mut lanes = [f64::INFINITY; LANES];
        let chunks = usize::from(taken).div_ceil(LANES);
        let points = self.values.chunks_exact(LANES).zip(self.residuals.chunks_exact(LANES));
        for (distances, (values, residuals)) in distances.chunks_exact_mut(LANES).zip(points).take(chunks) {
            for lane in 0..LANES {
                let by_value = (at.value - values[lane]).abs() * at.value_scale;
                let by_residual = (at.residual - residuals[lane]).abs() * at.residual_scale;
                // Not f64::max: there is no NaN here, and this is one instruction.
                let distance = if by_value > by_residual { by_value } else { by_residual };
                distances[lane] = distance;
                lanes[lane] = if distance < lanes[lane] { distance } else { lanes[lane] };
            }
        }
        let least = lanes.iter().fold(f64::INFINITY, |least, lane| if *lane < least { *lane } else { least });
        if least < DISTANCE_MAX {
            return Some((least, distances.iter().position(|distance| *distance == least)?));
        }
        // All too far to tell apart: the first.
        Some((DISTANCE_MAX, self.values.iter().position(|value| value.is_finite())?))
    }

    /// How new what is at `distance` is: the distance, measured against a radius that has grown.
    pub fn novelty(&self, distance: f64, radius: f64) -> f64 {
        (distance * radius / self.radius).min(DISTANCE_MAX)
    }

    /// Takes event `now` into the map. `radius` is where the radius returns to.
    pub fn learn(&mut self, at: Point, nearest: Option<(f64, usize)>, now: u16, radius: f64, taken: &mut u8) {
        self.radius = radius + (self.radius - radius) * RADIUS_RETURN;
        match nearest {
            Some((distance, place)) if distance <= self.radius => self.used[place] = now,
            _ => {
                let free = self.values.iter().position(|value| !value.is_finite());
                let place = free.unwrap_or_else(|| {
                    self.radius = (self.radius * RADIUS_GROWTH).min(RADIUS_MAX);
                    self.longest_unused(now)
                });
                *taken = (*taken).max(place as u8 + 1);
                (self.values[place], self.residuals[place], self.used[place]) = (at.value, at.residual, now);
            }
        }
    }

    fn longest_unused(&self, now: u16) -> usize {
        let mut oldest = 0;
        for place in 1..PLACES {
            if now.wrapping_sub(self.used[place]) > now.wrapping_sub(self.used[oldest]) {
                oldest = place;
            }
        }
        oldest
    }

    /// The points in order of their places: place, value, residual, last use.
    pub fn points(&self) -> impl Iterator<Item = (u8, f64, f64, u16)> {
        let all = self.values.iter().zip(&self.residuals).zip(&self.used).zip(0u8..);
        all.filter(|(((value, _), _), _)| value.is_finite()).map(|(((value, residual), used), place)| (place, *value, *residual, *used))
    }

    /// Puts a point back.
    pub fn put(&mut self, place: u8, value: f64, residual: f64, used: u16) -> Option<()> {
        let place = usize::from(place);
        *self.values.get_mut(place)? = value;
        (self.residuals[place], self.used[place]) = (residual, used);
        Some(())
    }
}
