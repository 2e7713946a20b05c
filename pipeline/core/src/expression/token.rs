//! Text to tokens, each with its place.

use std::ops::Range;

use super::fault::{Fault, Result};

/// The smallest pieces of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A number; of a duration its seconds.
    Number(f64),
    /// What stands in quotes, with escapes resolved.
    Text(String),
    /// A name or a word of the language.
    Word(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// Behind the last one.
    End,
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub token: Token,
    pub at: Range<usize>,
}

/// Longer ones before those that they begin with.
const SYMBOLS: [&str; 22] =
    ["==", "!=", "<=", ">=", "=~", "!~", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "!", "(", ")", "[", "]", ",", "."];

/// Units of durations, in seconds.
const UNITS: [(&str, f64); 6] = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];

/// The tokens of a text; the last is always [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (token, end) = match c {
            '"' | '\'' => quoted(text, at, c)?,
            '0'..='9' => number(text, at)?,
            '.' if text[at + 1..].starts_with(|c: char| c.is_ascii_digit()) => number(text, at)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = skip(text, at, |c| c.is_ascii_alphanumeric() || c == '_');
                (Token::Word(text[at..end].to_owned()), end)
            }
            _ => symbol(text, at, c)?,
        };
        tokens.push(Placed { token, at: at..end });
        at = end;
    }
    tokens.push(Placed { token: Token::End, at: text.len()..text.len() });
    Ok(tokens)
}

fn skip(text: &str, from: usize, part: impl Fn(char) -> bool) -> usize {
    from + text[from..].find(|c| !part(c)).unwrap_or(text.len() - from)
}

fn symbol(text: &str, at: usize, c: char) -> Result<(Token, usize)> {
    if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| text[at..].starts_with(symbol)) {
        return Ok((Token::Symbol(symbol), at + symbol.len()));
    }
    let place = at..at + c.len_utf8();
    Err(match c {
        '=' => Fault::new(&place, "`=` compares nothing", "write `==`"),
        '&' | '|' => Fault::new(&place, format!("`{c}` stands alone"), format!("write `{c}{c}`, or `and` and `or`")),
        '^' => Fault::new(&place, "there is no operator `^`", "multiply instead: `value * value`"),
        '“' | '”' | '„' | '‘' | '’' => Fault::new(&place, format!("`{c}` is no quote"), "write texts as \"text\" or 'text'"),
        _ => Fault::new(&place, format!("{c:?} means nothing here"), "remove it; texts stand in quotes"),
    })
}

/// A backslash before a quote or a backslash takes it as it is; before anything else it stays, so that patterns need no
/// second one.
fn quoted(text: &str, start: usize, quote: char) -> Result<(Token, usize)> {
    let mut out = String::new();
    let mut rest = text[start + 1..].char_indices();
    while let Some((i, c)) = rest.next() {
        match c {
            _ if c == quote => return Ok((Token::Text(out), start + 1 + i + 1)),
            '\\' if rest.as_str().starts_with(['"', '\'', '\\']) => out.extend(rest.next().map(|(_, c)| c)),
            _ => out.push(c),
        }
    }
    Err(Fault::new(&(start..text.len()), "this text is not closed", format!("close it with `{quote}`")))
}

/// `12`, `0.5`, `1e-3`; with a unit a duration: `250ms`, `5m`, `1h30m`.
fn number(text: &str, start: usize) -> Result<(Token, usize)> {
    let (mut sum, mut at, mut units) = (0.0, start, 0);
    loop {
        let digits = digits(text, at);
        let unit = skip(text, digits, |c| c.is_ascii_alphanumeric() || c == '_');
        let Ok(number) = text[at..digits].parse::<f64>() else {
            return Err(Fault::new(&(start..unit), format!("`{}` is not a number", &text[start..unit]), "write for example 12 or 0.5"));
        };
        if !number.is_finite() {
            return Err(Fault::new(&(start..digits), "this number is too large", "write a smaller one"));
        }
        if unit == digits && units == 0 {
            return Ok((Token::Number(number), digits));
        }
        // `1h30m` is one word to `skip`: only its letters up to the next digit are the unit.
        let letters = skip(text, digits, |c| c.is_ascii_alphabetic());
        let Some((_, secs)) = UNITS.into_iter().find(|(name, _)| *name == &text[digits..letters]) else {
            let message = format!("`{}` is neither a number nor a duration", &text[start..unit]);
            return Err(Fault::new(&(start..unit), message, "units are us, ms, s, m, h and d, as in `250ms` or `1h30m`"));
        };
        (sum, units, at) = (sum + number * secs, units + 1, letters);
        if letters == unit {
            return Ok((Token::Number(sum), letters));
        }
    }
}

fn digits(text: &str, start: usize) -> usize {
    let digit = |c: char| c.is_ascii_digit();
    let mut end = skip(text, start, digit);
    if text[end..].starts_with('.') {
        end = skip(text, end + 1, digit);
    }
    if let Some(exponent) = text[end..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        if exponent[sign..].starts_with(digit) {
            end = skip(text, end + 1 + sign, digit);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[Token]) {
        let found: Vec<Token> = tokens(text).unwrap().into_iter().map(|placed| placed.token).collect();
        assert_eq!(found.split_last().unwrap(), (&Token::End, expected), "{text}");
    }

    #[test]
    fn numbers_and_durations_are_read_as_people_write_them() {
        for (text, expected) in [
            ("12", 12.0),
            ("0.5", 0.5),
            (".5", 0.5),
            ("1e3", 1_000.0),
            ("2.5E-1", 0.25),
            ("5m", 300.0),
            ("250ms", 0.25),
            ("1h30m", 5_400.0),
            ("1.5d", 129_600.0),
        ] {
            check(text, &[Token::Number(expected)]);
        }
    }

    #[test]
    fn a_backslash_guards_quotes_and_itself_and_nothing_else() {
        for (text, expected) in
            [(r#""a\"b""#, "a\"b"), (r"'it\'s'", "it's"), (r#"'"'"#, "\""), (r"'\d+\.\w'", r"\d+\.\w"), (r"'\\'", r"\"), ("''", "")]
        {
            check(text, &[Token::Text(expected.to_owned())]);
        }
    }

    #[test]
    fn longer_symbols_come_first() {
        let symbols = |list: &[&'static str]| list.iter().map(|s| Token::Symbol(s)).collect::<Vec<_>>();
        check("<=<!==~", &symbols(&["<=", "<", "!=", "=~"]));
    }

    #[test]
    fn what_is_no_token_has_its_place() {
        for (text, at, message) in [
            ("a = 1", 2..3, "`=` compares nothing"),
            ("ü", 0..2, "'ü' means nothing here"),
            ("a & b", 2..3, "`&` stands alone"),
            ("x 'y", 2..4, "this text is not closed"),
            ("1 5x", 2..4, "`5x` is neither a number nor a duration"),
            ("1h30", 0..4, "`1h30` is neither a number nor a duration"),
            ("1e999", 0..5, "this number is too large"),
            ("1h.5", 0..4, ""),
        ] {
            match tokens(text) {
                Err(fault) => assert_eq!((fault.at, fault.message.as_str()), (at, message), "{text}"),
                Ok(tokens) => assert!(message.is_empty(), "{text}: {tokens:?}"),
            }
        }
    }
}
