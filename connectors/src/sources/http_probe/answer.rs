//! An answer, and what is expected of it.

use bytes::Bytes;
use floodmark_schemas::Reason;
use hyper::{HeaderMap, StatusCode, header};

use super::values::StatusRange;
use crate::sources::probe::settings::Pattern;
use crate::sources::probe::trace::Failure;

/// How much of a body is shown to people.
const SNIPPET_CHARS_MAX: usize = 200;
/// How much of a body is kept when nothing is expected of it: enough for a snippet.
const SNIPPET_BYTES: usize = 4096;

/// The beginning of a body, and how long it was.
#[derive(Debug)]
pub struct Body {
    kept: Vec<u8>,
    bytes_max: usize,
    len: u64,
}

impl Body {
    /// A body of which `bytes_max` bytes will be kept.
    pub fn keeping(bytes_max: usize) -> Self {
        Self { kept: Vec::new(), bytes_max, len: 0 }
    }

    /// Takes more of the body.
    pub fn push(&mut self, bytes: &Bytes) {
        let room = self.bytes_max - self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.len += bytes.len() as u64;
    }

    /// How long the body was so far.
    pub fn len(&self) -> u64 {
        self.len
    }
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
}

/// What is expected of an answer.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// The statuses that are good.
    pub status: Vec<StatusRange>,
    /// What the body must contain.
    pub contains: Option<String>,
    /// What the body must match.
    pub matches: Option<Pattern>,
    /// What the body must not match.
    pub not_matches: Option<Pattern>,
    /// What must not be shown, for example when a server repeats a header in its answer.
    pub secrets: Vec<String>,
}

impl Expectations {
    /// How much of a body has to be kept, when `bytes_max` may be.
    pub fn bytes_needed(&self, bytes_max: u64) -> usize {
        let nothing_expected = self.contains.is_none() && self.matches.is_none() && self.not_matches.is_none();
        let max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        if nothing_expected { max.min(SNIPPET_BYTES) } else { max }
    }

    /// Compares the answer with what is expected.
    ///
    /// # Errors
    /// `Status`, or else `Body`.
    pub fn compare(&self, answer: &Answer) -> Result<(), Failure> {
        if !self.status.iter().any(|range| range.holds(answer.status.as_u16())) {
            let expected: Vec<String> = self.status.iter().map(StatusRange::to_string).collect();
            let detail = format!("status {}, expected {}{}", answer.status, expected.join(" or "), self.snippet(&answer.body.kept));
            return Err(Failure::new(Reason::Status, detail));
        }
        let kept = &answer.body.kept;
        let unmet = if let Some(text) = self.contains.as_ref().filter(|text| !contains(kept, text.as_bytes())) {
            format!("does not contain {text:?}")
        } else if let Some(pattern) = self.matches.as_ref().filter(|pattern| !pattern.is_in(kept)) {
            format!("does not match {:?}", pattern.to_string())
        } else if let Some(pattern) = self.not_matches.as_ref().filter(|pattern| pattern.is_in(kept)) {
            format!("matches {:?}, which it must not", pattern.to_string())
        } else {
            return Ok(());
        };
        Err(Failure::new(Reason::Body, format!("the body {unmet}{}{}", reservation(answer), self.snippet(kept))))
    }

    /// The text with `***` for everything secret in it.
    pub fn scrubbed(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }

    /// The beginning of a body in one line.
    fn snippet(&self, body: &[u8]) -> String {
        let text = self.scrubbed(&String::from_utf8_lossy(&body[..body.len().min(SNIPPET_BYTES)]));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let line: String = words.chars().filter(|c| !c.is_control()).take(SNIPPET_CHARS_MAX).collect();
        if line.is_empty() { String::new() } else { format!("; the body begins with {line:?}") }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}

/// What a person should know before trusting that a body is not as expected.
fn reservation(answer: &Answer) -> String {
    if let Some(encoding) = answer.headers.get(header::CONTENT_ENCODING) {
        return format!(" (it is encoded as {encoding:?} although that was not asked for)");
    }
    let kept = answer.body.kept.len();
    if answer.body.len() > kept as u64 { format!(" (looked at the first {kept} bytes of {})", answer.body.len()) } else { String::new() }
}
