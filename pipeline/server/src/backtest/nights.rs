//! Nights on which somebody is woken.

use std::collections::BTreeSet;

use floodmark_schemas::{Severity, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::play::Telling;

/// From this hour on it is night, and before the other one.
const NIGHT: (i8, i8) = (22, 7);

/// Where people sleep, and what wakes them.
#[derive(Clone, Debug)]
pub struct Nights {
    /// The time zone.
    pub zone: TimeZone,
    /// A notification that is at least as grave wakes them.
    pub wakes: Severity,
}

impl Nights {
    /// The nights on which these notifications wake somebody, by the day on whose evening they begin.
    pub(super) fn woken(&self, told: &[Telling]) -> BTreeSet<Date> {
        told.iter().filter(|telling| telling.severity >= self.wakes).filter_map(|telling| self.night(telling.time)).collect()
    }

    fn night(&self, time: Timestamp) -> Option<Date> {
        let local = jiff::Timestamp::from_microsecond(time.micros()).ok()?.to_zoned(self.zone.clone());
        match local.hour() {
            hour if hour >= NIGHT.0 => Some(local.date()),
            hour if hour < NIGHT.1 => local.date().yesterday().ok(),
            _ => None,
        }
    }
}
