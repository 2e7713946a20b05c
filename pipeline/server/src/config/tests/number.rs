//! Numbers as tests write them: those that come in, and those that are expected.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// By how much a number may differ from what is written, as a share of it: as many digits as people write, and no
/// rounding error.
const ROUNDING: f64 = 1e-9;

/// A value, or several that are taken one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Values(pub Vec<f64>);

/// What a number has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected {
    /// This number, but for rounding.
    Is(f64),
    /// More than this.
    Above(f64),
    /// This or more.
    AtLeast(f64),
    /// Less than this.
    Below(f64),
    /// This or less.
    AtMost(f64),
    /// From the first to the second, both included.
    Within(f64, f64),
}

impl Expected {
    /// Whether `found` is as expected, when it may differ by this share of the expected number.
    pub fn holds(self, found: f64, share: f64) -> bool {
        match self {
            Self::Is(number) => found == number || (found - number).abs() <= (share + ROUNDING) * number.abs(),
            Self::Above(number) => found > number,
            Self::AtLeast(number) => found >= number,
            Self::Below(number) => found < number,
            Self::AtMost(number) => found <= number,
            Self::Within(least, most) => (least..=most).contains(&found),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(number) => write!(f, "{number}"),
            Self::Above(number) => write!(f, "> {number}"),
            Self::AtLeast(number) => write!(f, ">= {number}"),
            Self::Below(number) => write!(f, "< {number}"),
            Self::AtMost(number) => write!(f, "<= {number}"),
            Self::Within(least, most) => write!(f, "{least}..{most}"),
        }
    }
}

/// Makes what is expected of the number after a sign.
type Make = fn(f64) -> Expected;

impl std::str::FromStr for Expected {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a number to expect; write for example 5, \">= 5\", \"< 5\" or \"4.5..5.5\"");
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(bad);
        let signs: [(&str, Make); 4] = [(">=", Self::AtLeast), ("<=", Self::AtMost), (">", Self::Above), ("<", Self::Below)];
        if let Some((rest, make)) = signs.into_iter().find_map(|(sign, make)| Some((text.trim().strip_prefix(sign)?, make))) {
            return number(rest).map(make);
        }
        match text.split_once("..") {
            Some((least, most)) => Ok(Self::Within(number(least)?, number(most)?)),
            None => number(text).map(Self::Is),
        }
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl de::Visitor<'_> for Any {
            type Value = Expected;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a text such as \">= 5\" or \"4.5..5.5\"")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Expected, E> {
                Ok(Expected::Is(number as f64))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Expected, E> {
                Ok(Expected::Is(number as f64))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Expected, E> {
                Ok(Expected::Is(number))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Expected, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> de::Visitor<'de> for OneOrMore {
            type Value = Values;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a list of numbers")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Values, E> {
                Ok(Values(vec![number as f64]))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Values, E> {
                Ok(Values(vec![number as f64]))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Values, E> {
                Ok(Values(vec![number]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Values, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = items.next_element::<f64>()? {
                    numbers.push(number);
                }
                if numbers.is_empty() {
                    return Err(de::Error::custom("an empty list has no values; write for example [1, 2, 3]"));
                }
                Ok(Values(numbers))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for Expected {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Expected".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "number" }, { "type": "string" }] })
    }
}

impl JsonSchema for Values {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Values".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "number" }, { "type": "array", "items": { "type": "number" } }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_they_are_written() {
        for (text, found, expected) in [
            ("0.3", 0.1 + 0.2, true),
            ("0.3", 0.300001, false),
            ("0", 0.0, true),
            ("0", 1e-12, false),
            ("> 1", 1.0, false),
            (">= 1", 1.0, true),
            ("<1", 0.5, true),
            ("<= -1", -0.5, false),
            ("1..2", 2.0, true),
            ("-2 .. -1", -2.5, false),
            ("1", f64::NAN, false),
        ] {
            let wanted: Expected = text.parse().unwrap();
            assert_eq!(wanted.holds(found, 0.0), expected, "{text} {found}");
            assert_eq!(wanted.to_string().parse(), Ok(wanted));
        }
        assert!(Expected::Is(100.0).holds(99.1, 0.01) && !Expected::Is(100.0).holds(98.9, 0.01));
        assert!("many".parse::<Expected>().unwrap_err().contains("; write for example 5"));
    }
}
