//! The catalog of series.

use std::collections::BTreeMap;

use floodmark_schemas::commit::Output;
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{Check, Encoding, Event, Record, Series, Timestamp};

use super::entries::{Numbers, commit_entry, frame_entry, rollup, shard_entry};
use super::{Fixture, Stores, all_pages};
use crate::Kind;
use crate::ports::query::KnownSeries;
use crate::ports::{Position, SeriesFilter};

async fn ask(stores: &Stores, filter: &SeriesFilter, limit: usize) -> Vec<KnownSeries> {
    all_pages(limit, |token| async move { stores.query.series(filter, token.as_deref(), limit).await }).await
}

fn sample(source: &str, series: &Series, secs: i64) -> Event {
    Event::sample(source, "", Timestamp::from_secs(secs), series.clone(), 1.0)
}

fn known(source: &str, series: &Series, first_secs: i64, last_secs: i64) -> KnownSeries {
    let (first_seen, last_seen) = (Timestamp::from_secs(first_secs), Timestamp::from_secs(last_secs));
    KnownSeries { source: source.to_owned(), series: series.clone(), first_seen, last_seen }
}

/// Samples give their series, checks whether the target is up, records none.
pub async fn series_are_known_from_frames_of_any_encoding(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let load = Series::new("load").unit("1").label("host", "a");
    let up = Series::new("up").label("target", "https://example.org");
    let encodings = [Encoding::Json, Encoding::Arrow(Compression::None), Encoding::Arrow(Compression::Zstd)];
    for (at, (source, encoding)) in (1..).zip([("a", encodings[0]), ("b", encodings[1]), ("c", encodings[2])]) {
        let events = vec![
            sample(source, &load, 30),
            Event::check(source, "1", Timestamp::from_secs(50), Check { up: Some(true), ..Check::of("https://example.org") }),
            sample(source, &load, 20),
            Event::record(source, "2", Timestamp::from_secs(90), Record { name: "release".to_owned(), fact: Default::default() }),
        ];
        stores.catalog.write(&[frame_entry(at, source, encoding, events)], Position(at - 1), Position(at)).await.expect("written");
    }
    let ticks = [frame_entry(4, "floodmark-ticker", Encoding::Json, Vec::new())];
    stores.catalog.write(&ticks, Position(3), Position(4)).await.expect("written");
    let of = |source| [known(source, &load, 20, 30), known(source, &up, 50, 50)];
    let series = ask(&stores, &SeriesFilter::default(), 4).await;
    let checks = series.iter().filter(|known| known.series == up).count();
    assert_eq!(checks, 3);
    assert_eq!(series.into_iter().filter(|s| s.series == load || s.series == up).collect::<Vec<_>>(), ["a", "b", "c"].map(of).concat());
}

/// Shards number their frames apart, so the same numbers come from each; a series that comes from two of them is one.
pub async fn series_of_all_shards_are_those_of_their_source(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let of = |target: &str| Series::new("up").label("target", target);
    let look = |target: &str, secs| Event::check("web", "", Timestamp::from_secs(secs), Check { up: Some(true), ..Check::of(target) });
    let frames = [
        shard_entry(frame_entry(1, "web", Encoding::Json, vec![look("a", 10)]), 0, 1),
        shard_entry(frame_entry(2, "web", Encoding::Json, vec![look("b", 20)]), 1, 1),
        shard_entry(frame_entry(3, "web", Encoding::Json, vec![look("a", 30), look("c", 30)]), 0, 2),
        // Another number of shards: the target has moved.
        shard_entry(frame_entry(4, "web", Encoding::Json, vec![look("a", 100)]), 1, 2),
    ];
    stores.catalog.write(&frames, Position(0), Position(4)).await.expect("written");
    let expected = [known("web", &of("a"), 10, 100), known("web", &of("b"), 20, 20), known("web", &of("c"), 30, 30)];
    assert_eq!(ask(&stores, &SeriesFilter { source: Some("web".to_owned()), ..SeriesFilter::default() }, 10).await, expected);
}

/// Filters and pages against a plain list.
pub async fn series_pages_equal_the_oracle(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let mut numbers = Numbers(11);
    let mut expected: BTreeMap<(String, String), KnownSeries> = BTreeMap::new();
    for at in 1..=20 {
        let source = ["host", "web"][numbers.below(2) as usize];
        let events: Vec<Event> = (0..100)
            .map(|_| {
                let metric = ["load", "Load", "temp"][numbers.below(3) as usize];
                let series = Series::new(metric).unit(["", "s"][numbers.below(2) as usize]).label("n", numbers.below(60).to_string());
                sample(source, &series, 100)
            })
            .collect();
        for event in &events {
            let floodmark_schemas::Payload::Sample(sample) = &event.payload else { continue };
            expected.insert((source.to_owned(), sample.series.key()), known(source, &sample.series, 100, 100));
        }
        stores.catalog.write(&[frame_entry(at, source, Encoding::Json, events)], Position(at - 1), Position(at)).await.expect("written");
    }
    for source in [None, Some("web")] {
        for metric in [None, Some("load")] {
            for label in [None, Some(("n", "7")), Some(("m", "7"))] {
                let labels: BTreeMap<String, String> = label.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
                let wanted = |s: &&KnownSeries| {
                    source.is_none_or(|source| source == s.source)
                        && metric.is_none_or(|metric| metric == s.series.metric)
                        && labels.iter().all(|(k, v)| s.series.labels.get(k) == Some(v))
                };
                let expected: Vec<KnownSeries> = expected.values().filter(wanted).cloned().collect();
                let filter = SeriesFilter { source: source.map(str::to_owned), metric: metric.map(str::to_owned), labels: labels.clone() };
                for limit in [7, 5_000] {
                    let limit = limit.min(expected.len() + 1);
                    assert_eq!(ask(&stores, &filter, limit).await, expected, "{filter:?} in pages of {limit}");
                }
            }
        }
    }
}

/// A series that goes on is not written with every frame, and what the store says is at most a minute old; another
/// process never moves the times the wrong way.
pub async fn first_seen_is_exact_and_last_seen_within_a_minute(fixture: &dyn Fixture) {
    let load = Series::new("load");
    let mut stores = fixture.open().await;
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for (at, secs) in (1..).zip([1_000, 1_010, 1_059, 1_060, 1_061, 900, 1_130, 5_000, 4_000, 5_060, 5_061, 800]) {
        if at % 5 == 0 {
            drop(stores);
            stores = fixture.open().await;
        }
        let frame = frame_entry(at, "host", Encoding::Json, vec![sample("host", &load, secs)]);
        stores.catalog.write(&[frame], Position(at - 1), Position(at)).await.expect("written");
        (first, last) = (first.min(secs), last.max(secs));
        let found = ask(&stores, &SeriesFilter::default(), 2).await;
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].series, found[0].first_seen), (&load, Timestamp::from_secs(first)), "after {secs}");
        let behind = last - found[0].last_seen.micros() / 1_000_000;
        assert!((0..=60).contains(&behind), "last seen is {behind} s behind after {secs}");
    }
}

/// Rollups name series before the catalog has come to their events: such a series has no times yet.
pub async fn a_series_without_events_is_not_known(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let load = Series::new("load");
    let output = Output::Rollup(rollup("w10s", "host", load.clone(), 10, 0, 1.0));
    stores.rollups.write(&[commit_entry(1, "w10s", vec![output])], Position(0), Position(1)).await.expect("written");
    assert_eq!(ask(&stores, &SeriesFilter::default(), 2).await, []);
    let frame = frame_entry(2, "host", Encoding::Json, vec![sample("host", &load, 12)]);
    stores.catalog.write(&[frame], Position(0), Position(2)).await.expect("written");
    assert_eq!(ask(&stores, &SeriesFilter::default(), 2).await, [known("host", &load, 12, 12)]);
}

/// A sink that has been overtaken writes nothing.
pub async fn a_write_of_series_from_another_position_is_a_conflict(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let frame = frame_entry(2, "host", Encoding::Json, vec![sample("host", &Series::new("load"), 12)]);
    let error = stores.catalog.write(&[frame], Position(1), Position(2)).await.expect_err("it is at 0");
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(ask(&stores, &SeriesFilter::default(), 2).await, []);
}

/// A token is good for its own question only.
pub async fn a_page_of_another_question_about_series_is_rejected(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    for bad in super::NO_PAGES {
        let error = stores.query.series(&SeriesFilter::default(), Some(bad), 2).await.expect_err("not a page");
        assert_eq!(error.kind(), Kind::Rejected, "{bad:?}");
    }
}
