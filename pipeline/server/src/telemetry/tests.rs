use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, OnceLock},
};

use floodmark_core::ports::{Size, SourceSpec, alerts::Depth, log::dead_letter_entry};
use floodmark_engine::telemetry::{
    DeadLetterMeters, DeskMeters, GapMeters, JobMeters, LogMeters, PollMeters, ReceiverMeters, SinkMeters, SourceMeters, show_states,
};
use floodmark_engine::{Shards, SourceState, Statuses};
use floodmark_schemas::{DeadLetter, Encoding};
use prometheus::proto::MetricType;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// The meter provider is one for the process, and so for all its tests.
pub(crate) fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| Metrics::start(Timestamp::from_secs(1_000)).unwrap())
}

/// The lines of `/metrics` that begin with `start`.
pub(crate) fn lines(start: &str) -> Vec<String> {
    let text = prometheus::TextEncoder::new().encode_to_string(&metrics().registry.gather()).unwrap();
    text.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;
    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

fn logged(logging: Logging, wanted: Option<&str>) -> String {
    let lines = Lines::default();
    let subscriber = logging.subscriber(wanted, Colours::Off, lines.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(source = "host", "source started");
        tracing::debug!("source polled");
        tracing::info!(target: "some_library", "chatter");
        tracing::warn!(target: "some_library", "trouble");
    });
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn the_level_follows_the_flags_and_the_variable_goes_before_them() {
    let cases = [
        (-3, None, vec![]),
        (-2, None, vec![]),
        (-1, None, vec!["trouble"]),
        (0, None, vec!["source started", "trouble"]),
        (1, None, vec!["source started", "source polled", "trouble"]),
        (2, None, vec!["source started", "source polled", "chatter", "trouble"]),
        (3, None, vec!["source started", "source polled", "chatter", "trouble"]),
        (3, Some("some_library=info"), vec!["chatter", "trouble"]),
        (-3, Some("debug"), vec!["source started", "source polled", "chatter", "trouble"]),
    ];
    for (verbosity, wanted, expected) in cases {
        let text = logged(Logging { verbosity, ..Logging::default() }, wanted);
        let messages = ["source started", "source polled", "chatter", "trouble"];
        let found: Vec<&str> = messages.into_iter().filter(|message| text.contains(message)).collect();
        assert_eq!(found, expected, "{verbosity} {wanted:?}");
    }
}

#[test]
fn json_lines_are_objects_with_the_fields_of_the_event() {
    let text = logged(Logging { format: LogFormat::Json, verbosity: 0 }, None);
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["level"], &lines[0]["message"], &lines[0]["source"]), (&"INFO".into(), &"source started".into(), &"host".into()));
}

#[test]
fn a_wrong_filter_is_an_error_that_names_the_variable() {
    let error = Logging::default().filter(Some("floodmark=loud")).unwrap_err();
    let expected = "reading FLOODMARK_LOG=\"floodmark=loud\": expected a level such as debug, or info,floodmark_engine=trace";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_is_recorded_is_shown_and_goes_on_when_meters_are_made_again() {
    metrics();
    for _ in 0..2 {
        let source = SourceMeters::new("recorded");
        source.accepted(1_000);
        source.frames(1, 170_000);
        source.newest(Timestamp::from_micros(101_500_000));
        LogMeters::new("recorded").appended(3_000, 7);
        JobMeters::new("recorded", 7, "events").watermark(Timestamp::MIN, Timestamp::from_secs(1));
    }
    assert_eq!(lines("floodmark_source_events_total{source=\"recorded\"}"), [r#"floodmark_source_events_total{source="recorded"} 2000"#]);
    assert_eq!(
        lines("floodmark_source_frame_bytes_total{source=\"recorded\"}"),
        [r#"floodmark_source_frame_bytes_total{source="recorded"} 340000"#]
    );
    assert_eq!(
        lines("floodmark_source_event_time_seconds{source=\"recorded\"}"),
        [r#"floodmark_source_event_time_seconds{source="recorded"} 101.5"#]
    );
    assert_eq!(lines("floodmark_source_restarts_total{source=\"recorded\"}"), [r#"floodmark_source_restarts_total{source="recorded"} 0"#]);
    assert_eq!(
        lines(r#"floodmark_log_append_seconds_bucket{log="recorded",le="0.0"#)[2..4],
        [
            r#"floodmark_log_append_seconds_bucket{log="recorded",le="0.0025"} 0"#,
            r#"floodmark_log_append_seconds_bucket{log="recorded",le="0.005"} 2"#
        ]
    );
    // A watermark that does not exist yet is not a time.
    assert_eq!(lines("floodmark_job_watermark_seconds{operator=\"recorded\""), Vec::<String>::new());
    assert_eq!(lines("floodmark_process_start_time_seconds"), ["floodmark_process_start_time_seconds 1000"]);
}

/// Windows and scores alike.
#[tokio::test]
async fn values_that_a_formula_does_not_give_are_counted() {
    metrics();
    let text = r#"
        [sources.api]
        type = "push"
        [operators.undefined_windows]
        type = "tumbling"
        size = "1m"
        value = "1 / value"
        metric = "inverse"
        [operators.undefined_scores]
        type = "anomaly"
        value = "sqrt(value - 3)"
        metric = "root"
        [[tests]]
        name = "formulas"
        exact = true
        input = [{ at = "0s..40s every 10s", source = "api", metric = "m", value = [0, 4, 0, 2] }]
        advance = "2m"
        expect = [{ operator = "undefined_windows", window = "0s..1m", count = 2, max = 0.5 }]
    "#;
    let config = crate::config::from_text("formulas.toml", text).unwrap_or_else(|report| panic!("{report}"));
    let outcome = crate::testing::run(&config, &config.tests[0]).await.unwrap();
    assert!(outcome.ok, "{outcome:?}");
    assert_eq!(
        lines(r#"floodmark_job_undefined_values_total{operator="undefined_"#),
        [
            r#"floodmark_job_undefined_values_total{operator="undefined_scores",partition="0"} 3"#,
            r#"floodmark_job_undefined_values_total{operator="undefined_windows",partition="0"} 2"#
        ]
    );
}

fn source_spec(id: &str) -> SourceSpec {
    let (encoding, disorder) = (Encoding::Json, std::time::Duration::ZERO);
    SourceSpec { id: id.to_owned(), shard: None, encoding, disorder, live: true }
}

#[test]
fn a_source_is_shown_in_one_state_while_its_pipeline_is_there() {
    metrics();
    let statuses = Statuses::default();
    show_states(&statuses);
    let shown = || -> Vec<String> {
        let of_source = lines("floodmark_source_state{source=\"shown\"");
        of_source.into_iter().filter(|line| line.ends_with(" 1")).collect()
    };
    for (state, name) in [(SourceState::Starting, "starting"), (SourceState::BackingOff, "backing_off"), (SourceState::Failed, "failed")] {
        statuses.update(&source_spec("shown"), |status| status.state = state);
        assert_eq!(shown(), [format!(r#"floodmark_source_state{{source="shown",state="{name}"}} 1"#)]);
        assert_eq!(serde_json::to_value(state).unwrap(), name);
    }
    assert_eq!(lines("floodmark_source_state{source=\"shown\"").len(), SourceState::ALL.len());
    drop(statuses);
    assert_eq!(lines("floodmark_source_state{source=\"shown\""), Vec::<String>::new());
}

#[test]
fn dead_letters_are_counted_by_component_and_class() {
    metrics();
    let meters = DeadLetterMeters::default();
    for origin in ["a.csv:1", "a.csv:2", "source counted"] {
        let letter = DeadLetter::new("counted", origin, origin, "bad", Timestamp::from_secs(1), b"x");
        meters.of(&dead_letter_entry(&letter).unwrap()).unwrap().add(1);
    }
    let mut shown = lines("floodmark_dead_letters_total");
    shown.retain(|line| line.contains("counted"));
    shown.sort();
    assert_eq!(
        shown,
        [
            r#"floodmark_dead_letters_total{class="input",component="counted"} 2"#,
            r#"floodmark_dead_letters_total{class="size",component="counted"} 1"#
        ]
    );
}

#[tokio::test]
async fn the_page_about_metrics_lists_exactly_what_is_shown() {
    crate::api::tests::one_request().await;
    let (time, later) = (Timestamp::from_secs(1), Timestamp::from_secs(2));
    let (source, job, sink, log) =
        (SourceMeters::new("doc"), JobMeters::new("doc", 0, "events"), SinkMeters::new("doc", "outputs"), LogMeters::new("doc"));
    source.newest(time);
    source.shards(Shards::default());
    source.polled(std::time::Duration::ZERO);
    job.watermark(time, later);
    job.position(1);
    sink.written(1, 1);
    sink.took(std::time::Duration::ZERO);
    log.appended(1, 1);
    log.holds(Size { bytes: 1, retention_bytes: Some(2), bytes_max: Some(3) });
    let letter = DeadLetter::new("doc", "1", "a.csv:1", "bad", time, b"x");
    drop(DeadLetterMeters::default().of(&dead_letter_entry(&letter).unwrap()));
    drop(PollMeters::new("doc"));
    drop(GapMeters::new("doc"));
    let statuses = Statuses::default();
    statuses.update(&source_spec("doc"), |status| status.state = SourceState::Running);
    show_states(&statuses);
    let (receiver, desk) = (ReceiverMeters::new("doc"), DeskMeters::default());
    receiver.handed_over(time, later);
    desk.took(1, [0, 1, 0, 0]);
    desk.waits(&[Depth { receiver: "doc".to_owned(), waiting: 1, oldest: time }], later);

    let shown: BTreeSet<String> = metrics()
        .registry
        .gather()
        .iter()
        .map(|family| {
            let kind = match family.get_field_type() {
                MetricType::COUNTER => "counter",
                MetricType::GAUGE => "gauge",
                MetricType::HISTOGRAM => "histogram",
                other => panic!("{other:?}"),
            };
            let labels: BTreeSet<String> = family.get_metric()[0].get_label().iter().map(|label| format!("`{}`", label.name())).collect();
            format!("`{}` | {kind} | {}", family.name(), labels.into_iter().collect::<Vec<_>>().join(", "))
        })
        .collect();
    let documented: BTreeSet<String> = include_str!("../../../../docs/metrics.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.rsplit_once(" | "))
        .map(|(row, _)| format!("`{}", if row.ends_with(" |") { format!("{row} ") } else { row.to_owned() }))
        .collect();
    assert_eq!(documented, shown);
}
