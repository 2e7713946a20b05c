//! The `open_meteo` source against a server that replays answers in order.

#![cfg(test)]

mod pollers;

use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::open_meteo::{Config, OpenMeteo};
use floodmark_core::ports::Ingest;
use floodmark_schemas::{Check, Payload, Reason, Timestamp};
use pollers::{Kept, Reply, Server, inputs, run_until};
use serde_json::{Value, json};

fn open_meteo(url: &str, settings: Value) -> OpenMeteo {
    let mut config =
        json!({"places": [{"name": "home", "latitude": 52.52, "longitude": 13.41}], "current": ["rain"], "base_url": url, "every": "1s"});
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let config: Config = serde_json::from_value(config).unwrap();
    OpenMeteo::new("weather", config, Arc::new(SystemClock)).unwrap()
}

fn weather(time: i64, rain: Value) -> Value {
    json!({"latitude": 52.5, "longitude": 13.4, "utc_offset_seconds": 0, "current_units": {"time": "unixtime", "rain": "mm"},
           "current": {"time": time, "interval": 900, "rain": rain}})
}

fn brief(check: &Check) -> (&str, Option<bool>, Option<Reason>, Option<u16>, u32) {
    (&check.target, check.up, check.reason, check.status, check.attempt)
}

async fn checks(replies: Vec<Reply>, settings: Value, count: usize) -> (Kept, Arc<Server>) {
    let server = Server::new(replies).await;
    let kept = Kept::default();
    run_until(&mut open_meteo(&server.url(), settings), &kept, &[&server], || kept.checks().len() >= count).await;
    (kept, server)
}

fn sample_times(kept: &Kept) -> Vec<Timestamp> {
    kept.events().iter().filter(|event| matches!(event.payload, Payload::Sample(_))).map(|event| event.time).collect()
}

const RAIN: &str = "rain{latitude=\"52.52\",longitude=\"13.41\",place=\"home\"} mm = ";

#[tokio::test]
async fn values_are_told_once_at_their_own_time_and_every_look_leaves_a_check() {
    let replies = [(900, json!(0.5)), (900, json!(0.5)), (1800, json!(null)), (2700, json!(1))];
    let replies = replies.map(|(time, rain)| Reply::new(200, weather(time, rain).to_string())).to_vec();
    let (kept, server) = checks(replies, json!({}), 4).await;
    assert_eq!(kept.samples(), [format!("{RAIN}0.5"), format!("{RAIN}1")]);
    assert_eq!(sample_times(&kept), [Timestamp::from_secs(900), Timestamp::from_secs(2700)]);
    assert!(kept.checks().iter().all(|check| brief(check) == ("home", Some(true), None, Some(200), 1)));
    let requests = server.requests();
    assert_eq!(requests[0].path, "/v1/forecast?latitude=52.52&longitude=13.41&current=rain&timezone=GMT&timeformat=unixtime");
    assert!(requests.iter().all(|request| request.together == 1));

    // A new process knows from the cursor what was told.
    let again = Kept::resuming(kept.cursor());
    let server =
        Server::new([Reply::new(200, weather(2700, json!(1)).to_string()), Reply::new(200, weather(3600, json!(2)).to_string())]).await;
    run_until(&mut open_meteo(&server.url(), json!({})), &again, &[&server], || again.checks().len() == 2).await;
    assert_eq!(again.samples(), [format!("{RAIN}2")]);
}

#[tokio::test]
async fn several_places_are_one_request_and_a_check_each() {
    let settings = json!({"places": [{"name": "a", "latitude": 1, "longitude": 2}, {"name": "b", "latitude": -3.5, "longitude": 4}]});
    let reply = Reply::new(200, json!([weather(900, json!(1)), weather(900, json!(2))]).to_string());
    let (kept, server) = checks(vec![reply], settings, 2).await;
    assert_eq!(server.requests().len(), 1);
    assert_eq!(
        kept.samples(),
        ["rain{latitude=\"1\",longitude=\"2\",place=\"a\"} mm = 1", "rain{latitude=\"-3.5\",longitude=\"4\",place=\"b\"} mm = 2"]
    );
    assert_eq!(kept.checks().iter().map(|check| check.target.clone()).collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn a_limit_is_waited_for_and_the_wait_leaves_checks() {
    // The service's clock is two seconds before the full minute, so a second past it is three seconds away.
    let limited = Reply::new(429, r#"{"error":true,"reason":"Minutely API request limit exceeded. Please try again in one minute."}"#)
        .header("Date", "Thu, 22 Aug 2013 02:13:58 GMT");
    let server = Server::new([limited, Reply::new(200, weather(900, json!(1)).to_string())]).await;
    let kept = Kept::default();
    let mut source = open_meteo(&server.url(), json!({}));
    run_until(&mut source, &kept, &[&server], || kept.checks().iter().any(|check| check.up == Some(true))).await;
    let requests = server.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(3));
    let checks = kept.checks();
    assert_eq!(brief(&checks[0]), ("home", None, Some(Reason::RateLimited), Some(429), 1));
    assert_eq!(
        checks[0].detail.as_deref(),
        Some("status 429, waiting 3 s: Minutely API request limit exceeded. Please try again in one minute.")
    );
    assert!(checks.len() >= 4, "{checks:?}");
    assert!(checks[1..checks.len() - 1].iter().all(|check| brief(check) == ("home", None, Some(Reason::RateLimited), None, 1)));
}

#[tokio::test]
async fn a_refused_request_rests_and_says_what_the_service_said() {
    let reason = "Cannot initialize SurfacePressureAndHeightVariable from invalid String value rein for key current";
    let refused = Reply::new(400, json!({"error": true, "reason": reason}).to_string());
    let (kept, server) = checks(vec![refused], json!({}), 2).await;
    let checks = kept.checks();
    assert_eq!(brief(&checks[0]), ("home", Some(false), Some(Reason::Status), Some(400), 1));
    let detail = format!("status 400, the service does not accept the request: correct the configuration: {reason}");
    assert_eq!(checks[0].detail.as_deref(), Some(detail.as_str()));
    assert_eq!(brief(&checks[1]), ("home", None, Some(Reason::Status), None, 1));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_overloaded_service_is_asked_again_soon() {
    let overloaded = Reply::new(503, r#"{"error":true,"reason":"The service is overloaded"}"#);
    let replies = vec![overloaded, Reply::new(200, weather(900, json!(1)).to_string())];
    let (kept, server) = checks(replies, json!({"every": "15m"}), 2).await;
    let found = kept.checks();
    assert_eq!(brief(&found[0]), ("home", Some(false), Some(Reason::Status), Some(503), 1));
    assert_eq!(brief(&found[1]), ("home", Some(true), None, Some(200), 2));
    assert!(server.requests()[1].at - server.requests()[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn the_key_is_sent_and_shows_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, "hunter2").unwrap();
    let settings = json!({"apikey": {"file": file}});
    let (kept, server) =
        checks(vec![Reply::new(200, "<p>hunter2</p>"), Reply::new(400, r#"{"error":true,"reason":"no hunter2"}"#)], settings, 2).await;
    assert!(server.requests()[0].path.ends_with("&apikey=hunter2"));
    let checks = kept.checks();
    assert_eq!(brief(&checks[0]), ("home", Some(false), Some(Reason::Malformed), Some(200), 1));
    let letter = kept.letters().remove(0);
    assert_eq!(letter.original, "<p>***</p>");
    assert_eq!(
        letter.origin,
        format!("{}/v1/forecast?latitude=52.52&longitude=13.41&current=rain&timezone=GMT&timeformat=unixtime", server.url())
    );
    assert!(!format!("{:?} {:?} {letter:?}", kept.events(), kept.cursor()).contains("hunter2"));
}

#[tokio::test]
async fn every_recorded_answer_gives_its_current_values_and_the_hours_ahead() {
    let Some(folder) = inputs() else { return };
    let mut folders = vec![folder.join("weather/open-meteo")];
    let mut answers = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.extension().and_then(|e| e.to_str()) {
                Some("json") => answers.push((entry.clone(), std::fs::read_to_string(&entry).unwrap())),
                _ if entry.is_dir() => folders.push(entry),
                _ => {}
            }
        }
    }
    assert!(!answers.is_empty(), "recordings are there");
    for (file, text) in answers {
        let body: Value = serde_json::from_str(&text).unwrap();
        let (kept, _) = checks(vec![Reply::new(200, text)], json!({"every": "15m"}), 1).await;
        let check = &kept.checks()[0];
        let Some(current) = body["current"].as_object() else {
            assert_eq!(check.reason, Some(Reason::Malformed), "{}", file.display());
            assert_eq!(kept.letters().len(), 1);
            continue;
        };
        assert_eq!((check.up, check.detail.as_deref()), (Some(true), None), "{}", file.display());
        // Counted by hand: numbers of `current`, and of `hourly` what is not null and later. Texts of one form compare as times.
        let now = current["time"].as_str().unwrap();
        let currents = current.iter().filter(|(name, value)| value.is_number() && *name != "interval").count();
        let hourly = body["hourly"].as_object();
        let hours = hourly.map_or(0, |h| h["time"].as_array().unwrap().iter().filter(|t| t.as_str().unwrap() > now).count());
        let ahead = |column: &Value| column.as_array().unwrap().iter().rev().take(hours).filter(|value| value.is_number()).count();
        let forecasts: usize = hourly.into_iter().flatten().filter(|(name, _)| *name != "time").map(|(_, column)| ahead(column)).sum();
        assert_eq!(kept.samples().len(), currents + forecasts, "{}", file.display());
        assert_eq!(body["utc_offset_seconds"], 0);
        let time = Timestamp::parse(&format!("{now}:00Z")).unwrap();
        assert!(sample_times(&kept).iter().all(|found| *found == time));
        for (name, value) in current.iter().filter(|(name, value)| value.is_number() && *name != "interval") {
            let unit = body["current_units"][name].as_str().unwrap();
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            let line = format!("{name}{{latitude=\"52.52\",longitude=\"13.41\",place=\"home\"}}{unit} = {value}");
            assert!(kept.samples().contains(&line), "{line}");
        }
    }
}
