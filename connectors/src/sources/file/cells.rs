//! One field of a foreign record, whatever the format of the file.

use std::borrow::Cow;

/// A field as it stands in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// The record has no such field.
    Absent,
    /// The field is there and says nothing: an empty cell, an empty text, `null`.
    Empty,
    /// Its text, or the spelling of a number or truth value.
    Text(&'a str),
    /// A JSON text with escapes, still in quotes.
    Escaped(&'a str),
    /// A JSON object or array.
    Nested,
}

impl<'a> Cell<'a> {
    /// A cell of plain text; white space around it does not count.
    pub fn of_text(text: &'a str) -> Self {
        match text.trim_ascii() {
            "" => Self::Empty,
            text => Self::Text(text),
        }
    }

    /// A cell of a raw JSON value.
    pub fn of_json(raw: &'a str) -> Self {
        match raw.as_bytes()[0] {
            b'"' if raw.contains('\\') => Self::Escaped(raw),
            b'"' => Self::of_text(&raw[1..raw.len() - 1]),
            b'{' | b'[' => Self::Nested,
            b'n' => Self::Empty,
            _ => Self::Text(raw),
        }
    }

    /// The text, if there is one.
    ///
    /// # Errors
    /// When the field holds something else, or a text that is not one.
    pub fn text(self, column: &str) -> Result<Option<Cow<'a, str>>, String> {
        match self {
            Self::Absent | Self::Empty => Ok(None),
            Self::Text(text) => Ok(Some(Cow::Borrowed(text))),
            Self::Escaped(raw) => {
                let text: String = serde_json::from_str(raw).map_err(|e| format!("{column:?} is not a text: {e}"))?;
                let text = text.trim_ascii();
                Ok((!text.is_empty()).then(|| Cow::Owned(text.to_owned())))
            }
            Self::Nested => Err(format!("{column:?} is an object or array where a text or number is expected")),
        }
    }

    /// The text, which has to be there.
    ///
    /// # Errors
    /// As [`Self::text`], and when there is none.
    pub fn required(self, column: &str) -> Result<Cow<'a, str>, String> {
        self.text(column)?.ok_or_else(|| match self {
            Self::Absent => format!("{column:?} is missing"),
            _ => format!("{column:?} is empty"),
        })
    }

    /// The finite number, if there is one.
    ///
    /// # Errors
    /// When there is something else.
    pub fn number(self, column: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            Ok(_) => Err(format!("{column:?} is {text:?}, which is not a finite number")),
            Err(_) => Err(format!("{column:?} is {text:?}, which is not a number")),
        }
    }
}

/// The cells of one record, in the order of the mapping's columns. It keeps its memory from record to record.
#[derive(Default)]
pub struct Cells(Vec<Cell<'static>>);

impl Cells {
    /// `count` absent cells, for text that lives as long as the caller wants. Give them back.
    pub fn lend<'a>(&mut self, count: usize) -> Vec<Cell<'a>> {
        let mut row: Vec<Cell<'a>> = std::mem::take(&mut self.0);
        row.resize(count, Cell::Absent);
        row
    }

    /// Takes back what was lent.
    pub fn give_back(&mut self, mut row: Vec<Cell<'_>>) {
        row.clear();
        // An empty vector collected into one of the same element layout keeps its memory.
        self.0 = row.into_iter().map(|_| Cell::Absent).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite_and_nothing_is_no_number() {
        let number = |raw| Cell::of_json(raw).number("v");
        assert_eq!(number("12.5"), Ok(Some(12.5)));
        assert_eq!(number("\"-3e2\""), Ok(Some(-300.0)));
        assert_eq!(number("null"), Ok(None));
        assert_eq!(number("\" \""), Ok(None));
        assert_eq!(number("\"1\\u0030\""), Ok(Some(10.0)));
        assert_eq!(number("\"NaN\""), Err("\"v\" is \"NaN\", which is not a finite number".into()));
        assert_eq!(number("1e999"), Err("\"v\" is \"1e999\", which is not a finite number".into()));
        assert_eq!(number("true"), Err("\"v\" is \"true\", which is not a number".into()));
        assert_eq!(number("[1]"), Err("\"v\" is an object or array where a text or number is expected".into()));
    }

    #[test]
    fn cells_keep_their_memory() {
        let mut cells = Cells::default();
        let mut place = || {
            let row = cells.lend(3);
            let place = row.as_ptr() as usize;
            cells.give_back(row);
            place
        };
        assert_eq!(place(), place());
    }
}
