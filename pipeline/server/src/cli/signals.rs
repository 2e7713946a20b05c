//! Signals from outside, heard from the start of the process to its end: one that comes between two configurations, or
//! while something drains, is neither lost nor left to its default action.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::exit::Failure;

/// One Ctrl-C may arrive twice, through a parent that passes it on: the second must not count as impatience.
const SAME_CTRL_C: Duration = Duration::from_millis(300);

/// What is asked for from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP.
    Hangup,
}

/// The signals of this process.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    deaf_until: Option<Instant>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|e| Failure::new(format!("listening for signals: {e}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
            deaf_until: None,
        })
    }

    /// The next signal. May be dropped at any await without losing one.
    pub async fn next(&mut self) -> Asked {
        let asked = loop {
            tokio::select! {
                _ = self.terminate.recv() => break Asked::Terminate,
                _ = self.hangup.recv() => break Asked::Hangup,
                _ = self.interrupt.recv() => if self.deaf_until.is_none_or(|until| Instant::now() >= until) {
                    break Asked::Interrupt;
                },
            }
        };
        if asked != Asked::Hangup {
            self.deaf_until = Some(Instant::now() + SAME_CTRL_C);
        }
        asked
    }
}
