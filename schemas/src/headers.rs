//! Headers of a log entry: short text pairs in order, as NATS carries them.

use std::fmt::Write;

use crate::DecodeError;

/// Names and values in order. Names are compared exactly; a name stands once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Sets `name` to `value`. Line breaks in a value are not allowed by NATS and are replaced by spaces.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        let value = value.to_string();
        let value = if value.contains(['\r', '\n']) { value.replace(['\r', '\n'], " ") } else { value };
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some(pair) => pair.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The value of `name`, read as `T`.
    ///
    /// # Errors
    /// When the header is missing or not a `T`.
    pub fn parse<T: std::str::FromStr>(&self, name: &str) -> Result<T, DecodeError> {
        let text = self.get(name).ok_or_else(|| DecodeError::new(format!("header {name} is missing")))?;
        text.parse().map_err(|_| DecodeError::new(format!("header {name} is {text:?}, which cannot be read")))
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The text form `Name: value` with one line a header: what an embedded log stores.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.0.len() * 32);
        for (name, value) in &self.0 {
            writeln!(text, "{name}: {value}").expect("writing to a string does not fail");
        }
        text
    }

    /// Reads [`Self::to_text`] back.
    ///
    /// # Errors
    /// When a line has no colon.
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        let pairs = text.lines().map(|line| match line.split_once(": ") {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(DecodeError::new(format!("header line {line:?} has no colon"))),
        });
        Ok(Self(pairs.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_reads_back() {
        let mut headers = Headers::default();
        headers.set("A", 1);
        headers.set("B", "x: y\nz");
        headers.set("A", "");
        assert_eq!(Headers::from_text(&headers.to_text()).unwrap(), headers);
        assert_eq!(headers.get("B"), Some("x: y z"));
        assert!(headers.parse::<u64>("A").is_err());
        assert!(Headers::from_text("nonsense").is_err());
    }
}
