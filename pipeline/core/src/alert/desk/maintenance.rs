//! Maintenance: windows that come again and again, in the clock time of a zone.

use std::time::Duration;

use floodmark_schemas::{Alert, Timestamp};
use jiff::ToSpan;

use super::{Cron, Matchers};
use crate::window::Zone;
use crate::{Error, Result};

/// The longest window.
pub const LASTS_MAX: Duration = Duration::from_secs(31 * 86_400);

/// Alerts that match are not told in these windows. A window whose beginning the clocks skip begins when they go on; one whose
/// beginning they show twice begins the first time. It lasts as long as it says, whatever the clocks do meanwhile.
#[derive(Clone, Debug)]
pub struct Maintenance {
    /// Its name.
    pub id: String,
    /// Which alerts.
    pub matchers: Matchers,
    begins: Cron,
    lasts: Duration,
    zone: Zone,
}

impl Maintenance {
    /// Windows that begin at these times of `zone`.
    ///
    /// # Errors
    /// `Rejected` when they last no time, or more than [`LASTS_MAX`].
    pub fn new(id: impl Into<String>, matchers: Matchers, begins: Cron, lasts: Duration, zone: Zone) -> Result<Self> {
        let id = id.into();
        if lasts.is_zero() || lasts > LASTS_MAX {
            return Err(Error::rejected(format!("maintenance {id}: it must last between a microsecond and {} days", 31)));
        }
        Ok(Self { id, matchers, begins, lasts, zone })
    }

    /// When the window that is open now ends; the last end, when several are.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let lasts = i64::try_from(self.lasts.as_micros()).unwrap_or(i64::MAX);
        let first = self.zone.date(now.plus_micros(-lasts).micros());
        // One day more on both sides: where clocks go back past midnight, a day is told with the date of another.
        let mut date = self.zone.date(now.micros()).checked_add(1.day()).ok()?;
        let first = first.checked_sub(1.day()).ok()?;
        let mut until = None;
        while date >= first {
            if self.begins.has_date(date) {
                for (hour, minute) in self.begins.times() {
                    let start = self.zone.instant(date.at(hour, minute, 0, 0)).map_or(Timestamp::MAX, Timestamp::from_micros);
                    let end = start.plus_micros(lasts);
                    if start <= now && now < end {
                        until = until.max(Some(end));
                    }
                }
            }
            date = date.yesterday().ok()?;
        }
        until
    }

    /// Until when it keeps an alert silent, if it does.
    pub fn mutes(&self, alert: &Alert, now: Timestamp) -> Option<Timestamp> {
        if self.matchers.matches(alert) { self.until(now) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(begins: &str, hours: u64, zone: &str, now: &str, until: Option<&str>) {
        let lasts = Duration::from_secs(hours * 3600);
        let window = Maintenance::new("m", Matchers::default(), Cron::parse(begins).unwrap(), lasts, Zone::named(zone).unwrap()).unwrap();
        let until = until.map(|text| Timestamp::parse(text).unwrap());
        assert_eq!(window.until(Timestamp::parse(now).unwrap()), until, "{begins} {now}");
    }

    #[test]
    fn windows_follow_the_clocks_of_the_zone() {
        let berlin = "Europe/Berlin";
        check("0 2 * * sun", 2, berlin, "2026-11-22T00:59:59Z", None);
        check("0 2 * * sun", 2, berlin, "2026-11-22T01:00:00Z", Some("2026-11-22T03:00:00Z"));
        check("0 2 * * sun", 2, berlin, "2026-11-22T03:00:00Z", None);
        check("0 2 * * sun", 2, berlin, "2026-07-05T00:00:00Z", Some("2026-07-05T02:00:00Z"));
        // Two o'clock is skipped on this day: it begins at three, which is 01:00 UTC.
        check("30 2 * * sun", 1, berlin, "2026-03-29T01:29:59Z", None);
        check("30 2 * * sun", 1, berlin, "2026-03-29T01:30:00Z", Some("2026-03-29T02:30:00Z"));
        // It comes twice on this one: the first is meant.
        check("30 2 * * sun", 1, berlin, "2026-10-25T00:30:00Z", Some("2026-10-25T01:30:00Z"));
        check("30 2 * * sun", 1, berlin, "2026-10-25T01:30:00Z", None);
        // Over midnight, and over days.
        check("0 22 * * fri", 60, "UTC", "2026-11-22T09:00:00Z", Some("2026-11-23T10:00:00Z"));
        check("0 22 * * fri", 60, "UTC", "2026-11-23T10:00:00Z", None);
    }
}
