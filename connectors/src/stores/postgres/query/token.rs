//! What names the next page: `<kind><version>:<question>:<fields>`, for example `d1:0b4c2f1e:42`.
//!
//! The question is a hash of the filter, so that a page of another question is refused instead of answered wrongly.

use std::fmt::Debug;

use floodmark_core::{Error, Result};
use floodmark_schemas::series::fnv1a;

/// Writes and reads the tokens of one question.
pub(super) struct Tokens {
    prefix: String,
}

impl Tokens {
    /// The tokens of the question `filter` of a `kind` of answers.
    pub(super) fn of(kind: &str, filter: &impl Debug) -> Self {
        Self { prefix: format!("{kind}:{:08x}:", fnv1a(format!("{filter:?}").as_bytes())) }
    }

    /// The token of the page after `place`.
    pub(super) fn write(&self, place: impl std::fmt::Display) -> String {
        format!("{}{place}", self.prefix)
    }

    /// The place that a token names, as `read` reads it.
    ///
    /// # Errors
    /// `Rejected` when it is not a token of this question.
    pub(super) fn read<T>(&self, token: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        token.strip_prefix(&self.prefix).and_then(read).ok_or_else(|| invalid(token))
    }
}

/// The error of a token that names no page.
pub(super) fn invalid(token: &str) -> Error {
    Error::rejected(format!("{token:?} is not a page of this question; ask again without it"))
}
