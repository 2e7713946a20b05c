//! Questions about raw events against a plain list.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use floodmark_core::Kind;
use floodmark_core::conformance::store::{entry, frame_entry};
use floodmark_core::ports::Reader;
use floodmark_core::ports::log::{Appended, Continuity, Expect, Limit, NewEntry};
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{Check, Encoding, Record, Series, Timestamp};
use proptest::prelude::*;

use super::*;

/// A log of entries in memory that waits at its tail for ever.
#[derive(Default)]
struct InMemory {
    entries: Vec<Entry>,
    /// How many entries readers have given.
    read: Arc<Mutex<usize>>,
}

struct InMemoryReader {
    rest: std::vec::IntoIter<Entry>,
    read: Arc<Mutex<usize>>,
}

#[async_trait]
impl Log for InMemory {
    async fn append(&self, _: Vec<NewEntry>, _: Expect) -> Result<Vec<Appended>> {
        Err(Error::broken("this log is for reading"))
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn Reader>> {
        let wanted = |entry: &&Entry| entry.position > after && patterns.iter().any(|p| subject::matches(p, &entry.subject));
        let rest: Vec<Entry> = self.entries.iter().filter(wanted).cloned().collect();
        Ok(Box::new(InMemoryReader { rest: rest.into_iter(), read: self.read.clone() }))
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        Ok(self.entries.iter().rfind(|entry| entry.subject == subject).cloned())
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        Ok(self.entries.iter().find(|entry| entry.position == position).cloned())
    }

    async fn continuity(&self) -> Result<Continuity> {
        let first = self.entries.first().map_or(Position(1), |entry| entry.position);
        // As if two more had been appended and purged.
        let tail = Position(self.entries.last().map_or(0, |entry| entry.position.0) + 2);
        Ok(Continuity { created: Timestamp::from_secs(0), first, tail })
    }

    async fn purge(&self, _: &str, _: Position) -> Result<u64> {
        Ok(0)
    }

    async fn retain(&self, _: Position) -> Result<u64> {
        Ok(0)
    }
}

#[async_trait]
impl Reader for InMemoryReader {
    async fn next(&mut self, limit: Limit) -> Result<Vec<Entry>> {
        let entries: Vec<Entry> = self.rest.by_ref().take(limit.entries.min(7)).collect();
        if entries.is_empty() {
            std::future::pending::<()>().await;
        }
        *self.read.lock().unwrap() += entries.len();
        Ok(entries)
    }
}

fn secs(n: i64) -> Timestamp {
    Timestamp::from_secs(n)
}

fn an_event(source: &str, n: u8, time: i64) -> Event {
    match n % 5 {
        0 => Event::check(source, "c", secs(time), Check::of("https://a")),
        1 => Event::record(source, "r", secs(time), Record { name: "release".into(), fact: Default::default() }),
        n => Event::sample(
            source,
            format!("{n}"),
            secs(time),
            Series::new(["load", "temp"][n as usize % 2]).label("core", n.to_string()),
            1.5,
        ),
    }
}

/// Frames of two sources in two encodings, with entries of other subjects and one that cannot be read between them.
fn log_of(frames: Vec<Vec<(u8, i64)>>) -> InMemory {
    let mut entries = Vec::new();
    for (n, events) in (1u64..).zip(frames) {
        let source = ["host", "web"][n as usize % 2];
        let encoding = [Encoding::Json, Encoding::Arrow(Compression::Lz4), Encoding::Json][n as usize % 3];
        let events = events.into_iter().map(|(kind, time)| an_event(source, kind, time)).collect();
        entries.push(match n % 8 {
            6 => entry(n, "floodmark.outputs.w.0", "{}"),
            7 => Entry { body: "nonsense".into(), ..frame_entry(n, source, encoding, events) },
            _ => frame_entry(n, source, encoding, events),
        });
    }
    InMemory { entries, ..InMemory::default() }
}

fn oracle(log: &InMemory, filter: &EventFilter) -> Vec<StoredEvent> {
    let mut all = Vec::new();
    for entry in &log.entries {
        let Ok(header) = FrameHeader::from_headers(&entry.headers) else { continue };
        let events = frame::decode(header.encoding, &entry.body, &header.source, "").unwrap_or_default();
        for (index, event) in (0..).zip(events) {
            let labels = match &event.payload {
                Payload::Sample(sample) => sample.series.labels.clone(),
                Payload::Check(check) => BTreeMap::from([("target".to_owned(), check.target.clone())]),
                Payload::Record(_) => BTreeMap::new(),
            };
            let metric = if let Payload::Sample(sample) = &event.payload { sample.series.metric.as_str() } else { "" };
            let wanted = filter.source.as_deref().is_none_or(|s| s == header.source)
                && filter.metric.as_deref().is_none_or(|m| m == metric)
                && filter.kind.as_deref().is_none_or(|k| k == event.payload.type_name())
                && filter.labels.iter().all(|(k, v)| labels.get(k) == Some(v))
                && filter.from.is_none_or(|t| event.time >= t)
                && filter.to.is_none_or(|t| event.time < t);
            if wanted {
                all.push(StoredEvent { position: entry.position.0, index, log_time: entry.time, event });
            }
        }
    }
    all
}

fn filters() -> Vec<EventFilter> {
    let text = |text: &str| Some(text.to_owned());
    let labels = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let all = EventFilter::default();
    vec![
        all.clone(),
        EventFilter { source: text("web"), ..all.clone() },
        EventFilter { source: text("none"), ..all.clone() },
        EventFilter { source: text(">"), ..all.clone() },
        EventFilter { metric: text("load"), ..all.clone() },
        EventFilter { kind: text("floodmark.record.v1"), ..all.clone() },
        EventFilter { labels: labels("target", "https://a"), ..all.clone() },
        EventFilter { labels: labels("core", "3"), source: text("host"), ..all.clone() },
        EventFilter { from: Some(secs(20)), to: Some(secs(60)), ..all.clone() },
        EventFilter { to: Some(secs(5)), metric: text("temp"), ..all },
    ]
}

async fn all_pages(frames: &Frames, filter: &EventFilter, limit: usize) -> Vec<StoredEvent> {
    let mut items = Vec::new();
    let mut token = None;
    loop {
        let page = frames.events(filter, token.as_deref(), limit).await.unwrap();
        assert!(page.items.len() == limit || page.next.is_none());
        items.extend(page.items);
        token = page.next;
        if token.is_none() {
            return items;
        }
    }
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn pages_equal_the_oracle(frames in prop::collection::vec(prop::collection::vec((any::<u8>(), 0i64..80), 0..6), 0..60), limit in 1usize..40) {
        let log = Arc::new(log_of(frames));
        for filter in filters() {
            let mut expected = oracle(&log, &filter);
            // Ids that a source did not give are derived from the frame, which the oracle does not know.
            let mut found = paused().block_on(all_pages(&Frames::new(log.clone()), &filter, limit));
            expected.iter_mut().chain(&mut found).for_each(|stored| stored.event.id.clear());
            prop_assert!(found == expected, "{:?}: {:?} instead of {:?}", filter, found, expected);
        }
    }
}

#[tokio::test]
async fn a_page_of_another_question_is_rejected() {
    let frames = Frames::new(Arc::new(log_of(vec![vec![(2, 1), (3, 2), (4, 3)]])));
    let all = EventFilter::default();
    let token = frames.events(&all, None, 2).await.unwrap().next.unwrap();
    assert!(token.ends_with(":1.1"), "{token}");
    assert_eq!(frames.events(&all, Some(&token), 2).await.unwrap().items.len(), 1);
    let other = EventFilter { metric: Some("load".into()), ..EventFilter::default() };
    assert_eq!(frames.events(&other, Some(&token), 2).await.unwrap_err().kind(), Kind::Rejected);
    for bad in ["", "1.1", "e1:0:1.1", &token[..token.len() - 2]] {
        assert_eq!(frames.events(&all, Some(bad), 2).await.unwrap_err().kind(), Kind::Rejected, "{bad:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_never_waits_for_entries_to_come() {
    let log = log_of((0..14).map(|n| vec![(2, n)]).collect());
    let frames = Frames::new(Arc::new(log));
    let filter = EventFilter { source: Some("host".into()), ..EventFilter::default() };
    let answer = tokio::time::timeout(Duration::from_millis(1), frames.events(&filter, None, 1_000)).await;
    assert_eq!(answer.unwrap().unwrap().items.len(), 5);
    let empty = Frames::new(Arc::new(InMemory::default()));
    let answer = tokio::time::timeout(Duration::from_millis(1), empty.events(&filter, None, 1_000)).await;
    assert_eq!(answer.unwrap().unwrap().items, []);
}
