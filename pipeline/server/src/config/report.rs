//! Everything that is wrong with a configuration, each with its place and what to do about it.

use std::ops::Range;
use std::path::Path;

use serde::Serialize;

use super::files::Files;
use super::scrub::scrub;

/// All problems of a configuration, in the order of the files.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(super) files: Files,
    pub(super) found: Vec<Found>,
    /// Whether some file could not be read or parsed: what looks missing elsewhere may stand there.
    pub(super) unreadable: bool,
}

/// A problem as it was found: spans are offsets in the space of all files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub span: Option<Range<usize>>,
    pub file: Option<String>,
    pub message: String,
    pub hint: Option<String>,
    pub related: Option<(Range<usize>, String)>,
    /// The text at `span` may be a secret: it is not shown.
    pub secret: bool,
}

/// One problem, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// Where in the file; absent when the file could not be read at all.
    #[serde(flatten)]
    pub at: Option<Position>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Another place that has to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<Related>,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// A place with its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// Where in it.
    #[serde(flatten)]
    pub at: Position,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.at.line, self.at.column)
    }
}

/// Something that works and is most likely not meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What is so.
    pub message: String,
    /// What to do, if it is not meant.
    pub hint: String,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, message, hint } = self;
        write!(f, "{place}: {message}\n  Help: {hint}")
    }
}

/// A second place, and what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    /// The file.
    pub file: String,
    /// Where in it.
    #[serde(flatten)]
    pub at: Position,
    /// What is there.
    pub message: String,
}

impl Found {
    pub(super) fn at(span: Range<usize>, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { span: Some(span), file: None, message: message.into(), hint, related: None, secret: false }
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The problems, in the order of files and places.
    pub fn problems(&self) -> Vec<Problem> {
        self.sorted().map(|found| self.problem(found)).collect()
    }

    /// The problems as one JSON document, for `--format json`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "ok": self.is_empty(), "problems": self.problems() })
    }

    pub(super) fn sorted(&self) -> impl Iterator<Item = &Found> {
        let mut found: Vec<&Found> = self.found.iter().collect();
        found.sort_by_key(|f| f.span.as_ref().map_or((0, 0), |s| (s.start + 1, s.end)));
        found.into_iter()
    }

    pub(super) fn add(&mut self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.push(Found::at(span, message, hint));
    }

    pub(super) fn unread(&mut self, path: &Path, message: &str, hint: &str) {
        self.unreadable = true;
        let file = Some(path.display().to_string());
        self.push(Found { span: None, file, message: message.to_owned(), hint: Some(hint.to_owned()), related: None, secret: false });
    }

    /// The same problem at the same place is told once.
    pub(super) fn push(&mut self, mut found: Found) {
        found.message = scrub(&found.message);
        found.hint = found.hint.map(|h| scrub(&h));
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    fn problem(&self, found: &Found) -> Problem {
        let (file, at) = match found.span.as_ref().and_then(|s| self.position(s)) {
            Some((file, at)) => (file, Some(at)),
            None => (found.file.clone().unwrap_or_default(), None),
        };
        let related = found.related.as_ref().and_then(|(span, message)| {
            let (file, at) = self.position(span)?;
            Some(Related { file, at, message: message.clone() })
        });
        Problem { file, at, message: found.message.clone(), hint: found.hint.clone(), related }
    }

    /// The place of a span.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let (file, at) = self.position(span).unwrap_or((String::new(), Position { line: 1, column: 1 }));
        Place { file, at }
    }

    fn position(&self, span: &Range<usize>) -> Option<(String, Position)> {
        let (file, span) = self.files.locate(span)?;
        let before = &file.text[..span.start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.matches('\n').count() + 1;
        Some((file.name.clone(), Position { line, column: before[line_start..].chars().count() + 1 }))
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}
