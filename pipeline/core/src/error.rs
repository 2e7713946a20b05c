//! The one error of the ports: it says what to do next.

use std::fmt;

/// What the caller does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It may work later: retry with backoff.
    Unavailable,
    /// This input will never be accepted: set it aside and go on.
    Rejected,
    /// Somebody else owns this now: step down.
    Conflict,
    /// It cannot go on without a person: stop.
    Broken,
}

/// What was being done, and what to do next. The cause is `source()`.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    doing: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of a port.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` while doing what `doing` says, in lower case and without the cause.
    pub fn new(kind: Kind, doing: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), cause: None }
    }

    /// Retry later.
    pub fn unavailable(doing: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, doing)
    }

    /// Set aside.
    pub fn rejected(doing: impl Into<String>) -> Self {
        Self::new(Kind::Rejected, doing)
    }

    /// Step down.
    pub fn conflict(doing: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, doing)
    }

    /// Stop.
    pub fn broken(doing: impl Into<String>) -> Self {
        Self::new(Kind::Broken, doing)
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What to do next.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The error with all its causes in one line, for logs and events.
    pub fn chain(&self) -> String {
        let mut text = self.doing.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(e) = cause {
            text.push_str(": ");
            text.push_str(&e.to_string());
            cause = e.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|e| &**e as _)
    }
}

impl From<floodmark_schemas::DecodeError> for Error {
    fn from(e: floodmark_schemas::DecodeError) -> Self {
        Self::rejected("reading a message").because(e)
    }
}
