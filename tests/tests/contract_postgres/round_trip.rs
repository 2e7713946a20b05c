//! Events come back as they were written, whatever they hold.

use floodmark_core::conformance::store::frame_entry;
use floodmark_core::ports::{DeadLetterQuery, Entry};
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{Check, Encoding, Event, Payload, Phases, Reason, Record, Series, Timestamp};

use crate::common::{There, expected, secs, write};

fn records() -> Vec<Event> {
    let facts = [
        r#"{"n": 18446744073709551615, "m": -9223372036854775808}"#,
        r#"{"x": 1e16, "y": -0.0, "z": 1.0, "deep": [{"w": 0.1}, 1e300, 5e-324]}"#,
        r#"{"z": 1, "a": {"b": [null, true, "ü\"\\\n😀"]}, "": ""}"#,
        "{}",
    ];
    let record = |fact: &str| Record { name: "release".into(), fact: serde_json::from_str(fact).unwrap() };
    let mut events: Vec<Event> = facts.iter().map(|fact| Event::record("s", *fact, secs(3), record(fact))).collect();
    events.push(Event { subject: Some("owner/name".into()), ..Event::record("s", "subject", secs(4), record("{}")) });
    events
}

fn checks() -> Vec<Event> {
    let full = Check {
        up: Some(false),
        reason: Some(Reason::TlsExpired),
        detail: Some("ended \"yesterday\"".into()),
        status: Some(503),
        duration_us: Some(u64::MAX),
        phases: Phases { resolve_us: Some(0), tls_us: Some(7), ..Phases::default() },
        certificate_expires: Some(Timestamp::from_micros(1)),
        address: Some("[::1]:443".into()),
        attempt: 3,
        labels: [("target".to_owned(), "another".to_owned()), ("zone".to_owned(), "".to_owned())].into(),
        ..Check::of("https://a")
    };
    let plain = Event::check("s", "c0", secs(1), Check::of("a:1"));
    let mut odd = Event::check("s", "c2", secs(2), Check { up: Some(true), ..Check::of("a:1") });
    (odd.subject, odd.datacontenttype, odd.specversion) = (None, Some("application/json".into()), "1.1".into());
    vec![plain, Event::check("s", "c1", secs(2), full), odd]
}

fn samples() -> Vec<Event> {
    let values = [0.0, -0.0, 0.1 + 0.2, f64::MIN_POSITIVE, 5e-324, f64::MAX, -1.5e-300, 9_007_199_254_740_993.0];
    let load = || Series::new("load").unit("1").label("a", "ü\"\\ \n\t😀").label("", "");
    let mut events: Vec<Event> =
        (0..).zip(values).map(|(n, value)| Event::sample("s", format!("v{n}"), Timestamp::from_micros(n - 4), load(), value)).collect();
    let odd = Event::sample("s", "", secs(9), Series::new("plain"), 1.0);
    events.push(Event { id: "quote\"back\\slash".into(), ..odd.clone() });
    events.push(Event { subject: Some("room".into()), datacontenttype: Some("application/json".into()), ..odd.clone() });
    events.push(Event { specversion: "1.7".into(), ..odd });
    events
}

fn check(found: &[floodmark_core::ports::query::StoredEvent], entries: &[Entry]) {
    let expected = expected(entries);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
        if let (Payload::Sample(a), Payload::Sample(b)) = (&found.event.payload, &expected.event.payload) {
            assert_eq!(a.value.to_bits(), b.value.to_bits());
        }
    }
}

#[tokio::test]
async fn every_kind_of_event_comes_back_to_the_last_bit() {
    let there = There::new().await;
    let all = [samples(), checks(), records()].concat();
    // Written by hand, as another program would: a batch would drop what samples seldom carry.
    let mut by_hand = frame_entry(1, "s", Encoding::Json, all.clone());
    by_hand.body = serde_json::to_vec(&all).unwrap().into();
    let entries = [
        by_hand,
        frame_entry(2, "s", Encoding::Json, all.clone()),
        frame_entry(3, "s", Encoding::Arrow(Compression::None), all.clone()),
        frame_entry(4, "s", Encoding::Arrow(Compression::Zstd), all),
        frame_entry(5, "s", Encoding::Json, Vec::new()),
    ];
    write(&there.raw(), &entries, 0, 5).await;
    check(&there.events().await, &entries);
    assert_eq!(there.store.dead_letters(None, None, 9).await.unwrap().items, []);
}

#[tokio::test]
async fn a_body_with_other_spacing_and_names_in_another_order_is_read() {
    let there = There::new().await;
    let mut entry = frame_entry(1, "s", Encoding::Json, vec![Event::sample("s", "a", secs(1), Series::new("m"), 1.0)]);
    entry.body = concat!(
        " [ {\"type\":\"floodmark.sample.v1\", \"source\":\"s\",\"time\":\"1970-01-01T01:00:01+01:00\",\"id\":\"a\",",
        "\"data\":{\"value\":2.50,\"labels\":{\"b\":\"1\",\"a\":\"2\"},\"metric\":\"m\"},\"extension\":{\"subject\":1}} ,\n",
        "{\"specversion\":\"1.0\",\"id\":\"b\",\"source\":\"s\",\"type\":\"floodmark.sample.v1\",\"time\":\"1970-01-01T00:00:01Z\",",
        "\"data\":{\"metric\":\"m\",\"value\":-0},\"\\u0073ubject\":\"hidden\"} ] \n"
    )
    .into();
    let entries = [entry];
    write(&there.raw(), &entries, 0, 1).await;
    check(&there.events().await, &entries);
    assert_eq!(there.events().await[1].event.subject.as_deref(), Some("hidden"));
}

#[tokio::test]
async fn times_and_values_at_the_edges_come_back_or_are_set_aside() {
    let there = There::new().await;
    const EPOCH_US: i64 = 946_684_800_000_000;
    let first = -211_813_488_000_000_000 + EPOCH_US;
    let held = [first, -62_135_596_800_000_000, -1, 0, i64::MAX];
    let refused = [i64::MIN, i64::MIN + EPOCH_US, i64::MIN + EPOCH_US - 1, first - 1];
    let of = |time: &i64| Event::sample("s", time.to_string(), Timestamp::from_micros(*time), Series::new("m"), 1.0);
    let events = held.iter().chain(&refused).map(of).collect();
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let odd = numbers.iter().map(|value| Event::sample("s", "n", secs(1), Series::new("m"), *value)).collect();
    let arrow = Encoding::Arrow(Compression::None);
    let entries = [frame_entry(1, "s", arrow, events), frame_entry(2, "s", arrow, odd)];
    write(&there.raw(), &entries, 0, 2).await;
    let found = there.events().await;
    let times: Vec<i64> = found.iter().filter(|stored| stored.position == 1).map(|stored| stored.event.time.micros()).collect();
    assert_eq!(times, held);
    let values = found.iter().filter(|stored| stored.position == 2).map(|stored| match &stored.event.payload {
        Payload::Sample(sample) => sample.value.to_bits(),
        _ => 0,
    });
    assert_eq!(values.collect::<Vec<_>>(), numbers.map(f64::to_bits));
    let letters = there.store.dead_letters(Some("raw"), None, 9).await.unwrap().items;
    let mut origins: Vec<&str> = letters.iter().map(|letter| letter.origin.as_str()).collect();
    origins.sort_unstable();
    assert_eq!(origins, (5..9).map(|n| format!("event {n} of entry 1 on floodmark.events.0.s")).collect::<Vec<_>>());
    let earliest = letters.iter().find(|letter| letter.id.ends_with(".5")).unwrap();
    let text = format!("the time {}us lies before 4713 BC, where the times of PostgreSQL begin", i64::MIN);
    assert_eq!(earliest.reason, text);
    assert!(earliest.original.contains(&format!("\"{}us\"", i64::MIN)), "{}", earliest.original);
}
