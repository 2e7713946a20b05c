use std::time::Duration;

use bytes::Bytes;
use floodmark_core::Kind;
use floodmark_core::conformance::log::{Capabilities, Fixture, Settings};
use floodmark_core::ports::Limit;
use floodmark_schemas::Headers;
use tempfile::TempDir;

use super::*;
use crate::logs::testing::ManualClock;

struct OnDisk {
    directory: TempDir,
    options: Options,
    clock: Arc<ManualClock>,
}

impl OnDisk {
    fn new(options: Options) -> Self {
        Self { directory: TempDir::new().unwrap(), options, clock: Arc::default() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("deep/log.db")
    }

    fn log(&self) -> Log {
        Log::open(&self.path(), self.options, self.clock.clone()).unwrap()
    }

    fn log_with(&self, prepare: impl FnOnce(&Connection)) -> Log {
        Log::start(&self.path(), self.options, self.clock.clone(), prepare).unwrap()
    }

    fn error(&self) -> Error {
        Log::open(&self.path(), self.options, self.clock.clone()).err().expect("it must not open")
    }
}

#[async_trait]
impl Fixture for OnDisk {
    fn capabilities(&self) -> Capabilities {
        Capabilities { atomic_append: true, exact_time: true, entry_bytes_max: self.options.entry_bytes_max }
    }

    async fn open(&self) -> Arc<dyn LogPort> {
        Arc::new(self.log())
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

async fn make(settings: Settings) -> OnDisk {
    let Settings { retention, duplicate_window } = settings;
    OnDisk::new(Options { retention, duplicate_window, ..Options::default() })
}

mod with_the_newest_in_memory {
    use super::make;
    floodmark_core::log_conformance_tests!(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        make
    );
}

mod with_nothing_in_memory {
    use super::*;

    async fn make_without(settings: Settings) -> OnDisk {
        let mut fixture = make(settings).await;
        fixture.options.newest_bytes_max = 0;
        fixture
    }
    floodmark_core::log_conformance_tests!(
        #[tokio::test]
        make_without
    );
}

fn entry(subject: &str, body: &'static str) -> NewEntry {
    NewEntry { subject: subject.into(), id: None, headers: Headers::default(), body: Bytes::from_static(body.as_bytes()) }
}

async fn append(log: &Log, entry: NewEntry) -> Position {
    log.append(vec![entry], Expect::Anything).await.unwrap()[0].position
}

#[tokio::test]
async fn a_second_writer_is_refused_with_the_path_and_the_remedy() {
    let disk = OnDisk::new(Options::default());
    let log = disk.log();
    let error = disk.error();
    assert_eq!(error.kind(), Kind::Conflict);
    let expected = format!("opening the log {}: another floodmark is using it; stop that one first", disk.path().display());
    assert_eq!(error.to_string(), expected);
    drop(log);
    disk.log();
}

#[tokio::test]
async fn another_process_reads_along_without_the_lock() {
    let disk = OnDisk::new(Options::default());
    let log = disk.log();
    append(&log, entry("a.x", "1")).await;
    let other = Log::open_read_only(&disk.path()).unwrap();
    let mut reader = other.reader(vec!["a.*".into()], Position::START).await.unwrap();
    assert_eq!(reader.next(Limit::default()).await.unwrap()[0].body, "1");
    let (entries, _) = tokio::join!(reader.next(Limit::default()), append(&log, entry("a.y", "2")));
    assert_eq!(entries.unwrap()[0].body, "2");
    let error = other.append(vec![entry("a.x", "no")], Expect::Anything).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Broken);
    assert_eq!(other.continuity().await.unwrap(), log.continuity().await.unwrap());
}

#[tokio::test]
async fn a_log_that_nobody_writes_can_be_read() {
    let disk = OnDisk::new(Options::default());
    append(&disk.log(), entry("a.x", "1")).await;
    let log = Log::open_read_only(&disk.path()).unwrap();
    assert_eq!(log.get(Position(1)).await.unwrap().unwrap().body, "1");
    let missing = Log::open_read_only(&disk.directory.path().join("none.db")).err().unwrap();
    assert_eq!(missing.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn what_is_not_a_log_is_refused() {
    let disk = OnDisk::new(Options::default());
    drop(disk.log());
    let raw = || Connection::open(disk.path()).unwrap();

    raw().pragma_update(None, "user_version", 7).unwrap();
    let error = disk.error();
    assert_eq!(error.kind(), Kind::Broken);
    assert!(error.to_string().ends_with("it has version 7 and this floodmark knows 1; use the floodmark that wrote it"), "{error}");

    raw().pragma_update(None, "application_id", 1).unwrap();
    assert!(disk.error().to_string().ends_with("this SQLite file is not a log of floodmark"));

    std::fs::write(disk.path(), "certainly not a database, but long enough to be one".repeat(100)).unwrap();
    let error = disk.error();
    assert_eq!(error.kind(), Kind::Broken);
    assert!(error.chain().ends_with("file is not a database"), "{}", error.chain());
}

#[tokio::test]
async fn log_time_does_not_follow_a_clock_that_is_set_back() {
    let disk = OnDisk::new(Options::default());
    let log = disk.log();
    append(&log, entry("a.x", "1")).await;
    disk.clock.set_back(Duration::from_secs(60));
    append(&log, entry("a.x", "2")).await;
    drop(log);
    let log = disk.log();
    append(&log, entry("a.x", "3")).await;
    let mut times = Vec::new();
    for n in 1..=3 {
        times.push(log.get(Position(n)).await.unwrap().unwrap().time);
    }
    assert_eq!(times, [times[0]; 3]);
}

#[tokio::test]
async fn a_reader_ends_with_an_error_when_the_log_is_closed() {
    let disk = OnDisk::new(Options::default());
    let log = disk.log();
    let mut reader = log.reader(vec![">".into()], Position::START).await.unwrap();
    drop(log);
    assert_eq!(reader.next(Limit::default()).await.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn frames_are_found_by_source_and_time() {
    let disk = OnDisk::new(Options::default());
    let log = disk.log();
    for (source, min, max) in [("host", 10, 19), ("web", 10, 19), ("host", 20, 29), ("host", 5, 40)] {
        let mut frame = entry("floodmark.events.0.x", "");
        frame.headers.set("Floodmark-Source", source);
        frame.headers.set("Floodmark-Count", 10);
        frame.headers.set("Floodmark-Time-Min", min);
        frame.headers.set("Floodmark-Time-Max", max);
        append(&log, frame).await;
    }
    append(&log, entry("floodmark.outputs.w.0", "")).await;
    let at = |micros| Some(Timestamp::from_micros(micros));
    for (source, from, to, after, limit, expected) in [
        (Some("host"), None, None, 0, 10, vec![1, 3, 4]),
        (Some("host"), at(19), at(20), 0, 10, vec![1, 4]),
        (Some("host"), at(20), at(21), 0, 10, vec![3, 4]),
        (Some("host"), at(41), None, 0, 10, vec![]),
        (Some("host"), None, at(10), 0, 10, vec![4]),
        (None, at(15), at(16), 0, 10, vec![1, 2, 4]),
        (None, None, None, 1, 2, vec![2, 3]),
    ] {
        let found = log.frames_overlapping(source, from, to, Position(after), limit).await.unwrap();
        assert_eq!(found.iter().map(|p| p.0).collect::<Vec<_>>(), expected, "{source:?} {from:?} {to:?} {after}");
    }
    let raw = Connection::open(disk.path()).unwrap();
    let row: (String, i64, String) =
        raw.query_row("SELECT source, events, time_max FROM log WHERE seq = 1", [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
    assert_eq!(row, ("host".into(), 10, "1970-01-01T00:00:00.000Z".into()));
}

#[tokio::test]
async fn space_of_deleted_entries_is_used_again() {
    let mut options = Options::default();
    options.retention.bytes_max = 4 << 20;
    let disk = OnDisk::new(options);
    let log = disk.log();
    let large = || NewEntry { body: Bytes::from(vec![7; 256 * 1024]), ..entry("a.x", "") };
    for _ in 0..100 {
        append(&log, large()).await;
        log.retain(Position(u64::MAX)).await.unwrap();
    }
    drop(log);
    let bytes = std::fs::metadata(disk.path()).unwrap().len();
    assert!(bytes < 5 << 20, "the file has {bytes} bytes after 25 MiB went through it");
}

#[tokio::test]
async fn a_full_disk_refuses_without_harm_until_there_is_space() {
    let mut options = Options::default();
    options.retention.bytes_max = 1 << 20;
    let disk = OnDisk::new(options);
    let pages_max = (4 << 20) / 16_384;
    let log = disk.log_with(|connection| connection.pragma_update(None, "max_page_count", pages_max).unwrap());
    let large = || NewEntry { body: Bytes::from(vec![7; 256 * 1024]), ..entry("a.x", "") };
    let mut stored = 0;
    let error = loop {
        match log.append(vec![large()], Expect::Anything).await {
            Ok(_) => stored += 1,
            Err(e) => break e,
        }
    };
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.chain().ends_with("database or disk is full"), "{}", error.chain());
    assert_eq!(log.continuity().await.unwrap().tail, Position(stored));

    assert!(log.retain(Position(u64::MAX)).await.unwrap() > 0);
    assert_eq!(append(&log, large()).await, Position(stored + 1));
    let mut reader = log.reader(vec![">".into()], Position(stored - 1)).await.unwrap();
    let entries = reader.next(Limit::default()).await.unwrap();
    assert_eq!(entries.iter().map(|e| e.position.0).collect::<Vec<_>>(), [stored, stored + 1]);
}

#[tokio::test]
async fn ids_from_before_the_window_leave_the_table() {
    let disk = OnDisk::new(Options { duplicate_window: Duration::from_secs(10), ..Options::default() });
    let log = disk.log();
    for n in 0..100 {
        append(&log, NewEntry { id: Some(n.to_string()), ..entry("a.x", "") }).await;
        disk.clock.advance(Duration::from_secs(1));
    }
    let raw = Connection::open(disk.path()).unwrap();
    let held: i64 = raw.query_row("SELECT count(*) FROM recent", [], |row| row.get(0)).unwrap();
    assert_eq!(held, 11);
}
