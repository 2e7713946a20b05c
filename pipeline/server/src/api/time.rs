//! Times in queries: RFC 3339, `now`, or a duration before now such as `-1h`.

use floodmark_connectors::settings::Span;
use floodmark_schemas::Timestamp;

/// Reads a time. `now` is asked only for relative ones.
///
/// # Errors
/// A message for people that shows what is allowed.
pub(super) fn parse(text: &str, now: impl FnOnce() -> Timestamp) -> Result<Timestamp, String> {
    if text == "now" {
        return Ok(now());
    }
    if let Some(before) = text.strip_prefix('-') {
        let span: Span = before.parse().map_err(|_| expected(text))?;
        return Ok(now().plus_micros(-span.micros()));
    }
    // In a query string a plus sign means a space: an offset such as +02:00 arrives with one unless it was encoded.
    let plus_restored = text.rsplit_once(' ').map(|(date, offset)| format!("{date}+{offset}"));
    Timestamp::parse(text).or_else(|error| plus_restored.map_or(Err(error), |text| Timestamp::parse(&text))).map_err(|_| expected(text))
}

fn expected(text: &str) -> String {
    format!("{text:?} is not a time; write 2026-01-31T12:00:00Z, now, or a duration before now such as -1h")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    #[test]
    fn times_are_absolute_or_before_now() {
        let cases = [
            ("1970-01-01T00:00:10Z", 10_000_000),
            ("1970-01-01T02:00:10.5+02:00", 10_500_000),
            ("1970-01-01T02:00:10 02:00", 10_000_000),
            ("1970-01-01 00:00:10Z", 10_000_000),
            ("now", NOW.micros()),
            ("-1h", NOW.micros() - 3_600_000_000),
            ("-1h 30m", NOW.micros() - 5_400_000_000),
            ("-250ms", NOW.micros() - 250_000),
            ("-2d", NOW.micros() - 172_800_000_000),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, || NOW).map(Timestamp::micros), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_an_example() {
        for text in [
            "",
            "-",
            "--1h",
            "1h",
            "-1",
            "-1parsec",
            "yesterday",
            "2026-02-30T00:00:00Z",
            "-999999999999999999d",
            "-99999999999999999999999h",
        ] {
            let message = format!("{text:?} is not a time; write 2026-01-31T12:00:00Z, now, or a duration before now such as -1h");
            assert_eq!(parse(text, || NOW), Err(message));
        }
    }
}
