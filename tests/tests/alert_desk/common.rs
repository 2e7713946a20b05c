//! A desk with its log, its store and receivers that write down what they are told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use floodmark_connectors::clock::TokioClock;
use floodmark_connectors::stores::embedded::{Alerts, Store};
use floodmark_core::alert::desk::{GroupBy, Policy, Receiver, Route};
use floodmark_core::ports::{Clock, Expect, NewEntry, Notifier, Position, Receipt, Refusal};
use floodmark_engine::desk::{AlertDesk, AlertPlan};
use floodmark_engine::dispatcher::Waits;
use floodmark_engine::ingest::Logs;
use floodmark_engine::retention::Floors;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, AlertState, Commit, Definition, Headers, JobEntry, Notification, Series, Severity, Timestamp, subject};
use floodmark_tests::engine::memory::logs;
use tokio::sync::watch;

/// What a receiver answers to its next try; when there is nothing left, it takes everything.
pub enum Answer {
    Busy(Option<Duration>),
    Never,
    Silence,
}

/// A receiver.
pub struct Ledger {
    clock: Arc<dyn Clock>,
    answers: Mutex<VecDeque<Answer>>,
    taken: Mutex<Vec<(i64, Notification)>>,
    count: watch::Sender<usize>,
    hangs_from: Mutex<usize>,
}

impl Ledger {
    pub fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// From this notification on it takes what it is told, but nobody hears its answer.
    pub fn hangs_from(&self, count: usize) {
        *self.hangs_from.lock().unwrap() = count;
    }

    /// Seconds since the beginning, reason, and sources of the alerts.
    pub fn told(&self) -> Vec<String> {
        let shown = |(at, told): &(i64, Notification)| {
            let sources: Vec<&str> = told.alerts.iter().map(|alert| alert.source.as_str()).collect();
            format!("{at} {:?} {}", told.reason, sources.join(","))
        };
        self.taken.lock().unwrap().iter().map(shown).collect()
    }

    pub fn ids(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|(_, told)| told.id.clone()).collect()
    }

    /// Waits until it was told so often.
    pub async fn reaches(&self, count: usize) {
        self.count.subscribe().wait_for(|there| *there >= count).await.unwrap();
    }
}

#[async_trait]
impl Notifier for Ledger {
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal> {
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Busy(retry_after)) => Err(Refusal { error: floodmark_core::Error::unavailable("busy"), retry_after }),
            Some(Answer::Never) => Err(floodmark_core::Error::rejected("550 no such user").into()),
            Some(Answer::Silence) => std::future::pending().await,
            None => {
                let at = (self.clock.now().micros() - BEGIN.micros()) / 1_000_000;
                self.taken.lock().unwrap().push((at, notification.clone()));
                self.count.send_modify(|count| *count += 1);
                if *self.count.borrow() >= *self.hangs_from.lock().unwrap() {
                    std::future::pending::<()>().await;
                }
                Ok(Receipt { answer: "250 OK".into() })
            }
        }
    }
}

/// When time begins.
pub const BEGIN: Timestamp = Timestamp::from_secs(1_000);

pub struct There {
    directory: tempfile::TempDir,
    pub logs: Logs,
    pub clock: Arc<TokioClock>,
    pub ops: Arc<Ledger>,
    pub policy: Policy,
    pub waits: Waits,
}

impl There {
    /// Every alert by itself to `ops`, after ten seconds.
    pub fn new() -> Self {
        let clock = Arc::new(TokioClock::starting_at(BEGIN));
        let (answers, taken) = Default::default();
        let ops =
            Arc::new(Ledger { clock: clock.clone(), answers, taken, count: watch::Sender::new(0), hangs_from: Mutex::new(usize::MAX) });
        let root = Route {
            receivers: Some(vec!["ops".into()]),
            group_by: Some(GroupBy::Each),
            group_wait: Some(Duration::from_secs(10)),
            group_interval: Some(Duration::from_secs(60)),
            ..Route::default()
        };
        let policy = Policy { root, receivers: [("ops".into(), Receiver::default())].into(), ..Policy::default() };
        Self { directory: tempfile::tempdir().unwrap(), logs: logs(), clock, ops, policy, waits: Waits::default() }
    }

    pub fn store(&self) -> Arc<Alerts> {
        Arc::new(Alerts::new(Store::open(self.directory.path().join("store.db")).unwrap()))
    }

    /// The desk of another process.
    pub fn desk(&self) -> AlertDesk {
        let plan = AlertPlan {
            store: self.store(),
            policy: self.policy.clone(),
            rules: vec!["disk".into()],
            notifiers: [("ops".to_owned(), self.ops.clone() as Arc<dyn Notifier>)].into(),
            waits: self.waits,
            retention: Duration::from_secs(30 * 86_400),
        };
        AlertDesk { plan, outputs: self.logs.outputs.clone(), clock: self.clock.clone(), floor: Floors::default().of("alerts") }
    }

    /// A commit of the rule `disk`.
    pub async fn commits(&self, alerts: &[Alert]) -> Position {
        let outputs = alerts.iter().cloned().map(Output::Alert).collect();
        let body = JobEntry::Commit(Commit { n: 1, outputs, ..Commit::default() });
        let mut headers = Headers::default();
        Definition { version: "00000001", jobs: 1, rebuilding: false }.set(&mut headers);
        let body = serde_json::to_vec(&body).unwrap().into();
        let entry = NewEntry { subject: subject::outputs("disk", 0), id: None, headers, body };
        self.logs.outputs.append(vec![entry], Expect::Anything).await.unwrap()[0].position
    }
}

/// An alert of the rule `disk` on a source that fires at so many seconds after the beginning.
pub fn alert(source: &str, at: i64) -> Alert {
    let time = BEGIN.plus_micros(at * 1_000_000);
    Alert {
        id: format!("{source:0>32}"),
        step: 0,
        rule: "disk".into(),
        version: "00000001".into(),
        source: source.into(),
        series: Series::new("used"),
        state: AlertState::Firing,
        before: AlertState::Pending,
        severity: Severity::Error,
        time,
        began: time,
        fired: Some(time),
        noticed: time,
        value: Some(97.5),
        threshold: Some(95.0),
        evidence: None,
        flapping: false,
        labels: Default::default(),
        annotations: Default::default(),
    }
}

/// Its end.
pub fn over(alert: &Alert, at: i64) -> Alert {
    let time = BEGIN.plus_micros(at * 1_000_000);
    Alert { step: alert.step + 1, before: alert.state, state: AlertState::Resolved, time, noticed: time, ..alert.clone() }
}
