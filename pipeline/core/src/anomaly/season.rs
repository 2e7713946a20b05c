//! What the time of the day and of the week makes one expect: profiles of deviations from the level.
//!
//! There is one for the 168 hours of the week, and until each of them was met one for the 48 half hours of the day (UTC).
//! Profiles hold deviations, so that a shift of the level does not break them. They count only as far as they explain: by the
//! gain of a regression on them, and not at all when they explain less than a tenth of the variance.

const HOURS: usize = 168;
const HALF_HOURS: usize = 48;
const HOUR_US: i64 = 3_600_000_000;
/// The memory of level, variance and covariance: 200 events.
const SLOW: f64 = 1.0 / 200.0;
/// The least weight of an event in its place of a profile.
const PROFILE: f64 = 0.2;
/// The explained part of the variance at which a profile begins to count, and how much more makes it count in full.
const GATE_FROM: f64 = 0.1;
const GATE_WIDTH: f64 = 0.2;
/// From this many visits on a place learns at the same rate.
const VISITS_MAX: u8 = 5;

/// How deviations go along with a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Fit {
    pub covariance: f64,
    pub variance: f64,
}

impl Fit {
    fn learn(&mut self, deviation: f64, expected: f64, weight: f64) {
        self.covariance += weight * (deviation * expected - self.covariance);
        self.variance += weight * (expected * expected - self.variance);
    }
}

/// The half hours of the day.
#[derive(Clone, Debug)]
pub(super) struct Day {
    pub fit: Fit,
    places: [f64; HALF_HOURS],
    visits: [u8; HALF_HOURS],
}

/// The level of a series and its profiles.
#[derive(Clone, Debug)]
pub(super) struct Season {
    pub level: f64,
    /// Of deviations from the level.
    pub variance: f64,
    pub fit: Fit,
    places: [f64; HOURS],
    /// How often each place was met, two to a byte, up to [`VISITS_MAX`].
    visits: [u8; HOURS / 2],
    /// Hours of the week that were never met.
    missing: u8,
    /// Nothing reads it once every hour of the week was met; it goes then.
    pub day: Option<Box<Day>>,
}

/// What one event finds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    hour: usize,
    half_hour: usize,
    /// The value less the level.
    pub deviation: f64,
    /// By how much the season moves the level.
    pub seasonal: f64,
}

impl Season {
    pub fn new(level: f64) -> Self {
        let day = Day { fit: Fit::default(), places: [0.0; HALF_HOURS], visits: [0; HALF_HOURS] };
        Self {
            level,
            variance: 0.0,
            fit: Fit::default(),
            places: [0.0; HOURS],
            visits: [0; HOURS / 2],
            missing: HOURS as u8,
            day: Some(Box::new(day)),
        }
    }

    /// What is expected at a time, in microseconds since the epoch.
    pub fn expect(&self, time: i64, value: f64) -> Expected {
        let hour = time.rem_euclid(HOURS as i64 * HOUR_US) / HOUR_US;
        let half_hour = time.rem_euclid(24 * HOUR_US) / (HOUR_US / 2);
        let (hour, half_hour) = (hour as usize, half_hour as usize);
        let (profile, fit) = match &self.day {
            _ if self.visits(hour) > 0 => (self.places[hour], self.fit),
            Some(day) if day.visits[half_hour] > 0 => (day.places[half_hour], day.fit),
            _ => (0.0, Fit::default()),
        };
        let seasonal = if fit.variance > 0.0 && self.variance > 0.0 { self.gain(fit) * profile } else { 0.0 };
        Expected { hour, half_hour, deviation: value - self.level, seasonal }
    }

    /// The regression on the profile times how far it is to be believed.
    fn gain(&self, fit: Fit) -> f64 {
        let explained = fit.covariance * fit.covariance / (fit.variance * self.variance);
        part(fit.covariance / fit.variance) * part((explained - GATE_FROM) / GATE_WIDTH)
    }

    /// Takes the `count`th event.
    pub fn learn(&mut self, at: Expected, count: u64) {
        let weight = weight(SLOW, count);
        let Expected { hour, half_hour, deviation, .. } = at;
        if let Some(day) = &mut self.day {
            if day.visits[half_hour] > 0 {
                day.fit.learn(deviation, day.places[half_hour], weight);
            }
            let visits = &mut day.visits[half_hour];
            *visits = (*visits + 1).min(VISITS_MAX);
            day.places[half_hour] += self::weight(PROFILE, u64::from(*visits)) * (deviation - day.places[half_hour]);
        }
        let visits = self.visits(hour);
        if visits > 0 {
            self.fit.learn(deviation, self.places[hour], weight);
        }
        self.variance += weight * (deviation * deviation - self.variance);
        self.level += weight * deviation;
        let visits = (visits + 1).min(VISITS_MAX);
        self.set(hour, visits, self.places[hour] + self::weight(PROFILE, u64::from(visits)) * (deviation - self.places[hour]));
    }

    fn visits(&self, hour: usize) -> u8 {
        self.visits[hour / 2] >> (hour % 2 * 4) & 0xf
    }

    fn set(&mut self, hour: usize, visits: u8, deviation: f64) {
        if self.visits(hour) == 0 {
            self.missing -= 1;
            if self.missing == 0 {
                self.day = None;
            }
        }
        let shift = hour % 2 * 4;
        self.visits[hour / 2] = self.visits[hour / 2] & !(0xf << shift) | visits << shift;
        self.places[hour] = deviation;
    }

    /// The hours of the week that were met: hour, visits, deviation.
    pub fn hours(&self) -> impl Iterator<Item = (u8, u8, f64)> + Clone {
        let all = (0..HOURS).map(|hour| (hour as u8, self.visits(hour), self.places[hour]));
        all.filter(|(_, visits, _)| *visits > 0)
    }

    /// Puts an hour of the week back, if it can be one.
    pub fn put(&mut self, hour: u8, visits: u8, deviation: f64) -> Option<()> {
        let is_one = usize::from(hour) < HOURS && (1..=VISITS_MAX).contains(&visits);
        is_one.then(|| self.set(usize::from(hour), visits, deviation))
    }
}

impl Day {
    /// The half hours that were met: half hour, visits, deviation.
    pub fn half_hours(&self) -> impl Iterator<Item = (u8, u8, f64)> + Clone {
        let all = (0u8..).zip(self.visits).zip(self.places).map(|((place, visits), deviation)| (place, visits, deviation));
        all.filter(|(_, visits, _)| *visits > 0)
    }

    /// Puts a half hour back, if it can be one.
    pub fn put(&mut self, place: u8, visits: u8, deviation: f64) -> Option<()> {
        let at = usize::from(place);
        let is_one = at < HALF_HOURS && (1..=VISITS_MAX).contains(&visits);
        is_one.then(|| (self.visits[at], self.places[at]) = (visits, deviation))
    }
}

/// A number from 0 to 1; what is no number counts as 0.
fn part(number: f64) -> f64 {
    if number > 0.0 { number.min(1.0) } else { 0.0 }
}

/// The weight of the `count`th event in a mean that begins as that of all and then forgets.
pub(super) fn weight(least: f64, count: u64) -> f64 {
    least.max(1.0 / count as f64)
}
