//! Where a page ends: it is named by what stands there, so it stays good when rollups come or go.

use std::fmt::Write;

use floodmark_core::Result;
use floodmark_schemas::Timestamp;
use floodmark_schemas::series::fnv1a;

use crate::stores::embedded::query::token::{self, Tokens};

/// Where a result stands in the order of the answers: by its time, then by the id of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: Timestamp,
    pub(super) id: String,
}

impl Place {
    /// The token of the page after this place.
    pub(super) fn write(&self, tokens: &Tokens) -> String {
        tokens.write(&[&self.start.micros(), &self.check(), &hex(self.id.as_bytes())])
    }

    /// Reads a token.
    ///
    /// # Errors
    /// `Rejected` when it is not a page of this question.
    pub(super) fn read(tokens: &Tokens, text: &str) -> Result<Self> {
        let [start, check, id] = tokens.read(text)?;
        let id = unhex(id).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| token::invalid(text))?;
        let place = Self { start: Timestamp::from_micros(token::number(text, start)?), id };
        if i64::from(place.check()) == token::number(text, check)? { Ok(place) } else { Err(token::invalid(text)) }
    }

    /// Tells a token that was cut or changed.
    fn check(&self) -> u32 {
        fnv1a(format!("{} {}", self.start.micros(), self.id).as_bytes())
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
    let byte =
        |pair: &[u8]| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    text.as_bytes().chunks(2).map(byte).collect()
}
