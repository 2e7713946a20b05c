//! The reckoning when all faults are over: the log, PostgreSQL and the rollups, read with their own clients, against the
//! oracle.

use std::collections::BTreeSet;

use floodmark_tests::oracle::{self, books};
use floodmark_tests::support::ledger::Account;
use floodmark_tests::support::stored::{self, Frame, Written};
use floodmark_tests::support::{eventually::looking, jetstream};
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
        self.stop().await;
        self.judge(&format!("lag zero after {lag} ms")).await;
    }

    /// Waits until the raw events are in PostgreSQL up to the tail of the log; says how many milliseconds that took.
    pub async fn settles(&self) -> u128 {
        let (since, tail) = (Instant::now(), jetstream::tail(self.servers.nats.url(), EVENTS).await as i64);
        let raw = looking(|| async { (self.raw_position().await >= tail).then_some(()) }).await;
        let raw = raw.ok_or_else(|| format!("raw events do not come to {tail}:\n{}", self.program().said()));
        raw.unwrap_or_else(|text| panic!("{text}"));
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
            violations.extend(oracle::differences(&stored::rollups(&self.installation.data("store.db"), operator), &expected.rollups));
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

    async fn raw_position(&self) -> i64 {
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
