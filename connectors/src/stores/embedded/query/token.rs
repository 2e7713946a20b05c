//! What names the next page: `<kind><version>:<question>:<fields>`, for example `d1:0b4c2f1e:42`.
//!
//! The question is a hash of the filter, so that a page of another question is refused instead of answered wrongly.

use std::fmt::{Debug, Display};

use floodmark_core::{Error, Result};
use floodmark_schemas::series::fnv1a;

/// Writes and reads the tokens of one question.
pub(in crate::stores) struct Tokens {
    prefix: String,
}

impl Tokens {
    /// The tokens of the question `filter` of a `kind` of answers.
    pub(in crate::stores) fn of(kind: &str, filter: &impl Debug) -> Self {
        Self { prefix: format!("{kind}:{:08x}:", fnv1a(format!("{filter:?}").as_bytes())) }
    }

    /// The token of the page after `fields`.
    pub(in crate::stores) fn write(&self, fields: &[&dyn Display]) -> String {
        let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        format!("{}{}", self.prefix, fields.join(":"))
    }

    /// The fields of a token.
    ///
    /// # Errors
    /// `Rejected` when it is not a token of this question with `N` fields. The last may hold colons.
    pub(in crate::stores) fn read<'a, const N: usize>(&self, token: &'a str) -> Result<[&'a str; N]> {
        let fields = token.strip_prefix(&self.prefix).ok_or_else(|| invalid(token))?;
        fields.splitn(N, ':').collect::<Vec<_>>().try_into().map_err(|_| invalid(token))
    }
}

/// The error of a token that names no page.
pub(in crate::stores) fn invalid(token: &str) -> Error {
    Error::rejected(format!("{token:?} is not a page of this question; ask again without it"))
}

/// Reads a number in a token.
///
/// # Errors
/// `Rejected` when it is none.
pub(in crate::stores) fn number(token: &str, field: &str) -> Result<i64> {
    field.parse().map_err(|_| invalid(token))
}
