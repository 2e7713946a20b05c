//! Where a page ends: it is named by what stands there, so it stays good when rollups come or go.

use std::fmt::Write;

use ::mongodb::bson::{Document, doc};
use floodmark_core::Result;
use floodmark_schemas::{Rollup, Timestamp};

use crate::stores::embedded::query::token::{self, Tokens};

/// Where a rollup stands in the order of the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: Timestamp,
    source: String,
    series: String,
    operator: String,
    end_us: i64,
}

impl Place {
    pub(super) fn of(rollup: &Rollup) -> Self {
        let Rollup { source, series, operator, window, .. } = rollup;
        let (source, operator) = (source.clone(), operator.clone());
        Self { start: window.start, source, series: series.key(), operator, end_us: window.end.micros() }
    }

    /// The order among windows of one start.
    pub(super) fn within_start(&self) -> (&str, &str, &str, i64) {
        (&self.source, &self.series, &self.operator, self.end_us)
    }

    /// Windows that start at the same time and stand after this one.
    pub(super) fn later_within_start(&self) -> Document {
        let Self { source, series, operator, end_us, .. } = self;
        doc! { "source": { "$gte": source }, "$or": [
            { "source": { "$gt": source } },
            { "source": source, "series": { "$gt": series } },
            { "source": source, "series": series, "operator": { "$gt": operator } },
            { "source": source, "series": series, "operator": operator, "window_end_us": { "$gt": *end_us } },
        ] }
    }

    /// The token of the page after this place.
    pub(super) fn write(&self, tokens: &Tokens) -> String {
        let names = serde_json::to_string(&[&self.source, &self.series, &self.operator]).expect("texts are JSON");
        tokens.write(&[&self.start.micros(), &self.end_us, &hex(names.as_bytes())])
    }

    /// Reads a token.
    ///
    /// # Errors
    /// `Rejected` when it is not a page of this question.
    pub(super) fn read(tokens: &Tokens, text: &str) -> Result<Self> {
        let [start, end, names] = tokens.read(text)?;
        let names = unhex(names).and_then(|bytes| serde_json::from_slice::<[String; 3]>(&bytes).ok());
        let [source, series, operator] = names.ok_or_else(|| token::invalid(text))?;
        let start = Timestamp::from_micros(token::number(text, start)?);
        Ok(Self { start, source, series, operator, end_us: token::number(text, end)? })
    }
}

/// Two digits for each byte: what may stand in a URL as it is.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}
