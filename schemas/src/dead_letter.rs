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

impl DeadLetter {
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
