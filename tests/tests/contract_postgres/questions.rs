//! Questions about raw events are answered as from the frames of the log, page by page.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_connectors::clock::TokioClock;
use floodmark_connectors::logs::{Options, memory};
use floodmark_connectors::stores::frames::Frames;
use floodmark_core::Kind;
use floodmark_core::conformance::store::frame_entry;
use floodmark_core::ports::query::StoredEvent;
use floodmark_core::ports::{Entry, EventFilter, EventQuery, Expect, Log, NewEntry, Page, Position};
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{Check, Encoding, Event, Record, Series, Timestamp};
use floodmark_tests::support::rng::Rng;

use crate::common::{There, secs, write};

fn an_event(source: &str, n: u64, time: i64) -> Event {
    let id = n.to_string();
    match n % 5 {
        0 => Event::check(source, id, secs(time), Check { up: Some(n.is_multiple_of(2)), ..Check::of("https://a") }),
        1 => Event::record(source, id, secs(time), Record { name: "release".into(), fact: Default::default() }),
        n => Event::sample(source, id, secs(time), Series::new(["load", "temp"][n as usize % 2]).label("core", n.to_string()), 1.5),
    }
}

fn entries(rng: &mut Rng) -> Vec<Entry> {
    let mut entries = Vec::new();
    for n in 1..=60 {
        let source = ["host", "web"][n as usize % 2];
        let encoding = [Encoding::Json, Encoding::Arrow(Compression::Lz4), Encoding::Json][n as usize % 3];
        let count = rng.pick(0..8);
        let events = (0..count).map(|_| an_event(source, rng.pick(0..100), rng.pick(0..80) as i64)).collect();
        entries.push(frame_entry(n, source, encoding, events));
    }
    entries
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
        EventFilter { metric: text("a\0b"), ..all.clone() },
        EventFilter { kind: text("floodmark.record.v1"), ..all.clone() },
        EventFilter { kind: text("floodmark.check.v1"), metric: text("load"), ..all.clone() },
        EventFilter { labels: labels("target", "https://a"), ..all.clone() },
        EventFilter { labels: labels("core", "3"), source: text("host"), ..all.clone() },
        EventFilter { labels: labels("core", "' OR true --"), ..all.clone() },
        EventFilter { from: Some(secs(20)), to: Some(secs(60)), ..all.clone() },
        EventFilter { from: Some(Timestamp::MIN), to: Some(Timestamp::MAX), ..all.clone() },
        EventFilter { from: Some(Timestamp::MAX), ..all.clone() },
        EventFilter { to: Some(secs(5)), metric: text("temp"), ..all },
    ]
}

async fn pages(query: &dyn EventQuery, filter: &EventFilter, limit: usize) -> Vec<Page<StoredEvent>> {
    let mut pages: Vec<Page<StoredEvent>> = Vec::new();
    loop {
        let token = pages.last().and_then(|page| page.next.clone());
        pages.push(query.events(filter, token.as_deref(), limit).await.unwrap());
        if pages[pages.len() - 1].next.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn pages_and_their_names_are_those_of_the_frames() {
    let (mut rng, seed) = Rng::from_env();
    println!("FLOODMARK_SEED={seed}");
    let there = There::new().await;
    let log = memory::Log::new(Options::default(), Arc::new(TokioClock::starting_at(secs(1_800_000_000))));
    let new = |e: Entry| NewEntry { subject: e.subject, id: None, headers: e.headers, body: e.body };
    log.append(entries(&mut rng).into_iter().map(new).collect(), Expect::Anything).await.unwrap();
    let mut entries = Vec::new();
    for position in 1..=60 {
        entries.extend(log.get(Position(position)).await.unwrap());
    }
    write(&there.raw(), &entries, 0, 60).await;
    let frames = Frames::new(Arc::new(log));
    let mut compared = 0;
    for filter in filters() {
        for limit in [1, 7, 100] {
            let expected = pages(&frames, &filter, limit).await;
            compared += expected.iter().map(|page| page.items.len()).sum::<usize>();
            assert!(pages(&there.store, &filter, limit).await == expected, "{filter:?} in pages of {limit}, seed {seed}");
        }
    }
    assert!(compared > 500, "{compared}");
}

#[tokio::test]
async fn a_page_of_another_question_is_rejected() {
    let there = There::new().await;
    let events = (2..5).map(|n| an_event("host", n, n as i64)).collect();
    write(&there.raw(), &[frame_entry(1, "host", Encoding::Json, events)], 0, 1).await;
    let all = EventFilter::default();
    let token = there.store.events(&all, None, 2).await.unwrap().next.unwrap();
    assert!(token.ends_with(":1.1"), "{token}");
    assert_eq!(there.store.events(&all, Some(&token), 2).await.unwrap().items.len(), 1);
    let other = EventFilter { metric: Some("load".into()), ..EventFilter::default() };
    assert_eq!(there.store.events(&other, Some(&token), 2).await.unwrap_err().kind(), Kind::Rejected);
    for bad in ["", "1.1", "e1:0:1.1", &token[..token.len() - 2]] {
        assert_eq!(there.store.events(&all, Some(bad), 2).await.unwrap_err().kind(), Kind::Rejected, "{bad:?}");
    }
}
