//! The reckoning when all faults are over: the log, PostgreSQL and the rollups, read with their own clients, against the
//! oracle.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_tests::oracle::{self, Id, Rollup, books};
use floodmark_tests::support::ledger::Account;
use floodmark_tests::support::stored::{self, Frame, Written};
use floodmark_tests::support::{eventually::looking, jetstream};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use tokio::time::Instant;
use tokio_postgres::{NoTls, Row};

use crate::stack::{EVENTS, OPERATORS, OUTPUTS, SOURCE, Stack};

/// I8: a debug build with a few series needs a fraction of this.
const MEMORY_MAX_KIB: u64 = 400 * 1024;

/// A row of raw events: position, index, id, time in microseconds, bits of the value, series.
type Raw = (i64, i32, String, i64, u64, String);

impl Stack {
    /// Waits until everything that was sent is in PostgreSQL, ends the program and compares all there is; prints one line.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub async fn settle(&mut self) {
        let lag = self.settles().await;
        // Jobs whose owner was killed are taken over when its leases have run out. If it does not come to that, the
        // judgement says so.
        let account = self.ledger.account().await;
        let mut written = 0;
        loop {
            let right = looking(|| async { self.violations(&account).await.0.is_empty().then_some(()) }).await;
            // As long as jobs write, they are on their way, however slow this machine is.
            let before = std::mem::replace(&mut written, jetstream::tail(self.servers.nats.url(), OUTPUTS).await);
            if right.is_some() || written == before {
                break;
            }
        }
        self.stop().await;
        self.judge(&format!("lag zero after {lag} ms")).await;
    }

    /// Waits until the raw events are in PostgreSQL up to the tail of the log; says how many milliseconds that took.
    pub async fn settles(&self) -> u128 {
        let (since, tail) = (Instant::now(), jetstream::tail(self.servers.nats.url(), EVENTS).await as i64);
        // Of the sinks that read all of the event log the slower one counts.
        let slowest = "SELECT coalesce(min(position), 0) FROM floodmark.sink_position WHERE sink IN ('raw', 'catalog')";
        let settled = looking(|| async { (self.number(slowest).await >= tail).then_some(()) }).await;
        assert!(settled.is_some(), "the sinks of events do not come to {tail}:\n{}", self.program().said());
        since.elapsed().as_millis()
    }

    /// Compares all there is; prints one line.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub async fn judge(&mut self, note: &str) {
        let account = self.ledger.account().await;
        let (violations, passed, windows) = self.violations(&account).await;
        println!(
            "{} seed {}: {} kills, {} events sent, {} acknowledged, {} requests repeated, {} of them stored before, {passed} frames passed over, \
             {windows} windows, {} MiB, {note}, {} violations",
            self.row,
            self.seed,
            self.faults,
            account.sent.len(),
            account.acknowledged.len(),
            account.repeated,
            account.duplicates,
            self.memory_peak_kib / 1024,
            violations.len()
        );
        oracle::none(&violations);
    }

    /// What is wrong, how many frames do not count, how many windows there are.
    async fn violations(&self, account: &Account) -> (Vec<String>, usize, usize) {
        let url = self.servers.nats.url();
        let frames = stored::frames_of(jetstream::entries(url, EVENTS).await, SOURCE);
        let (frames, passed) = books::counting(frames);
        let mut violations = books::raw(&frames, account);
        violations.extend(self.raw_events(&frames).await);
        let jobs = stored::jobs_of(jetstream::entries(url, OUTPUTS).await);
        for (job, chain) in &jobs {
            violations.extend(oracle::gaps_in(job, chain));
        }
        let written: Vec<&Written> = jobs.values().flatten().collect();
        let mut windows = 0;
        for (operator, rules) in OPERATORS {
            let expected = books::operator(operator, rules, &frames, &written);
            assert!(!expected.rollups.is_empty(), "there is something to compare");
            windows += expected.rollups.len();
            violations.extend(oracle::differences(&self.rollups(operator).await, &expected.rollups));
            violations.extend(expected.violations);
        }
        if self.memory_peak_kib > MEMORY_MAX_KIB {
            violations.push(format!("the program had {} MiB", self.memory_peak_kib / 1024));
        }
        (violations, passed, windows)
    }

    /// The raw events in PostgreSQL against the frames that count: each event exactly once.
    async fn raw_events(&self, frames: &[Frame]) -> Vec<String> {
        let expected: BTreeSet<Raw> = frames.iter().flat_map(expected).collect();
        let question = "SELECT e.position, e.event_index, e.id, (extract(epoch FROM e.time) * 1000000)::bigint, e.value, s.key \
                        FROM floodmark.event e LEFT JOIN floodmark.series s ON s.id = e.series_id WHERE e.source = 'in'";
        let rows: Vec<Raw> = self.ask(question).await.iter().map(found).collect();
        let mut found = BTreeSet::new();
        let twice: Vec<String> =
            rows.into_iter().filter_map(|row| found.replace(row)).map(|row| format!("twice in PostgreSQL: {row:?}")).collect();
        let missing = expected.difference(&found).map(|row| format!("not in PostgreSQL: {row:?}"));
        let other = found.difference(&expected).map(|row| format!("in PostgreSQL, but not in the log: {row:?}"));
        twice.into_iter().chain(missing).chain(other).collect()
    }

    async fn collection(&self) -> Collection<Document> {
        let client = mongodb::Client::with_uri_str(self.servers.rollups.uri()).await.expect("it is an address of MongoDB");
        client.database(self.servers.rollups.name()).collection("rollups")
    }

    /// How many windows are in MongoDB.
    pub async fn windows(&self) -> u64 {
        self.collection().await.count_documents(doc! {}).await.expect("MongoDB runs")
    }

    /// The documents of one operator in MongoDB.
    async fn rollups(&self, operator: &str) -> BTreeMap<Id, Rollup> {
        let collection = self.collection().await;
        let found = collection.find(doc! { "operator": operator, "source": SOURCE }).await.expect("MongoDB runs");
        let documents: Vec<Document> = found.try_collect().await.expect("MongoDB answers");
        let count = documents.len();
        let rollups: BTreeMap<Id, Rollup> = documents.iter().map(rollup).collect();
        assert_eq!(rollups.len(), count, "MongoDB has each window once");
        rollups
    }

    /// How far raw events have come in PostgreSQL.
    pub async fn raw_position(&self) -> i64 {
        self.number("SELECT coalesce(max(position), 0) FROM floodmark.sink_position WHERE sink = 'raw'").await
    }

    /// The one number that PostgreSQL answers.
    pub async fn number(&self, question: &str) -> i64 {
        self.ask(question).await[0].get(0)
    }

    /// What PostgreSQL answers.
    pub async fn ask(&self, question: &str) -> Vec<Row> {
        let (client, connection) = tokio_postgres::connect(self.servers.database.uri(), NoTls).await.expect("PostgreSQL runs");
        tokio::select! {
            rows = client.query(question, &[]) => rows.unwrap_or_else(|e| panic!("{question}: {e:?}")),
            ended = connection => panic!("PostgreSQL has ended the connection: {ended:?}"),
        }
    }
}

/// As docs/guides/mongodb.md describes it.
fn rollup(document: &Document) -> (Id, Rollup) {
    let text = |name: &str| document.get_str(name).expect("it is a text").to_owned();
    let whole = |name: &str| document.get_i64(name).expect("it is a long");
    let number = |name: &str| document.get_f64(name).expect("it is a double");
    let rollup = Rollup {
        revision: u32::try_from(whole("revision")).expect("revisions are few"),
        count: whole("count"),
        sum: number("sum"),
        mean: number("mean"),
        min: number("min"),
        max: number("max"),
        stddev: number("stddev"),
        first: number("first"),
        last: number("last"),
    };
    (Id { source: text("source"), series: text("series"), start_us: whole("window_start_us") }, rollup)
}

fn expected(frame: &Frame) -> impl Iterator<Item = Raw> {
    (0..).zip(&frame.events).map(|(index, event)| {
        let floodmark_schemas::Payload::Sample(sample) = &event.payload else { panic!("only samples were sent") };
        (frame.position as i64, index, event.id.clone(), event.time.micros(), sample.value.to_bits(), sample.series.key())
    })
}

fn found(row: &Row) -> Raw {
    let value: f64 = row.get(4);
    (row.get(0), row.get(1), row.get(2), row.get(3), value.to_bits(), row.get::<_, Option<String>>(5).unwrap_or_default())
}
