use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: Default::default(), body: body.as_bytes().to_vec(), cut: false }
}

fn place() -> Place {
    Place { name: "home".to_owned(), latitude: 52.5, longitude: -1.25 }
}

/// Samples as `time series unit value`.
fn lines(observation: &Observation) -> Vec<String> {
    let line = |event: Event| match event.payload {
        floodmark_schemas::Payload::Sample(sample) => {
            let labels = sample.series.labels.clone();
            assert_eq!((labels["place"].as_str(), labels["latitude"].as_str(), labels["longitude"].as_str()), ("home", "52.5", "-1.25"));
            let horizon = labels.get("horizon").map_or_else(String::new, |horizon| format!(" +{horizon}"));
            format!("{} {}{horizon} {} {}", event.time, sample.series.metric, sample.series.unit, sample.value)
        }
        other => panic!("{other:?}"),
    };
    observation.samples("w", &place()).map(line).collect()
}

fn check(body: &str, expected: &[&str]) {
    let Read::Observations(found) = read(&answer(200, body), 1) else { panic!("{body}") };
    assert_eq!(lines(found[0].as_ref().unwrap()), expected, "{body}");
}

fn malformed(body: &str, places: usize, expected: &str) {
    let found = match read(&answer(200, body), places) {
        Read::Malformed(what) => what,
        Read::Observations(list) => list.into_iter().find_map(Result::err).unwrap(),
        Read::Refused(said) => panic!("{said}"),
    };
    assert!(found.contains(expected), "{found}");
}

#[test]
fn values_have_the_units_of_the_answer_and_nulls_are_skipped() {
    check(
        r#"{"latitude":52.4,"longitude":-1.2,"utc_offset_seconds":0,
            "current_units":{"time":"unixtime","interval":"seconds","temperature_2m":"°C","snowfall":"cm","is_day":"","rain":null},
            "current":{"time":1761391800,"interval":900,"temperature_2m":11.4,"snowfall":null,"is_day":0,"rain":0.1,"weather_code":3}}"#,
        &[
            "2025-10-25T11:30:00Z is_day  0",
            "2025-10-25T11:30:00Z rain  0.1",
            "2025-10-25T11:30:00Z temperature_2m °C 11.4",
            "2025-10-25T11:30:00Z weather_code  3",
        ],
    );
}

#[test]
fn only_hours_ahead_are_a_forecast_and_are_stamped_with_the_time_it_was_made() {
    check(
        r#"{"current":{"time":"2025-10-25T11:30"},"hourly_units":{"time":"iso8601","rain":"mm"},
            "hourly":{"time":["2025-10-25T11:00","2025-10-25T12:00","2025-10-25T13:00","2025-10-25T14:00"],"rain":[1,2,null,4.5]}}"#,
        &["2025-10-25T11:30:00Z rain_forecast +1h mm 2", "2025-10-25T11:30:00Z rain_forecast +3h mm 4.5"],
    );
    check(
        r#"{"current":{"time":"2025-10-25T12:00"},"hourly":{"time":["2025-10-25T12:00","2025-10-25T13:00"],"rain":[1,2]}}"#,
        &["2025-10-25T12:00:00Z rain_forecast +1h  2"],
    );
}

#[test]
fn local_times_are_read_with_the_offset_of_the_answer_and_seconds_without() {
    let body = |offset: i32, time: &str| format!(r#"{{"utc_offset_seconds":{offset},"current":{{"time":{time},"rain":1}}}}"#);
    for (offset, time, expected) in [
        (0, r#""2025-12-28T23:00""#, "2025-12-28T23:00:00Z"),
        (-18_000, r#""2025-12-28T18:00""#, "2025-12-28T23:00:00Z"),
        (39_600, r#""2025-10-25T22:30""#, "2025-10-25T11:30:00Z"),
        (39_600, "1761391800", "2025-10-25T11:30:00Z"),
        (39_600, r#""2025-10-25T11:30:00Z""#, "2025-10-25T11:30:00Z"),
    ] {
        check(&body(offset, time), &[&format!("{expected} rain  1")]);
    }
}

#[test]
fn several_places_are_a_list_and_one_bad_one_spoils_no_other() {
    let body = r#" [{"current":{"time":1761391800,"rain":1}},{"current":{"time":"soon"}}]"#;
    let Read::Observations(found) = read(&answer(200, body), 2) else { panic!() };
    assert_eq!(lines(found[0].as_ref().unwrap()), ["2025-10-25T11:30:00Z rain  1"]);
    assert_eq!(found[1], Err("\"soon\" is not a time".to_owned()));
    malformed(body, 3, "for 2 places, the request was for 3");
}

#[test]
fn what_cannot_be_understood_says_why() {
    malformed("<html>", 1, "not the JSON that was expected");
    malformed("", 1, "not the JSON that was expected");
    malformed("{}", 1, "no section \"current\"");
    malformed(r#"{"current":{"rain":1}}"#, 1, "current has no time");
    malformed(r#"{"current":{"time":1.5}}"#, 1, "1.5 is not a time");
    malformed(r#"{"current":{"time":1e300}}"#, 1, "is not a time");
    malformed(r#"{"current":{"time":1,"rain":"wet"}}"#, 1, "current.rain is \"wet\", not a number");
    malformed(r#"{"current":{"time":1},"hourly":{"time":[2,3],"rain":[1]}}"#, 1, "hourly.rain has 1 values for 2 times");
    malformed(r#"{"current":{"time":1},"hourly":{"rain":[1]}}"#, 1, "hourly.time is not a list");
}

#[test]
fn refusals_say_their_reason_whatever_the_body_is() {
    for (status, body, expected) in [
        (
            400,
            r#"{"error":true,"reason":"Latitude must be in range of -90 to 90°. Given: 123.0."}"#,
            "Latitude must be in range of -90 to 90°. Given: 123.0.",
        ),
        (200, r#"{"error":true,"reason":"No data is available for this location"}"#, "No data is available for this location"),
        (502, "<html>\n Bad  Gateway</html>", "<html> Bad Gateway</html>"),
        (503, "", ""),
    ] {
        let Read::Refused(said) = read(&answer(status, body), 1) else { panic!("{body}") };
        assert_eq!(said, expected);
    }
}
