//! The line of this monitor: one test at a time, shared by all that ask.
//!
//! A check that has failed is excused when a test that began **after** it had failed finds nothing that answers, or when one that
//! overlapped it did. So a line that dies while a check is under way is never told as a target that is down. Many checks that
//! fail together share a test, and between two tests there is a pause, so that long lists of dead targets flood nobody.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use floodmark_schemas::{Check, Reason};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Config;
use crate::sources::probe::dial::dial;
use crate::sources::probe::settings::IpVersion;
use crate::sources::probe::trace::{Failure, Trace};
use crate::sources::tcp_probe::config::HostPort;

/// Between the beginnings of two tests that failed checks ask for.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// What a test has found.
#[derive(Clone, Debug)]
pub struct State {
    /// When the test began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// Why nothing answered; nothing when something did.
    failures: Option<Vec<(String, Failure)>>,
}

impl State {
    /// Whether something answered.
    pub fn is_online(&self) -> bool {
        self.failures.is_none()
    }

    /// Why the first target did not answer, when none did.
    pub fn reason(&self) -> Option<Reason> {
        self.failures.iter().flatten().map(|(_, failure)| failure.reason).next()
    }

    /// Why this monitor counts as offline, for people.
    pub fn why(&self) -> String {
        let each = self.failures.iter().flatten().map(|(target, failure)| format!("{target}: {}", failure.detail));
        each.collect::<Vec<_>>().join("; ")
    }
}

/// The line of this process.
#[derive(Debug)]
pub struct Line {
    targets: Vec<HostPort>,
    timeout: Duration,
    /// Held by whoever tests.
    turn: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
}

/// What tests have found so far.
#[derive(Clone, Debug, Default)]
struct Known {
    newest: Option<State>,
    /// The newest that found nothing, and when it ended.
    offline: Option<(State, Instant)>,
}

impl Line {
    /// The line as `config` describes it. Connects to nothing yet.
    pub fn new(config: &Config) -> Self {
        Self { targets: config.targets.clone(), timeout: config.timeout.0, turn: tokio::sync::Mutex::default(), known: Mutex::default() }
    }

    /// Tests now. May be dropped at any await.
    pub async fn test(&self) -> State {
        let _turn = self.turn.lock().await;
        self.test_in_turn().await
    }

    /// Says of a check that began at `began` and has failed just now that nobody can say, when this monitor is offline. A target that has
    /// answered, if not as it should, needs no excuse. May be dropped at any await.
    pub async fn excuse(&self, check: &mut Check, began: Instant) {
        if check.up != Some(false) || !check.reason.is_some_and(may_be_the_line) {
            return;
        }
        let Some(state) = self.offline(began).await else { return };
        let said = check.detail.take().unwrap_or_default();
        check.up = None;
        check.reason = Some(Reason::MonitorOffline);
        check.detail = Some(format!("this monitor is offline ({}); the check itself found: {said}", state.why()));
    }

    /// The test that found the line dead, for a check that began at `began` and ends now.
    async fn offline(&self, began: Instant) -> Option<State> {
        let failed = Instant::now();
        let overlapping = |known: &Known| known.offline.clone().filter(|(_, ended)| *ended >= began).map(|(state, _)| state);
        if let Some(state) = overlapping(&self.known()) {
            return Some(state);
        }
        let _turn = self.turn.lock().await;
        let known = self.known();
        let newest = match known.newest {
            // Somebody else who failed has asked meanwhile.
            Some(state) if state.began >= failed => state,
            newest => {
                if let Some(state) = newest {
                    sleep_until(state.began + PAUSE).await;
                }
                self.test_in_turn().await
            }
        };
        if newest.is_online() { overlapping(&self.known()) } else { Some(newest) }
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tests; the caller has the turn.
    async fn test_in_turn(&self) -> State {
        let began = Instant::now();
        let failures = self.ask_all(began + self.timeout).await;
        let ended = Instant::now();
        let state = State { began, took: ended - began, failures };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.newest = Some(state.clone());
        if !state.is_online() {
            known.offline = Some((state.clone(), ended));
        }
        state
    }

    /// Asks all at once; the first that accepts is enough. Nothing when one did.
    async fn ask_all(&self, deadline: Instant) -> Option<Vec<(String, Failure)>> {
        let ask = |target: &HostPort| {
            let HostPort { host, port } = target.clone();
            let name = target.to_string();
            async move {
                let mut trace = Trace::until(deadline);
                let outcome = timeout_at(deadline, dial(&host, port, IpVersion::Any, &mut trace)).await;
                match outcome {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(failure)) => Err((name, failure)),
                    Err(_) => Err((name, trace.out_of_time(self.timeout))),
                }
            }
        };
        let mut asked: FuturesUnordered<_> = self.targets.iter().map(ask).collect();
        let mut failures = Vec::with_capacity(self.targets.len());
        while let Some(outcome) = asked.next().await {
            match outcome {
                Ok(()) => return None,
                Err(failure) => failures.push(failure),
            }
        }
        failures.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(failures)
    }
}

/// Whether a check that failed for this reason may have failed because of the line. One that the target answered did not.
fn may_be_the_line(reason: Reason) -> bool {
    match reason {
        Reason::Dns
        | Reason::ConnectRefused
        | Reason::ConnectTimeout
        | Reason::ConnectFailed
        | Reason::TlsOther
        | Reason::SendFailed
        | Reason::FirstByteTimeout
        | Reason::BadResponse
        | Reason::BodyTimeout
        | Reason::BodyTruncated => true,
        Reason::TlsExpired
        | Reason::TlsHostname
        | Reason::TlsUntrusted
        | Reason::Status
        | Reason::Body
        | Reason::TooSlow
        | Reason::RedirectLimit
        | Reason::RateLimited
        | Reason::Unauthorized
        | Reason::Malformed
        | Reason::Missed
        | Reason::Local
        | Reason::MonitorOffline => false,
    }
}
