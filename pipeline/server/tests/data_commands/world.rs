//! A data directory to read, and the program that reads it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use floodmark::data_dir::DataDir;
use floodmark_connectors::logs::embedded::{Log, Options};
use floodmark_connectors::stores::embedded::{Catalog, DeadLetters, Rollups, Scores, Store};
use floodmark_core::conformance::store::{commit_entry, dead_letter_entry, frame_entry};
use floodmark_core::ports::{Clock, Entry, Expect, Log as _, NewEntry, Position, Sink};
use floodmark_schemas::commit::Output as JobOutput;
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{
    Aggregates, Check, DeadLetter, Encoding, Episode, Event, FrameHeader, Head, Reason, Record, Rollup, Score, ScoreState, Series,
    Timestamp, Window, subject,
};

/// 2026-01-31T12:00:00Z.
pub const NOON: i64 = 1_769_860_800;

/// Log time stands still.
struct AtNoon;

impl Clock for AtNoon {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(NOON)
    }
}

/// A data directory. Its log stays open for writing, as `floodmark run` keeps it.
pub struct World {
    pub directory: tempfile::TempDir,
    pub log: Log,
    pub outputs: Log,
    runtime: tokio::runtime::Runtime,
}

/// A time after noon.
pub fn after_noon(secs: i64) -> Timestamp {
    Timestamp::from_secs(NOON + secs)
}

impl World {
    /// With an empty log and an empty store.
    pub fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDir::new(directory.path().join("data"));
        let open = |path: &Path| Log::open(path, Options::default(), Arc::new(AtNoon)).unwrap();
        let (log, outputs) = (open(&data.events()), open(&data.outputs()));
        Store::open(data.store()).unwrap();
        Self { directory, log, outputs, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap() }
    }

    /// With events of three sources, two windows, and two dead letters.
    pub fn filled() -> Self {
        let world = Self::empty();
        for (source, encoding, events) in [
            ("machine", Encoding::Arrow(Compression::Zstd), samples()),
            ("website", Encoding::Json, checks()),
            ("releases", Encoding::Json, vec![release()]),
        ] {
            world.frame(source, encoding, events);
        }
        world.tick();
        world.fill_store();
        world
    }

    pub fn data(&self) -> DataDir {
        DataDir::new(self.directory.path().join("data"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Appends a frame.
    pub fn frame(&self, source: &str, encoding: Encoding, events: Vec<Event>) {
        self.append(frame_entry(1, source, encoding, events));
    }

    /// Appends what the ticker appends.
    pub fn tick(&self) {
        let header = FrameHeader { source: subject::TICKER.into(), epoch: 1, number: 1, ..FrameHeader::default() };
        let entry = frame_entry(1, subject::TICKER, Encoding::Json, Vec::new());
        self.append(Entry { headers: header.to_headers(), body: Vec::new().into(), ..entry });
    }

    pub fn append(&self, entry: Entry) {
        self.append_to(&self.log, entry);
    }

    /// Appends to the output log.
    pub fn output(&self, entry: Entry) {
        self.append_to(&self.outputs, entry);
    }

    fn append_to(&self, log: &Log, entry: Entry) {
        let Entry { subject, headers, body, .. } = entry;
        let new = NewEntry { subject, id: None, headers, body };
        self.runtime.block_on(log.append(vec![new], Expect::Anything)).unwrap();
    }

    fn fill_store(&self) {
        let store = Store::open(self.data().store()).unwrap();
        let commit = commit_entry(1, "minutes", vec![JobOutput::Rollup(rollup(0, None)), JobOutput::Rollup(rollup(60, Some(0.25)))]);
        let letters: Vec<Entry> = dead_letters().iter().zip(1..).map(|(letter, position)| dead_letter_entry(position, letter)).collect();
        let frames = [
            frame_entry(1, "machine", Encoding::Json, samples()),
            frame_entry(2, "outside", Encoding::Json, vec![temperature("x", 3, -1.5)]),
        ];
        self.runtime.block_on(async {
            Rollups::new(store.clone(), "rollups").write(&[commit], Position(0), Position(1)).await.unwrap();
            let scores = vec![JobOutput::Score(score(0, 0.25)), JobOutput::Score(score(60, 2.5))];
            let commit = commit_entry(1, "unusual", scores);
            Scores::new(store.clone(), "scores").write(&[commit], Position(0), Position(1)).await.unwrap();
            DeadLetters::new(store.clone(), "dead").write(&letters, Position(0), Position(2)).await.unwrap();
            Catalog::new(store.clone(), "catalog").write(&frames, Position(0), Position(2)).await.unwrap();
        });
    }

    /// A command on this data directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program(self.directory.path(), args);
        command.arg("--data-dir").arg("data");
        command
    }

    /// Runs a command on this data directory: its exit code, stdout and stderr.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        parts(&self.command(args).output().unwrap())
    }

    /// What a command that goes well and says nothing on stderr prints.
    pub fn stdout(&self, args: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(args);
        assert_eq!((code, stderr.as_str()), (0, ""), "{args:?}");
        stdout
    }
}

/// The program in a directory.
pub fn program(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floodmark"));
    command.args(args).current_dir(directory).env_remove("FLOODMARK_CONFIG").env_remove("FLOODMARK_LOG").env("NO_COLOR", "1");
    command
}

pub fn parts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

pub fn temperature(id: &str, secs: i64, value: f64) -> Event {
    Event::sample("machine", id, after_noon(secs), Series::new("temperature").unit("Cel").label("room", "a, \"b\""), value)
}

pub fn samples() -> Vec<Event> {
    let load = Event::sample("machine", "l1", after_noon(1).plus_micros(250_000), Series::new("load"), 12.0);
    vec![temperature("t1", 0, 21.123_456_789), load, temperature("t2", 60, 0.1 + 0.2)]
}

pub fn checks() -> Vec<Event> {
    let up = Check { up: Some(true), status: Some(200), duration_us: Some(12_345), ..Check::of("https://a") };
    let labels = [("region".to_owned(), "eu".to_owned())].into();
    let down =
        Check { up: Some(false), reason: Some(Reason::TlsExpired), detail: Some("ended in May".into()), labels, ..Check::of("https://b") };
    vec![Event::check("website", "c1", after_noon(2), up), Event::check("website", "c2", after_noon(3), down)]
}

pub fn release() -> Event {
    let fact = [("tag".to_owned(), "v1.0".into())].into_iter().collect();
    Event::record("releases", "r1", after_noon(4), Record { name: "github.release".into(), fact })
}

/// A window of a minute that starts so long after noon.
pub fn rollup(secs: i64, median: Option<f64>) -> Rollup {
    let quantiles = median.map(|median| ("0.5".to_owned(), median)).into_iter().collect();
    let aggregates =
        Aggregates { count: 60, sum: Some(0.1 + 0.2), mean: Some(1_234_567.891), max: Some(99.0), quantiles, ..Aggregates::default() };
    Rollup {
        id: format!("{secs:032x}"),
        operator: "minutes".into(),
        version: "00000001".into(),
        source: "machine".into(),
        series: Series::new("temperature").unit("Cel").label("room", "a").into(),
        window: Window { start: after_noon(secs), end: after_noon(secs + 60) },
        revision: 0,
        aggregates,
    }
}

/// A score of a value so long after noon; from 1 on it opens an episode.
pub fn score(secs: i64, score: f64) -> Score {
    let (id, time, unusual) = (format!("{secs:032x}"), after_noon(secs), score >= 1.0);
    Score {
        id: id.clone(),
        operator: "unusual".into(),
        version: "00000001".into(),
        source: "machine".into(),
        series: Series::new("temperature").unit("Cel").label("room", "a").into(),
        time,
        window: None,
        revision: 0,
        value: if unusual { 99.5 } else { 21.5 },
        score,
        novelty: 0.25,
        jump: if unusual { score } else { 0.0 },
        staleness: 0.0,
        head: if unusual { Head::Jump } else { Head::Novelty },
        baseline: None,
        lower: unusual.then_some(20.0),
        upper: unusual.then_some(23.0),
        state: if unusual { ScoreState::Anomalous } else { ScoreState::Normal },
        episode: unusual.then_some(Episode { id, opened: time, peak: score, closed: false }),
    }
}

pub fn dead_letters() -> [DeadLetter; 2] {
    [
        DeadLetter::new("history", "t.csv:17", "t.csv:17", "no number:\n\"x\"", after_noon(5), b"2026,x\n"),
        DeadLetter::new("webhook", "b1", "127.0.0.1", "not JSON", after_noon(6), b"{"),
    ]
}
