//! When something begins again and again: the five fields of cron.
//!
//! `minute hour day-of-month month day-of-week`, each `*`, a number, a range, a list or any of them with a step: `*/15`,
//! `1-5`, `mon,wed`. Days of the week are 0 to 7, where 0 and 7 are Sunday, or names. Where both kinds of days are restricted
//! one of them is enough, as in every cron (<https://man7.org/linux/man-pages/man5/crontab.5.html>).

use jiff::civil::Date;

use crate::{Error, Result};

/// Minutes of days at which something begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Cron {
    /// Reads the five fields.
    ///
    /// # Errors
    /// `Rejected`, with the field.
    pub fn parse(text: &str) -> Result<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let Ok([minute, hour, day, month, weekday]) = <[&str; 5]>::try_from(fields) else {
            let form = "minute hour day-of-month month day-of-week, for example \"0 2 * * sun\"";
            return Err(Error::rejected(format!("reading the times {text:?}: there are five fields: {form}")));
        };
        let weekdays = field("day of week", weekday, 0, 7, &WEEKDAYS, 0)?;
        Ok(Self {
            text: text.to_owned(),
            minutes: field("minute", minute, 0, 59, &[], 0)?,
            hours: field("hour", hour, 0, 23, &[], 0)?,
            days: field("day of month", day, 1, 31, &[], 0)?,
            months: field("month", month, 1, 12, &MONTHS, 1)?,
            // Sunday is 0 and 7.
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            any_day: day.starts_with('*'),
            any_weekday: weekday.starts_with('*'),
        })
    }

    /// Whether something begins on this date.
    pub(super) fn has_date(&self, date: Date) -> bool {
        let has = |set: u64, n: i8| set >> n & 1 == 1;
        let (day, weekday) = (has(self.days, date.day()), has(self.weekdays, date.weekday().to_sunday_zero_offset()));
        let one = if self.any_day || self.any_weekday { day && weekday } else { day || weekday };
        one && has(self.months, date.month())
    }

    /// The hours and minutes at which something begins on such a date, in order.
    pub(super) fn times(&self) -> impl Iterator<Item = (i8, i8)> {
        let of = |set: u64| (0..60i8).filter(move |n| set >> n & 1 == 1);
        of(self.hours).flat_map(move |hour| of(self.minutes).map(move |minute| (hour, minute)))
    }
}

impl std::fmt::Display for Cron {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The numbers of one field as bits. The first of `names` is the number `base`.
fn field(what: &str, text: &str, least: u8, most: u8, names: &[&str], base: u8) -> Result<u64> {
    let wrong = || Error::rejected(format!("reading the times: {what} {text:?} is none; it is {least} to {most}, *, a-b, a,b or */n"));
    let number = |text: &str| {
        let named = (base..).zip(names).find(|(_, name)| text.eq_ignore_ascii_case(name)).map(|(n, _)| n);
        named.or_else(|| text.parse().ok()).filter(|n| (least..=most).contains(n)).ok_or_else(wrong)
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u8>().ok().filter(|step| *step > 0).ok_or_else(wrong)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None if step > 1 => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return Err(wrong());
        }
        (from..=to).step_by(step.into()).for_each(|n| bits |= 1 << n);
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn dates_and_times_are_those_of_cron() {
        let check = |text: &str, day: Date, expected: bool| assert_eq!(Cron::parse(text).unwrap().has_date(day), expected, "{text} {day}");
        // 2026-11-22 is a Sunday.
        check("0 2 * * sun", date(2026, 11, 22), true);
        check("0 2 * * 7", date(2026, 11, 22), true);
        check("0 2 * * 1-5", date(2026, 11, 22), false);
        check("0 2 22 * mon", date(2026, 11, 22), true);
        check("0 2 21 * mon", date(2026, 11, 23), true);
        check("0 2 1-7 nov *", date(2026, 11, 7), true);
        check("0 2 1-7 nov *", date(2026, 10, 7), false);
        let times: Vec<_> = Cron::parse("*/30 2,14-15 * * *").unwrap().times().collect();
        assert_eq!(times, [(2, 0), (2, 30), (14, 0), (14, 30), (15, 0), (15, 30)]);
        for wrong in ["", "0 2 * *", "60 2 * * *", "0 2 0 * *", "0 2 * 13 *", "0 2 * * funday", "5-1 * * * *", "*/0 * * * *"] {
            assert_eq!(Cron::parse(wrong).unwrap_err().kind(), crate::Kind::Rejected, "{wrong}");
        }
    }
}
