//! Frames: what goes in comes out, by every encoding and by both ways of reading.

#![cfg(test)]

use bytes::Bytes;
use floodmark_schemas::frame::{self, Compression, Decoder, Encoding, Visitor};
use floodmark_schemas::{Check, Event, EventBatch, Record, Series, Timestamp};
use proptest::prelude::*;

const ENCODINGS: [Encoding; 4] =
    [Encoding::Json, Encoding::Arrow(Compression::None), Encoding::Arrow(Compression::Lz4), Encoding::Arrow(Compression::Zstd)];

/// What a visitor was told, with ids replaced by what they stand for.
#[derive(Debug, Default)]
struct Seen {
    keys: Vec<String>,
    rows: Vec<(u32, i64, String, u64)>,
    events: Vec<(u32, Event)>,
}

impl Visitor for Seen {
    fn series(&mut self, key: &str) -> u32 {
        self.keys.push(key.to_owned());
        self.keys.len() as u32 - 1
    }

    fn sample(&mut self, index: u32, time: i64, series: u32, value: f64) {
        self.rows.push((index, time, self.keys[series as usize].clone(), value.to_bits()));
    }

    fn event(&mut self, index: u32, event: Event) {
        self.events.push((index, event));
    }
}

fn visit(encoding: Encoding, body: &Bytes) -> Result<Seen, floodmark_schemas::DecodeError> {
    let mut seen = Seen::default();
    Decoder::default().visit(encoding, body, &mut seen).map(|()| seen)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z]{1,12}", 1 => any::<String>(), 1 => Just("a\",\"value\":1}}\n".to_owned())]
}

fn value() -> impl Strategy<Value = f64> {
    let finite = any::<f64>().prop_filter("finite", |value| value.is_finite());
    prop_oneof![finite, any::<i32>().prop_map(|n| f64::from(n) / 1000.0), Just(-0.0), any::<i64>().prop_map(|n| n as f64)]
}

fn event() -> impl Strategy<Value = Event> {
    let labels = prop::collection::btree_map(text(), text(), 0..3);
    // Within the years that RFC 3339 can write.
    let time = prop_oneof![-62_000_000_000_000_000..250_000_000_000_000_000i64, (0..10_000i64).prop_map(|s| s * 1_000_000)];
    let series =
        (text(), prop_oneof![Just(String::new()), text()], labels).prop_map(|(metric, unit, labels)| Series { metric, unit, labels });
    (0..8u8, text(), time, series, value()).prop_map(|(kind, id, time, series, value)| {
        let time = Timestamp::from_micros(time);
        match kind {
            0 => Event::check("source", id, time, Check { labels: series.labels, detail: Some(series.unit), ..Check::of(series.metric) }),
            1 => Event::record("source", id, time, Record { name: series.metric, fact: Default::default() }),
            _ => Event::sample("source", id, time, series, value),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_come_out_of_a_frame_as_they_went_in(events in prop::collection::vec(event(), 1..20)) {
        // A sample without a metric is none.
        let events: Vec<Event> = events.into_iter().filter(|e| !e.id.is_empty()).collect();
        prop_assume!(!events.is_empty());
        let batch: EventBatch = events.iter().cloned().collect();
        let mut visits = Vec::new();
        for encoding in ENCODINGS {
            let body = frame::encode(&batch, encoding, "source", "f");
            prop_assert_eq!(&frame::decode(encoding, &body, "source", "f").unwrap(), &events);
            let empty_metric = events.iter().any(|e| matches!(&e.payload, floodmark_schemas::Payload::Sample(s) if s.series.metric.is_empty()));
            if empty_metric { continue }
            let seen = visit(encoding, &body).unwrap();
            visits.push((seen.rows, seen.events));
        }
        prop_assert!(visits.windows(2).all(|pair| pair[0] == pair[1]), "{visits:?}");
        if let Some((rows, others)) = visits.first() {
            let mut found = others.clone();
            found.extend(rows.iter().map(|(index, time, key, value)| {
                let series = Series::from_key(key).unwrap();
                let id = events[*index as usize].id.clone();
                (*index, Event::sample("source", id, Timestamp::from_micros(*time), series, f64::from_bits(*value)))
            }));
            found.sort_by_key(|(index, _)| *index);
            prop_assert_eq!(found.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), events);
        }
    }

    #[test]
    fn the_fast_reader_says_what_the_general_one_says(json in json_frame()) {
        let body = Bytes::from(format!("[{json}]"));
        let general = frame::decode(Encoding::Json, &body, "source", "f");
        if let Ok(seen) = visit(Encoding::Json, &body) {
            // The general reader also asks for id, source and version, which columns do without.
            if let Ok(events) = general {
                let samples: Vec<_> = events.iter().filter_map(|e| match &e.payload {
                    floodmark_schemas::Payload::Sample(s) => Some((e.time.micros(), s.series.key(), s.value.to_bits())),
                    _ => None,
                }).collect();
                let rows: Vec<_> = seen.rows.into_iter().map(|(_, time, key, value)| (time, key, value)).collect();
                prop_assert_eq!(rows, samples);
            }
        } else {
            prop_assert!(general.is_err(), "only the fast reader refuses {json}: {general:?}");
        }
    }

    #[test]
    fn damaged_frames_never_panic(
        events in prop::collection::vec(event(), 1..5), which in 0..4usize, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let batch: EventBatch = events.into_iter().collect();
        let mut body = frame::encode(&batch, ENCODINGS[which], "source", "f").to_vec();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = byte }
        let body = Bytes::from(body);
        let _ = visit(ENCODINGS[which], &body);
        let _ = frame::decode(ENCODINGS[which], &body, "source", "f");
    }
}

/// JSON of events in odd but mostly valid shapes: members in any order, white space, escapes, repeated and unknown members.
fn json_frame() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        "-?[0-9]{17,30}(\\.[0-9]{1,30})?",
        Just("1e999".to_owned()),
        Just("01".to_owned()),
        Just("1.".to_owned()),
        Just("-".to_owned()),
        Just("null".to_owned()),
        Just("\"1\"".to_owned()),
    ];
    let text = prop_oneof![8 => "\"[a-z]{0,20}\"", 1 => Just(r#""\u0061\n""#.to_owned()), 1 => Just("\"ü\"".to_owned()), 1 => Just("\"\t\"".to_owned())];
    let labels = prop::collection::vec((text.clone(), text.clone()), 0..3)
        .prop_map(|pairs| format!("{{{}}}", pairs.iter().map(|(k, v)| format!("{k}:{v}")).collect::<Vec<_>>().join(",")));
    let labels = prop_oneof![4 => labels, 1 => Just("null".to_owned()), 1 => Just(r#"{"a":1}"#.to_owned())];
    let data = (prop_oneof![Just("\"m\"".to_owned()), "\"[a-z]{1,20}\""], text.clone(), labels, number, 0..3u8, shuffle()).prop_map(
        |(metric, unit, labels, number, extra, order)| {
            let mut members = vec![
                format!("\"metric\":{metric}"),
                format!("\"value\":{number}"),
                format!("\"unit\" : {unit}"),
                format!("\"labels\":{labels}"),
            ];
            members.truncate(4 - extra as usize);
            object(members, order)
        },
    );
    let time = prop_oneof![
        6 => Just("\"2026-01-02T03:04:05.25Z\"".to_owned()),
        1 => Just("\"2026-01-02T03:04:05+01:00\"".to_owned()),
        1 => Just("\"soon\"".to_owned()),
    ];
    let extra = prop_oneof![
        4 => Just("\"specversion\":\"1.0\"".to_owned()),
        1 => Just("\"x\":{\"y\":[1]}".to_owned()),
        1 => Just("\"id\":\"again\"".to_owned()),
        1 => Just("\"x\":true".to_owned()),
    ];
    let event = (text, time, data, extra, shuffle(), prop_oneof![9 => Just("floodmark.sample.v1"), 1 => Just("other")]).prop_map(
        |(id, time, data, extra, order, kind)| {
            let members = vec![
                format!("\"id\":{id}"),
                format!("\"source\":\"source\""),
                format!("\"type\":\"{kind}\""),
                format!("\"time\":{time}"),
                format!("\"data\":{data}"),
                extra,
            ];
            object(members, order)
        },
    );
    prop::collection::vec(event, 1..4).prop_map(|events| events.join(" ,\n"))
}

fn shuffle() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just((0..6).collect::<Vec<_>>()), Just((0..6).collect::<Vec<_>>()).prop_shuffle()]
}

fn object(members: Vec<String>, order: Vec<usize>) -> String {
    let members: Vec<_> = order.into_iter().filter_map(|i| members.get(i).cloned()).collect();
    format!("{{{}}}", members.join(", "))
}

#[test]
fn a_number_that_is_none_is_refused() {
    for value in [f64::NAN, f64::INFINITY] {
        let batch: EventBatch = std::iter::once(Event::sample("s", "1", Timestamp::from_secs(0), Series::new("m"), value)).collect();
        for encoding in ENCODINGS {
            assert!(visit(encoding, &frame::encode(&batch, encoding, "s", "f")).is_err(), "{value} {encoding:?}");
        }
    }
}

#[test]
fn a_changed_bit_anywhere_in_an_arrow_frame_never_panics() {
    let at = Timestamp::from_secs(1);
    let batch: EventBatch = ["a", "bc"].map(|id| Event::sample("s", id, at, Series::new("m").label("l", id), 1.5)).into_iter().collect();
    let encoding = Encoding::Arrow(Compression::None);
    let sound = frame::encode(&batch, encoding, "s", "f").to_vec();
    for bit in 0..sound.len() * 8 {
        let mut body = sound.clone();
        body[bit / 8] ^= 1 << (bit % 8);
        let _ = frame::decode(encoding, &Bytes::from(body), "s", "f");
    }
}
