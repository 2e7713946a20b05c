//! The samples under `schemas/samples/v1`: whatever an older version wrote must still be read, as the same value.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use floodmark_schemas::commit::{Late, Output};
use floodmark_schemas::frame::{self, Compression, Decoder, Visitor};
use floodmark_schemas::{
    Acknowledgement, Aggregates, Alert, AlertState, Availability, Bucket, Check, Claim, Commit, DeadLetter, Encoding, Episode, Event,
    EventBatch, Evidence, FrameHeader, Head, Headers, Incident, JobEntry, Notification, NotificationReason, Phases, Presence, Ranked,
    Reason, Record, Rollup, Score, ScoreState, Series, Severity, Timestamp, Window,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/v1")
}

/// The bytes of a sample. When asked to, it is first written if it is missing; one that is there never changes.
fn read(name: &str, written_today: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = dir().join(name);
    if !path.exists() && std::env::var_os("FLOODMARK_WRITE_SAMPLES").is_some() {
        std::fs::write(&path, written_today()).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, expected: &T) {
    let bytes = read(name, || (serde_json::to_string_pretty(expected).unwrap() + "\n").into_bytes());
    let found: T = serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(&found, expected, "{name}");
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn temperature() -> Series {
    Series::new("temperature").unit("Cel").label("room", "cellar")
}

fn sample_event() -> Event {
    Event { subject: Some("cellar".to_owned()), ..Event::sample("house", "m1", at("2026-01-31T12:00:00.25Z"), temperature(), 7.1) }
}

fn check_event() -> Event {
    let check = Check {
        up: Some(false),
        reason: Some(Reason::Status),
        detail: Some("status 503 is not one of 2xx".to_owned()),
        status: Some(503),
        duration_us: Some(84_250),
        phases: Phases {
            resolve_us: Some(1_200),
            connect_us: Some(20_300),
            tls_us: Some(41_000),
            processing_us: Some(21_000),
            transfer_us: Some(750),
        },
        certificate_expires: Some(at("2026-04-30T23:59:59Z")),
        address: Some("192.0.2.7:443".to_owned()),
        attempt: 2,
        labels: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        ..Check::of("https://example.org")
    };
    Event::check("house", "https://example.org@1769860800000000#2", at("2026-01-31T12:00:00.5Z"), check)
}

fn record_event() -> Event {
    let fact = serde_json::json!({ "tag": "1.0.0", "assets": 3, "draft": false, "notes": ["ü", null] });
    let record = Record { name: "github.release".to_owned(), fact: fact.as_object().unwrap().clone() };
    Event::record("house", "release:17", at("2026-01-31T11:59:59Z"), record)
}

fn rollup() -> Rollup {
    Rollup {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        operator: "one_minute".to_owned(),
        version: "8a3f01c7".to_owned(),
        source: "house".to_owned(),
        series: temperature().into(),
        window: Window { start: at("2026-01-31T12:00:00Z"), end: at("2026-01-31T12:01:00Z") },
        revision: 1,
        aggregates: Aggregates {
            count: 3,
            sum: Some(21.599_999_999_999_998),
            mean: Some(7.199_999_999_999_999),
            min: Some(7.1),
            max: Some(7.3),
            stddev: Some(0.081_649_658_092_772_6),
            first: Some(7.1),
            last: Some(7.3),
            quantiles: BTreeMap::from([("0.5".to_owned(), 7.2), ("0.99".to_owned(), 7.3)]),
            ..Aggregates::default()
        },
    }
}

/// A rollup with the aggregates that came later.
fn rollup_more() -> Rollup {
    let ranked = |name: &str, amount, error| Ranked { name: name.to_owned(), amount, error };
    let bucket = |le, count| Bucket { le, count };
    Rollup {
        aggregates: Aggregates {
            count: 3,
            delta: Some(-0.2),
            increase: Some(7.1),
            rate: Some(0.118_333_333_333_333_33),
            distinct: Some(2),
            availability: Some(Availability { up: 0.75, observed: 1.0 }),
            top: vec![ranked("cellar", 2.0, 0.0), ranked("", 1.0, 0.5)],
            histogram: vec![bucket(-0.5, 0), bucket(7.2, 2)],
            ..Aggregates::default()
        },
        ..rollup()
    }
}

fn late() -> Late {
    Late {
        operator: "one_minute".to_owned(),
        source: "house".to_owned(),
        series: Series::new("load1").into(),
        time: at("2026-01-31T09:00:00Z"),
        value: -0.5,
        position: 4_711,
        index: 12,
    }
}

fn score() -> Score {
    let opened = at("2026-01-31T11:58:00Z");
    Score {
        id: "00112233445566778899aabbccddeeff".to_owned(),
        operator: "unusual".to_owned(),
        version: "0badcafe".to_owned(),
        source: "house".to_owned(),
        series: Series::new("load1").into(),
        time: at("2026-01-31T12:00:00Z"),
        window: Some(Window { start: at("2026-01-31T11:59:00Z"), end: at("2026-01-31T12:00:00Z") }),
        revision: 1,
        value: 7.5,
        score: 2.25,
        novelty: 2.25,
        jump: 0.5,
        staleness: 0.0,
        head: Head::Novelty,
        baseline: Some(1.5),
        lower: Some(0.25),
        upper: Some(3.0),
        state: ScoreState::Anomalous,
        episode: Some(Episode { id: "ffeeddccbbaa99887766554433221100".to_owned(), opened, peak: 3.5, closed: false }),
    }
}

fn alert() -> Alert {
    let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let window = Window { start: at("2026-01-31T11:59:00Z"), end: at("2026-01-31T12:00:00Z") };
    Alert {
        id: "0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned(),
        step: 1,
        rule: "too_warm".to_owned(),
        version: "0badcafe".to_owned(),
        source: "house".to_owned(),
        series: temperature(),
        state: AlertState::Firing,
        before: AlertState::Pending,
        severity: Severity::Critical,
        time: at("2026-01-31T12:00:00Z"),
        began: at("2026-01-31T11:58:00Z"),
        fired: Some(at("2026-01-31T12:00:00Z")),
        noticed: at("2026-01-31T12:00:02.5Z"),
        value: Some(31.25),
        threshold: Some(30.0),
        evidence: Some(Evidence::Rollup { id: "0123456789abcdef0123456789abcdef".to_owned(), window }),
        flapping: true,
        labels: BTreeMap::from([text("room", "cellar"), text("team", "house")]),
        annotations: BTreeMap::from([text("summary", "The cellar has 31.25 °C")]),
    }
}

fn incident() -> Incident {
    let note = "I open the window".to_owned();
    Incident {
        id: "11112222333344445555666677778888".to_owned(),
        group: BTreeMap::from([("room".to_owned(), "cellar".to_owned())]),
        title: "The cellar has 31.25 °C".to_owned(),
        severity: Severity::Critical,
        opened: at("2026-01-31T12:00:00Z"),
        resolved: Some(at("2026-01-31T12:30:00Z")),
        acknowledged: Some(Acknowledgement { owner: "ada".to_owned(), note, time: at("2026-01-31T12:05:00Z"), useful: Some(true) }),
    }
}

fn notification() -> Notification {
    Notification {
        id: "8888777766665555444433332222aaaa".to_owned(),
        receiver: "team_mail".to_owned(),
        reason: NotificationReason::Acknowledged,
        time: at("2026-01-31T12:05:01Z"),
        number: 2,
        incident: Incident { resolved: None, ..incident() },
        alerts: vec![alert()],
        left_out: 3,
        severity_before: BTreeMap::new(),
    }
}

fn commit() -> JobEntry {
    JobEntry::Commit(Commit {
        n: 18,
        in_position: 4_711,
        in_fingerprint: "00f1e2d3c4b5a697".to_owned(),
        watermark: Some(at("2026-01-31T12:01:02Z")),
        watermarks: BTreeMap::new(),
        presence: BTreeMap::new(),
        more: false,
        late: 1,
        digest: "fedcba9876543210fedcba9876543210".to_owned(),
        outputs: vec![Output::Rollup(rollup()), Output::Late(late())],
    })
}

/// With all that a commit may say of sources.
fn commit_of_sources() -> JobEntry {
    let JobEntry::Commit(commit) = commit() else { panic!("it is a commit") };
    let of = |source: &str| source.to_owned();
    let watermarks = [(of("file"), Timestamp::MAX), (of("house"), at("2026-01-31T12:01:02Z")), (of("push"), at("2026-01-31T09:00:00Z"))];
    let presence = [(of("file"), Presence::Ended(7)), (of("probe"), Presence::New), (of("push"), Presence::Idle)];
    JobEntry::Commit(Commit { watermarks: watermarks.into(), presence: presence.into(), more: true, outputs: Vec::new(), ..commit })
}

fn dead_letter() -> DeadLetter {
    let reason = "\"temp\" is \"warm\", which is not a number";
    DeadLetter::new("history", "temps.csv:17", "temps.csv:17", reason, at("2026-01-31T12:00:03Z"), "2026/01/31 11:00,warm".as_bytes())
}

fn header(encoding: Encoding) -> FrameHeader {
    FrameHeader {
        source: "house".to_owned(),
        shard: None,
        epoch: 3,
        number: 42,
        count: 3,
        times: Some((at("2026-01-31T11:59:59Z"), at("2026-01-31T12:00:00.5Z"))),
        watermark: Some(at("2026-01-31T11:59:55.5Z")),
        disorder_us: 5_000_000,
        cursor: Some("{\"page\":7}".to_owned()),
        watermarks: Vec::new(),
        encoding,
    }
}

/// What a job sees of a frame.
#[derive(Default)]
struct Columns {
    keys: Vec<String>,
    samples: Vec<(u32, i64, String, f64)>,
    events: Vec<(u32, Event)>,
}

impl Visitor for Columns {
    fn series(&mut self, key: &str) -> u32 {
        self.keys.push(key.to_owned());
        self.keys.len() as u32 - 1
    }

    fn sample(&mut self, index: u32, time: i64, series: u32, value: f64) {
        self.samples.push((index, time, self.keys[series as usize].clone(), value));
    }

    fn event(&mut self, index: u32, event: Event) {
        self.events.push((index, event));
    }
}

fn check_headers(name: &str, expected: &FrameHeader) -> FrameHeader {
    let bytes = read(&format!("{name}.headers"), || expected.to_headers().to_text().into_bytes());
    let headers = Headers::from_text(std::str::from_utf8(&bytes).unwrap()).unwrap();
    FrameHeader::from_headers(&headers).unwrap()
}

fn check_frame(name: &str, encoding: Encoding) {
    // Of a sample within a frame the subject is not kept.
    let events = [Event { subject: None, ..sample_event() }, check_event(), record_event()];
    let found = check_headers(name, &header(encoding));
    let batch: EventBatch = events.iter().cloned().collect();
    let body = Bytes::from(read(&format!("{name}.body"), || frame::encode(&batch, encoding, "house", "house.0.3.42").to_vec()));
    // How an Arrow body is compressed stands in the body.
    let said = if encoding == Encoding::Json { Encoding::Json } else { Encoding::Arrow(Compression::None) };
    assert_eq!(found, header(said), "{name}");
    assert_eq!(frame::decode(found.encoding, &body, "house", "house.0.3.42").unwrap(), events, "{name}");
    let mut columns = Columns::default();
    Decoder::default().visit(found.encoding, &body, &mut columns).unwrap();
    assert_eq!(columns.samples, [(0, sample_event().time.micros(), temperature().key(), 7.1)], "{name}");
    assert_eq!(columns.events, [(1, check_event()), (2, record_event())], "{name}");
}

#[test]
fn each_kind_of_event_is_read() {
    check("event.sample.json", &sample_event());
    check("event.check.json", &check_event());
    check("event.record.json", &record_event());
}

#[test]
fn frames_of_both_encodings_are_read() {
    check_frame("frame.json", Encoding::Json);
    check_frame("frame.arrow", Encoding::Arrow(Compression::Zstd));
}

#[test]
fn a_tick_is_read() {
    let tick = FrameHeader {
        source: "floodmark-ticker".to_owned(),
        epoch: 1,
        number: 7,
        watermarks: vec![("house".to_owned(), at("2026-01-31T11:59:55Z")), ("machine".to_owned(), at("2026-01-31T12:00:00Z"))],
        ..FrameHeader::default()
    };
    assert_eq!(check_headers("frame.tick", &tick), tick);
}

#[test]
fn what_a_job_writes_is_read() {
    check("claim.json", &JobEntry::Claim(Claim { epoch: 4, n: 18, commit: 1_234 }));
    check("commit.json", &commit());
    check("commit.sources.json", &commit_of_sources());
    check("rollup.json", &Output::Rollup(rollup()));
    check("rollup.more.json", &Output::Rollup(rollup_more()));
    check("score.json", &Output::Score(score()));
}

#[test]
fn what_people_are_told_is_read() {
    check("alert.json", &alert());
    check("incident.json", &incident());
    check("notification.json", &notification());
}

#[test]
fn a_dead_letter_is_read() {
    check("dead_letter.json", &dead_letter());
}

#[test]
fn every_file_is_one_of_these() {
    let known = [
        ".gitattributes",
        "README.md",
        "alert.json",
        "claim.json",
        "commit.json",
        "commit.sources.json",
        "dead_letter.json",
        "event.check.json",
        "event.record.json",
        "event.sample.json",
        "frame.arrow.body",
        "frame.arrow.headers",
        "frame.json.body",
        "frame.json.headers",
        "frame.tick.headers",
        "incident.json",
        "notification.json",
        "rollup.json",
        "rollup.more.json",
        "score.json",
    ];
    let found: BTreeSet<String> = std::fs::read_dir(dir()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, known.map(str::to_owned).into());
}
