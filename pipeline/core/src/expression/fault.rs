//! What is wrong with an expression, and where.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong with the text of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the text, in bytes. Never empty, except at the end of the text; always on borders of characters.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    pub(super) fn new(at: &Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at: at.clone(), message: message.into(), help: help.into() }
    }
}

/// `message; help`, without the place: who shows it says where it is.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

impl std::error::Error for Fault {}

/// The nearest of `known`, or all of them.
pub(super) fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let folded: String = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let distance = |name: &str| strsim::damerau_levenshtein(&folded, name);
    match known.iter().map(|name| (distance(name), *name)).min_by_key(|(distance, _)| *distance) {
        // A third of the letters may be wrong.
        Some((distance, near)) if distance <= near.len().max(folded.len()) / 3 => format!("did you mean `{near}`?"),
        _ => format!("known {what}: {}", known.join(", ")),
    }
}
