//! How a command ends: exit codes, and failures with what to do about them.

use std::process::ExitCode;

use floodmark_core::Kind;

use crate::config::Report;

/// The exit codes, as documented in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It worked.
    Ok = 0,
    /// It failed.
    Failed = 1,
    /// It worked, and found differences.
    Differences = 2,
    /// The command line was wrong (`EX_USAGE` of sysexits.h).
    Usage = 64,
    /// Something it needs could not be reached (`EX_UNAVAILABLE`).
    Unreachable = 69,
    /// The configuration is wrong (`EX_CONFIG`).
    BadConfig = 78,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The result of a command.
pub type Outcome = Result<Exit, Failure>;

/// Why a command did not work.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is wrong.
    Config(Report),
    /// Anything else: the exit code, what happened, and what to do.
    Other(Exit, String, Option<String>),
}

impl Failure {
    /// A failure with exit code 1.
    pub fn new(what: impl Into<String>) -> Self {
        Self::Other(Exit::Failed, what.into(), None)
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        match self {
            Self::Other(exit, what, _) => Self::Other(exit, what, Some(remedy.into())),
            config @ Self::Config(_) => config,
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::BadConfig,
            Self::Other(exit, ..) => *exit,
        }
    }

    /// The text for stderr.
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Config(report) => report.render(colour),
            Self::Other(_, what, None) => format!("floodmark: {what}\n"),
            Self::Other(_, what, Some(remedy)) => format!("floodmark: {what}\n  Help: {remedy}\n"),
        }
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self::Config(report)
    }
}

impl From<floodmark_core::Error> for Failure {
    fn from(e: floodmark_core::Error) -> Self {
        let exit = if e.kind() == Kind::Unavailable { Exit::Unreachable } else { Exit::Failed };
        Self::Other(exit, e.chain(), None)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(e: anyhow::Error) -> Self {
        Self::new(format!("{e:#}"))
    }
}
