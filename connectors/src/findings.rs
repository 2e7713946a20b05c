//! What is found when a server is looked at before it is used, for `floodmark check --connect`.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What came of looking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It is as it must be.
    Good {
        /// More about it.
        detail: String,
    },
    /// It cannot work, or not for long.
    Bad {
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

impl Finding {
    /// It is as it must be.
    pub fn good(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Good { detail: detail.into() } }
    }

    /// It is not.
    pub fn bad(what: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Bad { problem: problem.into(), remedy: remedy.into() } }
    }

    /// Whether it is as it must be.
    pub fn is_good(&self) -> bool {
        matches!(self.verdict, Verdict::Good { .. })
    }
}
