//! Places inside of texts: from the bytes of a value to the bytes of the file that stand for them.

use std::ops::Range;

/// Where the bytes `within` of a value stand in `raw`, its TOML string with quotes and escapes; `None` when it is not one.
/// A place at the end of the value is its closing quote.
pub fn inside(raw: &str, within: &Range<usize>) -> Option<Range<usize>> {
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| raw.starts_with(quote))?;
    let end = raw.len().checked_sub(quote.len()).filter(|end| *end >= quote.len() && raw.ends_with(quote))?;
    let mut at = quote.len();
    if quote.len() == 3 {
        // A line break right behind the quotes is not part of the value.
        let first = &raw[at..end];
        at += if first.starts_with("\r\n") { 2 } else { usize::from(first.starts_with('\n')) };
    }
    let has_escapes = quote.starts_with('"');
    let (mut start, mut value) = (None, 0);
    while at < end {
        let (taken, gives) = piece(&raw[at..end], has_escapes)?;
        if gives > 0 && start.is_none() && value + gives > within.start {
            start = Some(at);
        }
        if let Some(start) = start
            && value >= within.end
        {
            return Some(start..at.max(start));
        }
        (at, value) = (at + taken, value + gives);
    }
    let start = start.unwrap_or(end);
    Some(start..if within.is_empty() || start == end { start + 1 } else { end })
}

/// How many bytes the next piece of a string takes, and how many bytes of the value it stands for.
fn piece(rest: &str, has_escapes: bool) -> Option<(usize, usize)> {
    let c = rest.chars().next()?;
    if !has_escapes || c != '\\' {
        return Some((c.len_utf8(), c.len_utf8()));
    }
    let escape = rest[1..].chars().next()?;
    let digits = match escape {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        // A backslash at the end of a line takes all space up to the next word.
        _ if escape.is_whitespace() => return Some((rest.len() - rest[1..].trim_start().len(), 0)),
        _ => return Some((1 + escape.len_utf8(), 1)),
    };
    let number = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
    Some((2 + digits, char::from_u32(number)?.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, word: &str) {
        let value: toml::Table = toml::from_str(&format!("a = {raw}")).unwrap();
        let value = value["a"].as_str().unwrap();
        let start = value.find(word).unwrap();
        let found = inside(raw, &(start..start + word.len())).unwrap();
        let read: toml::Table = toml::from_str(&format!("a = \"\"\"{}\"\"\"", &raw[found])).unwrap();
        assert_eq!(read["a"].as_str(), Some(word), "{raw}");
    }

    #[test]
    fn words_are_found_in_every_kind_of_string() {
        for raw in [
            "'value > limit'",
            "\"value > limit\"",
            "\"labels.a == \\\"b\\\" and value > limit\"",
            "\"\\u00fc \\U0001F600 \\t\\\\ limit\"",
            "'''\nvalue > limit'''",
            "\"\"\"\nvalue >\\\n    limit or\n  value < 3\"\"\"",
            "'''ü' limit'''",
        ] {
            check(raw, "limit");
        }
        check("\"a\\u00fcb\"", "ü");
    }

    #[test]
    fn the_end_of_a_value_is_its_closing_quote() {
        assert_eq!(inside("'value >'", &(7..7)), Some(8..9));
        assert_eq!(inside("\"\"", &(0..0)), Some(1..2));
        assert_eq!(inside("'''a'''", &(1..1)), Some(4..5));
        assert_eq!(inside("12", &(0..1)), None);
        assert_eq!(inside("'", &(0..1)), None);
    }
}
