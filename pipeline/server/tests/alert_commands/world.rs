//! A store of alerts that a desk has filled, and the program beside it.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use floodmark_connectors::stores::embedded::{self, Store};
use floodmark_core::alert::desk::{Action, Desk, GroupBy, Matchers, Policy, Receiver, Route, RuleEntry};
use floodmark_core::ports::alerts::{Attempt, Outcome, Turn};
use floodmark_core::ports::{AlertQuery, AlertRequests, AlertStore, IncidentFilter, Position, Standing};
use floodmark_schemas::{Alert, AlertState, Evidence, Series, Severity, Timestamp};

/// 2026-01-31T12:00:00Z.
pub const NOON: i64 = 1_769_860_800;
/// When the silence of the fixture ends: 2100-01-01.
pub const END: i64 = 4_102_444_800;

/// A time after noon.
pub fn after_noon(secs: i64) -> Timestamp {
    Timestamp::from_secs(NOON + secs)
}

/// An alert of `rule` on `source` that fires so long after noon. Its id begins with `number` in hex.
pub fn alert(number: u32, rule: &str, source: &str, secs: i64) -> Alert {
    let time = after_noon(secs);
    Alert {
        id: format!("{number:08x}{:024x}", 7),
        step: 0,
        rule: rule.into(),
        version: "0000000a".into(),
        source: source.into(),
        series: Series::new("used").unit("%").label("mount", "/"),
        state: AlertState::Firing,
        before: AlertState::Inactive,
        severity: Severity::Warning,
        time,
        began: time,
        fired: Some(time),
        noticed: time.plus_micros(250_000),
        value: Some(97.25),
        threshold: Some(95.0),
        evidence: Some(Evidence::Event { position: 17, index: 3 }),
        flapping: false,
        labels: [("team".to_owned(), "db".to_owned())].into(),
        annotations: [("summary".to_owned(), format!("{rule} on {source}"))].into(),
    }
}

/// The next step of an alert.
pub fn next(alert: &Alert, state: AlertState, secs: i64) -> Alert {
    let (time, before) = (after_noon(secs), alert.state);
    Alert { step: alert.step + 1, state, before, time, noticed: time, ..alert.clone() }
}

/// A store as all see it.
pub trait All: AlertStore + AlertRequests + AlertQuery {}
impl<T: AlertStore + AlertRequests + AlertQuery> All for T {}

/// The owner of a store, and its desk.
pub struct Owner {
    pub store: Arc<dyn All>,
    pub desk: Desk,
    turn: Turn,
    position: u64,
}

/// Every rule is an incident; mail is told at once.
pub fn policy() -> Policy {
    let root = Route {
        receivers: Some(vec!["mail".into()]),
        group_by: Some(GroupBy::Labels(vec!["rule".into()])),
        group_wait: Some(std::time::Duration::ZERO),
        ..Route::default()
    };
    Policy { root, receivers: [("mail".into(), Receiver::default())].into(), ..Policy::default() }
}

impl Owner {
    /// Takes the store over.
    pub async fn of(store: Arc<dyn All>) -> Self {
        let opened = store.open().await.unwrap();
        Self { store, desk: Desk::restore(policy(), opened.stored).unwrap(), turn: opened.turn, position: opened.standing.position.0 }
    }

    /// Takes alerts, each from an entry of its own.
    pub async fn take(&mut self, secs: i64, alerts: &[Alert]) {
        let time = after_noon(secs);
        self.desk.tick(time);
        for alert in alerts {
            self.position += 1;
            let (rule, version, alerts) = (alert.rule.clone(), alert.version.clone(), vec![alert.clone()]);
            let position = self.position;
            self.desk.take(time, &[RuleEntry { rule, job: 0, jobs: 1, version, rebuilding: false, position, time, alerts }]);
        }
        self.desk.tick(time);
        self.commit().await;
    }

    pub async fn commit(&mut self) {
        let changes = self.desk.changes();
        let standing = Standing { position: Position(self.position), mark: None };
        self.turn = self.store.commit(self.turn, &standing, &changes).await.unwrap();
    }

    /// Does what is asked for at a time, until `ask` has come to its end.
    pub async fn serve<T>(&mut self, at: Timestamp, ask: impl Future<Output = T>) -> T {
        let mut ask = std::pin::pin!(ask);
        loop {
            tokio::select! {
                done = &mut ask => return done,
                () = tokio::task::yield_now() => {
                    for (request, action) in self.store.requests(10).await.unwrap() {
                        self.desk.act(at, request, &action);
                        self.desk.tick(at);
                        self.commit().await;
                    }
                }
            }
        }
    }

    /// The first notification of the incident of a rule arrives the second time.
    async fn deliver(&self, title: &str) {
        let open = self.store.incidents(&IncidentFilter::default(), None, 100).await.unwrap();
        let incident = open.items.iter().find(|record| record.incident.title == title).unwrap();
        let sent = self.store.sent(&incident.incident.id, 1).await.unwrap();
        let notification = sent[0].notification.id.clone();
        let attempt = |number: u32, secs, outcome, answer: &str| {
            let (notification, answer) = (notification.clone(), answer.to_owned());
            Attempt { notification, number, time: after_noon(secs), outcome, answer }
        };
        let attempts = [attempt(1, 1, Outcome::Again { at: after_noon(3) }, "421 too busy"), attempt(2, 3, Outcome::Delivered, "250 OK")];
        self.store.attempted(self.turn.owner, &attempts).await.unwrap();
    }
}

/// Fills a store: two alerts of full disks that mail knows of, a website that is silenced, and a certificate that is over.
pub async fn fill(store: Arc<dyn All>) -> Owner {
    let mut owner = Owner::of(store).await;
    let matchers = Matchers::parse(["source=~web-.*"]).unwrap();
    let (owner_of, comment) = ("ada".to_owned(), "the move".to_owned());
    let silence = Action::Silence { matchers, owner: owner_of, comment, starts: after_noon(-60), ends: Timestamp::from_secs(END) };
    owner.desk.act(after_noon(-60), 1, &silence);
    let certificate = alert(0xccaa_0001, "certificate", "shop", -3600);
    owner.take(-3600, std::slice::from_ref(&certificate)).await;
    owner.take(-1800, &[next(&certificate, AlertState::Resolved, -1800)]).await;
    let disk = Alert { severity: Severity::Critical, ..alert(0xd15c_0001, "disk_full", "db-1", 0) };
    owner.take(0, &[disk, alert(0xd15c_0002, "disk_full", "db-2", 0)]).await;
    owner.take(12, &[alert(0x3eb0_0001, "web_down", "web-1", 12)]).await;
    owner.deliver("disk_full on db-1").await;
    owner
}

/// A directory with a configuration, a filled store, and the program.
pub struct World {
    pub directory: tempfile::TempDir,
    pub owner: Owner,
}

/// One receiver, and no more than must be.
pub const CONFIG: &str = r#"data_dir = "data"

[sources.machine]
type = "host"

[receivers.mail]
type = "command"
argv = ["/bin/true"]
"#;

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("floodmark.toml"), CONFIG).unwrap();
        std::fs::create_dir(directory.path().join("data")).unwrap();
        let store = Store::open(directory.path().join("data/store.db")).unwrap();
        Self { owner: fill(Arc::new(embedded::Alerts::new(store))).await, directory }
    }

    /// Runs a command: its exit code, stdout and stderr.
    pub async fn run(&self, args: &[&str]) -> (i32, String, String) {
        run(self.directory.path(), args).await
    }

    /// What a command that goes well and says nothing on stderr prints.
    pub async fn stdout(&self, args: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(args).await;
        assert_eq!((code, stderr.as_str()), (0, ""), "{args:?}");
        stdout
    }

    /// Runs a command while the desk does what it asks for, at a time.
    pub async fn asked(&mut self, at: Timestamp, args: &[&str]) -> (i32, String, String) {
        let asking = run(self.directory.path(), args);
        self.owner.serve(at, asking).await
    }

    /// The id of the incident with a title.
    pub async fn incident(&self, title: &str) -> String {
        let found = self.owner.store.incidents(&IncidentFilter::default(), None, 100).await.unwrap();
        found.items.into_iter().find(|record| record.incident.title == title).unwrap().incident.id
    }
}

/// The program in a directory.
pub async fn run(directory: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floodmark"));
    command.args(args).current_dir(directory).env_remove("FLOODMARK_CONFIG").env_remove("FLOODMARK_LOG");
    command.env("NO_COLOR", "1").env("USER", "kim");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    parts(&output)
}

fn parts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}
