//! Dead letters: input that could not become an event, kept whole with the reason.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The most bytes of the original that are kept; what is cut is said in `reason`.
pub const ORIGINAL_BYTES_MAX: usize = 64 * 1024;

/// Input that could not become an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// Unique within the component: the same bad input read again has the same id.
    pub id: String,
    /// The source, operator or sink that set it aside.
    pub component: String,
    /// Where it came from: `file.csv:17`, a URL, a log position.
    pub origin: String,
    /// What is wrong with it and what to do.
    pub reason: String,
    /// When it was set aside.
    pub time: Timestamp,
    /// The original, as text; bytes that are not UTF-8 are replaced.
    pub original: String,
}

/// Why something was set aside, as far as a counter tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasonClass {
    /// A source could not make an event of what it was given.
    Input,
    /// An event was too large for a frame.
    Size,
    /// A job or sink could not read or store an entry of a log.
    Entry,
}

impl ReasonClass {
    /// Its name in metrics and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Size => "size",
            Self::Entry => "entry",
        }
    }
}

impl DeadLetter {
    /// The class of its reason. The origin tells: ingest writes `source ID` for an event that is too large, jobs write
    /// `event log POSITION`, sinks `entry POSITION on SUBJECT` or `event INDEX of entry POSITION on SUBJECT`.
    pub fn class(&self) -> ReasonClass {
        match self.origin.split_once(' ') {
            Some(("entry", rest)) if rest.contains(" on floodmark.") => ReasonClass::Entry,
            Some(("event", rest)) if rest.starts_with("log ") || rest.contains(" of entry ") => ReasonClass::Entry,
            Some(("source", id)) if id == self.component => ReasonClass::Size,
            _ => ReasonClass::Input,
        }
    }

    /// A dead letter of `original`, cut to [`ORIGINAL_BYTES_MAX`].
    pub fn new(
        component: &str,
        id: impl Into<String>,
        origin: impl Into<String>,
        reason: impl Into<String>,
        time: Timestamp,
        original: &[u8],
    ) -> Self {
        let mut reason = reason.into();
        if original.len() > ORIGINAL_BYTES_MAX {
            reason.push_str(&format!(" (first {ORIGINAL_BYTES_MAX} of {} bytes kept)", original.len()));
        }
        let kept = &original[..original.len().min(ORIGINAL_BYTES_MAX)];
        Self {
            id: id.into(),
            component: component.to_owned(),
            origin: origin.into(),
            reason,
            time,
            original: String::from_utf8_lossy(kept).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: &str, class: ReasonClass) {
        let letter = DeadLetter::new("web", "1", origin, "bad", Timestamp::from_secs(0), b"x");
        assert_eq!(letter.class(), class, "{origin}");
    }

    #[test]
    fn the_origin_tells_the_class() {
        check("a.csv:17", ReasonClass::Input);
        check("https://example.org/a b", ReasonClass::Input);
        check("source of truth.csv:1", ReasonClass::Input);
        check("source web", ReasonClass::Size);
        check("entry 3 on floodmark.events.0.web", ReasonClass::Entry);
        check("event 7 of entry 3 on floodmark.events.0.web", ReasonClass::Entry);
        check("event log 3", ReasonClass::Entry);
    }
}
