//! The file source on recorded inputs, each against an independent reading of the same file.

#![cfg(test)]

#[path = "common/recorder.rs"]
mod recorder;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::file::{Config, File};
use floodmark_core::ports::Source;
use floodmark_schemas::{Event, Payload, Timestamp};
use recorder::Recorder;
use serde_json::json;

/// A recorded input, if there are any here.
fn input(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("FLOODMARK_INPUTS") else {
        eprintln!("skipped: FLOODMARK_INPUTS not set");
        return None;
    };
    Some(PathBuf::from(folder).join(name))
}

async fn read(name: &str, mut settings: serde_json::Value) -> Option<(Vec<Event>, Vec<csv::StringRecord>)> {
    let path = input(name)?;
    settings["path"] = json!(path);
    let recorder = Recorder::new();
    let config: Config = serde_json::from_value(settings).unwrap();
    File::new("f", config, Arc::new(SystemClock)).unwrap().run(&recorder).await.unwrap();
    assert_eq!(recorder.letters(), []);
    let rows = csv::Reader::from_path(&path).unwrap().into_records().collect::<Result<_, _>>().unwrap();
    Some((recorder.events(), rows))
}

/// The numbers of one metric with their times, in order.
fn samples(events: &[Event], metric: &str, label: &str) -> Vec<(Timestamp, String, f64)> {
    let sample = |event: &Event| match &event.payload {
        Payload::Sample(s) if s.series.metric == metric => {
            Some((event.time, s.series.labels.get(label).cloned().unwrap_or_default(), s.value))
        }
        _ => None,
    };
    events.iter().filter_map(sample).collect()
}

fn utc(civil: jiff::civil::DateTime) -> Timestamp {
    Timestamp::from_micros(civil.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_microsecond())
}

#[tokio::test]
async fn hourly_temperatures_are_read_with_their_times() {
    let settings = json!({
        "time": "date", "time_format": "%Y/%m/%d %H:%M",
        "values": [{ "column": "temp", "metric": "temperature", "unit": "[degF]" }],
    });
    let Some((events, rows)) = read("weather/history/seattle-temps.csv", settings).await else { return };
    let expected: Vec<_> = rows
        .iter()
        .map(|row| {
            let time = row[0].replace('/', "-").replace(' ', "T") + ":00";
            (utc(time.parse().unwrap()), String::new(), row[1].parse().unwrap())
        })
        .collect();
    assert_eq!(samples(&events, "temperature", ""), expected);
    assert_eq!((events.len(), expected.len()), (rows.len(), rows.len()));
}

#[tokio::test]
async fn daily_weather_gives_a_series_for_each_column() {
    let settings = json!({
        "time": "date", "time_format": "%Y-%m-%d", "labels": ["weather"],
        "values": ["precipitation", "temp_max", "temp_min", "wind"],
    });
    let Some((events, rows)) = read("weather/history/seattle-weather.csv", settings).await else { return };
    assert_eq!(events.len(), rows.len() * 4);
    for (column, metric) in [(1, "precipitation"), (2, "temp_max"), (3, "temp_min"), (4, "wind")] {
        let expected: Vec<_> = rows
            .iter()
            .map(|row| (utc(row[0].parse::<jiff::civil::Date>().unwrap().into()), row[5].to_owned(), row[column].parse().unwrap()))
            .collect();
        assert_eq!(samples(&events, metric, "weather"), expected);
    }
}

#[tokio::test]
async fn repository_counts_are_labelled_by_repository() {
    let settings = json!({
        "time": "date", "time_format": "%Y-%m-%d", "labels": ["repo"], "values": ["stars", "forks", "open_issues"],
    });
    let Some((events, rows)) = read("github/repo-stars-daily-2023-2024.csv", settings).await else { return };
    assert_eq!(events.len(), rows.len() * 3);
    let expected: Vec<_> = rows
        .iter()
        .map(|row| (utc(row[0].parse::<jiff::civil::Date>().unwrap().into()), row[1].to_owned(), row[2].parse().unwrap()))
        .collect();
    assert_eq!(samples(&events, "stars", "repo"), expected);
}

#[tokio::test]
async fn the_checks_of_status_pages_are_read() {
    for name in ["uptime/FoodCoopX__upptime.csv", "uptime/manticoresoftware__upptime.csv"] {
        let settings = json!({
            "time": "last_updated", "labels": ["slug"],
            "check": { "target": "url", "up": "status", "up_values": ["up"], "status": "code", "latency_ms": "response_ms" },
        });
        let Some((events, rows)) = read(name, settings).await else { return };
        assert_eq!(events.len(), rows.len());
        let mut silent = 0;
        for (event, row) in events.iter().zip(&rows) {
            let Payload::Check(check) = &event.payload else { panic!("{event:?} is not a check") };
            let time: jiff::Timestamp = row[0].parse().unwrap();
            let (code, ms): (u16, u64) = (row[4].parse().unwrap(), row[5].parse().unwrap());
            assert_eq!((event.time.micros(), event.subject.as_deref()), (time.as_microsecond(), Some(&row[2])));
            assert_eq!((check.target.as_str(), check.up), (&row[2], Some(&row[3] == "up")));
            assert_eq!(check.labels, BTreeMap::from([("slug".to_owned(), row[1].to_owned())]));
            assert_eq!(check.status, (code != 0).then_some(code));
            assert_eq!(check.duration_us, (&row[3] == "up" || ms != 0).then_some(ms * 1000));
            silent += usize::from(check.duration_us.is_none());
        }
        assert!(silent > 0, "{name} has failures without a latency");
    }
}
