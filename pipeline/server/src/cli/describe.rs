//! Values and events as people read them: short, in one line, and safe for a terminal.

use std::borrow::Cow;

use floodmark_schemas::{Alert, Check, Event, Payload, Reason, Timestamp};

use super::table::cut;
use crate::config::name_of;

/// The most characters of a record's JSON.
const FACT_CHARS_MAX: usize = 120;
/// Significant digits of a number.
const DIGITS: usize = 6;

/// The text with control characters written out: what a source reported must not steer a terminal.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() });
    Cow::Owned(escaped.collect())
}

/// A time to the millisecond, always of one width.
pub(super) fn time(time: Timestamp) -> String {
    let text = time.to_string();
    match text.get(..19) {
        Some(to_the_second) if text.ends_with('Z') => {
            format!("{to_the_second}.{:03}Z", time.micros().rem_euclid(1_000_000) / 1_000)
        }
        _ => text,
    }
}

/// A number with at most six significant digits.
pub(super) fn number(value: f64) -> String {
    let rounded = format!("{value:.*e}", DIGITS - 1);
    let Some((mantissa, exponent)) = rounded.split_once('e') else { return rounded };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = i32::try_from(DIGITS).unwrap_or(0);
    if (-4..digits).contains(&exponent) {
        let decimals = usize::try_from(digits - 1 - exponent).unwrap_or(0);
        return without_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    format!("{}e{exponent}", without_zeros(mantissa))
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A duration in the unit that fits.
pub(super) fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..1_000_000 => format!("{} ms", number(micros as f64 / 1e3)),
        _ => format!("{} s", number(micros as f64 / 1e6)),
    }
}

/// The name of a reason as it stands in events.
pub(super) fn reason(reason: Reason) -> String {
    let json = serde_json::to_value(reason).expect("a reason is JSON");
    json.as_str().unwrap_or_default().to_owned()
}

/// What an event says, in one line, without its time and source.
pub(super) fn event(event: &Event) -> String {
    let text = match &event.payload {
        Payload::Sample(sample) => format!("{} {} {}", sample.series, number(sample.value), sample.series.unit),
        Payload::Check(of) => check(of),
        Payload::Record(record) => {
            let fact = serde_json::to_string(&record.fact).expect("a JSON object is JSON");
            format!("{} {}", record.name, cut(&fact, FACT_CHARS_MAX))
        }
    };
    plain(text.trim_end()).into_owned()
}

/// What a step of an alert says, in one line, without its time, rule and source.
pub(super) fn alert(alert: &Alert) -> String {
    let Alert { series, state, before, severity, value, threshold, flapping, .. } = alert;
    let value = value.map(|value| format!("value {}", number(value)));
    let threshold = threshold.map(|threshold| format!("limit {}", number(threshold)));
    let (was, flaps) = (format!("was {}", name_of(before)), flapping.then(|| "flapping".to_owned()));
    let summary = alert.annotations.get("summary").cloned();
    let parts = [Some(format!("{} {severity} {series}", name_of(state))), Some(was), value, threshold, flaps, summary];
    plain(&parts.into_iter().flatten().collect::<Vec<_>>().join(", ")).into_owned()
}

fn check(check: &Check) -> String {
    let verdict = match check.up {
        Some(true) => "up",
        Some(false) => "DOWN",
        None => "unknown",
    };
    let took = check.duration_us.filter(|_| check.up == Some(true)).map(duration);
    let parts = [Some(check.target.clone()), Some(verdict.to_owned()), took, check.reason.map(reason), check.detail.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::{Record, Series};

    use super::*;

    #[test]
    fn numbers_have_at_most_six_significant_digits() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (12.0, "12"),
            (0.1 + 0.2, "0.3"),
            (1234.5678, "1234.57"),
            (123_456.0, "123456"),
            (999_999.7, "1e6"),
            (8_123_456_789.0, "8.12346e9"),
            (0.000_123_456_78, "0.000123457"),
            (0.000_012, "1.2e-5"),
            (1e300, "1e300"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn times_have_one_width() {
        assert_eq!(time(Timestamp::from_micros(1_795_240_303_250_999)), "2026-11-21T05:51:43.250Z");
        assert_eq!(time(Timestamp::from_secs(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(Timestamp::from_micros(-500_000)), "1969-12-31T23:59:59.500Z");
        assert_eq!(time(Timestamp::MAX), Timestamp::MAX.to_string());
    }

    #[test]
    fn each_kind_of_event_is_one_line() {
        let at = Timestamp::from_secs(0);
        let fact = |text: &str| serde_json::from_value(serde_json::json!({ "text": text })).unwrap();
        let up = Check { up: Some(true), duration_us: Some(12_345), ..Check::of("https://a") };
        let down = Check { up: Some(false), reason: Some(Reason::TlsExpired), detail: Some("since May".into()), ..up.clone() };
        let missed = Check { reason: Some(Reason::Missed), ..Check::of("a:1") };
        for (shown, expected) in [
            (Event::sample("s", "", at, Series::new("cpu").unit("%").label("core", "0"), 12.5), r#"cpu{core="0"} 12.5 %"#),
            (Event::sample("s", "", at, Series::new("load"), 1.0), "load 1"),
            (Event::check("s", "", at, up), "https://a up 12.345 ms"),
            (Event::check("s", "", at, down), "https://a DOWN tls_expired since May"),
            (Event::check("s", "", at, missed), "a:1 unknown missed"),
            (Event::record("s", "", at, Record { name: "b\u{1b}[2J".into(), fact: fact("x") }), r#"b\u{1b}[2J {"text":"x"}"#),
        ] {
            assert_eq!(event(&shown), expected);
        }
        let long = Event::record("s", "", at, Record { name: "n".into(), fact: fact(&"x".repeat(500)) });
        assert_eq!(event(&long).chars().count(), 2 + FACT_CHARS_MAX);
    }
}
