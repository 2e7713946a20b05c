//! A bundle as a file: lines of JSON. The first says what it is, then come entries of the event log, then the steps of the alert, and the last
//! is a hash (XXH3, 128 bits) of all before it.

use floodmark_core::ports::{Entry, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::{Alert, Headers, Timestamp};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

/// The version of the form that this code writes.
const SCHEMA: &str = "floodmark.bundle.v1";

/// An alert with what makes it.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What it is.
    pub header: Header,
    /// What the log held, in order.
    pub entries: Vec<Entry>,
    /// The steps of the alert, in order.
    pub steps: Vec<Alert>,
}

/// What a bundle is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The form of the file.
    pub schema: String,
    /// The version of the program that wrote it.
    pub program: String,
    /// The alert, by its id.
    pub alert: String,
    /// Its rule.
    pub rule: String,
    /// The definition of that as a hash.
    pub version: String,
    /// Whether it begins where the log began.
    pub whole: bool,
    /// The rule and what it reads, as a configuration.
    pub config: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    position: u64,
    time: Timestamp,
    subject: String,
    headers: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    body: String,
}

#[derive(Serialize, Deserialize)]
struct Steps {
    steps: Vec<Alert>,
}

#[derive(Serialize, Deserialize)]
struct Digest {
    digest: String,
}

impl Header {
    /// Of a bundle that this program writes.
    pub(super) fn new(alert: &Alert, whole: bool, config: String) -> Self {
        let (schema, program) = (SCHEMA.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        Self { schema, program, alert: alert.id.clone(), rule: alert.rule.clone(), version: alert.version.clone(), whole, config }
    }
}

impl Bundle {
    /// The file.
    ///
    /// # Errors
    /// `Broken` when the body of an entry is no text.
    pub fn write(&self) -> Result<String> {
        let mut text = json(&self.header);
        for Entry { position, time, subject, headers, body, .. } in &self.entries {
            let doing = || Error::broken(format!("writing entry {position} into a bundle"));
            let body = std::str::from_utf8(body).map_err(|e| doing().because(e))?.to_owned();
            text.push_str(&json(&Line { position: position.0, time: *time, subject: subject.clone(), headers: headers.to_text(), body }));
        }
        text.push_str(&json(&Steps { steps: self.steps.clone() }));
        let digest = Digest { digest: digest(&text) };
        text.push_str(&json(&digest));
        Ok(text)
    }

    /// Reads a file; `name` is what errors call it.
    ///
    /// # Errors
    /// `Rejected` when it is no bundle, or not as it was written.
    pub fn read(name: &str, text: &str) -> Result<Self> {
        let wrong = |what: &str| Error::rejected(format!("reading bundle {name}: {what}"));
        let (before, last) = text.trim_end_matches('\n').rsplit_once('\n').ok_or_else(|| wrong("it ends early"))?;
        let expected: Digest = serde_json::from_str(last).map_err(|e| wrong("its last line is no digest: it ends early").because(e))?;
        let found = digest(&text[..=before.len()]);
        if found != expected.digest {
            return Err(wrong(&format!("it was changed: its digest is {found}, not {}", expected.digest)));
        }
        let mut lines = before.lines();
        let header: Header = read(lines.next().unwrap_or_default()).map_err(|e| wrong("its first line").because(e))?;
        if header.schema != SCHEMA {
            return Err(wrong(&format!("it is of form {:?}, this program reads {SCHEMA:?}", header.schema)));
        }
        let steps: Steps = read(lines.next_back().unwrap_or_default()).map_err(|e| wrong("the steps of its alert").because(e))?;
        let entry = |line: &str| -> std::result::Result<Entry, Error> {
            let line: Line = read(line).map_err(|e| wrong("an entry").because(e))?;
            let headers = Headers::from_text(&line.headers).map_err(|e| wrong("the headers of an entry").because(e))?;
            let (position, subject, body) = (Position(line.position), line.subject, line.body.into());
            Ok(Entry { position, time: line.time, subject, id: None, headers, body })
        };
        let entries = lines.map(entry).collect::<Result<_>>()?;
        Ok(Self { header, entries, steps: steps.steps })
    }
}

fn read<T: for<'a> Deserialize<'a>>(line: &str) -> serde_json::Result<T> {
    serde_json::from_str(line)
}

fn json(of: &impl Serialize) -> String {
    serde_json::to_string(of).expect("texts, numbers and lists are JSON") + "\n"
}

fn digest(text: &str) -> String {
    format!("{:032x}", XxHash3_128::oneshot(text.as_bytes()))
}
