//! `tap`: events that are appended while it runs.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use floodmark_core::conformance::store::{commit_entry, dead_letter_entry, frame_entry};
use floodmark_core::ports::Entry;
use floodmark_schemas::commit::{Late, Output};
use floodmark_schemas::frame::Compression;
use floodmark_schemas::{Alert, AlertState, Encoding, Event, Rollup, Severity};

use crate::world::{World, after_noon, checks, dead_letters, release, rollup, samples, temperature};

struct Tap {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Tap {
    /// Starts it, and waits until it waits for events.
    fn start(world: &World, args: &[&str]) -> Self {
        let command = [&["tap"][..], args].concat();
        let mut child = world.command(&command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
        let stages = [
            ("rollups", "rollups"),
            ("alerts", "alerts"),
            ("late", "late events"),
            ("dead-letters", "dead letters"),
            ("commits", "commits"),
        ];
        let what = stages.into_iter().find(|(stage, _)| args.first() == Some(stage)).map_or("events", |(_, what)| what);
        assert_eq!(err.next().unwrap().unwrap(), format!("floodmark: waiting for {what} in data; Ctrl-C ends it"));
        Self { child, out, err }
    }

    fn line(&mut self) -> String {
        self.out.next().expect("it goes on").unwrap()
    }

    /// Waits for its end: exit code, and what else came on stdout and stderr.
    fn end(mut self) -> (Option<i32>, Vec<String>, Vec<String>) {
        let (out, err) = (self.out.map(Result::unwrap).collect(), self.err.map(Result::unwrap).collect());
        (self.child.wait().unwrap().code(), out, err)
    }
}

fn append_all(world: &World) {
    world.frame("machine", Encoding::Arrow(Compression::Lz4), samples());
    world.tick();
    world.frame("website", Encoding::Json, checks());
    world.frame("releases", Encoding::Json, vec![release()]);
}

#[test]
fn events_appear_as_they_are_appended_and_older_ones_do_not() {
    let world = World::empty();
    world.frame("machine", Encoding::Json, vec![temperature("old", -60, 9.0)]);
    let mut tap = Tap::start(&world, &["-n", "6"]);
    world.frame("machine", Encoding::Json, samples());
    // They are there while it waits for more.
    assert_eq!(tap.line(), r#"2026-01-31T12:00:00.000Z  machine  temperature{room="a, \"b\""} 21.1235 Cel"#);
    assert_eq!(tap.line(), "2026-01-31T12:00:01.250Z  machine  load 12");
    assert_eq!(tap.line(), r#"2026-01-31T12:01:00.000Z  machine  temperature{room="a, \"b\""} 0.3 Cel"#);
    world.tick();
    world.frame("website", Encoding::Json, checks());
    assert_eq!(tap.line(), "2026-01-31T12:00:02.000Z  website  https://a up 12.345 ms");
    assert_eq!(tap.line(), "2026-01-31T12:00:03.000Z  website  https://b DOWN tls_expired ended in May");
    world.frame("releases", Encoding::Json, vec![release(), release()]);
    assert_eq!(tap.line(), r#"2026-01-31T12:00:04.000Z  releases  github.release {"tag":"v1.0"}"#);
    assert_eq!(tap.end(), (Some(0), vec![], vec![]));
}

#[test]
fn json_lines_are_the_events_of_the_sources_and_metrics_asked_for() {
    let json = |events: &[Event]| events.iter().map(|event| serde_json::to_string(event).unwrap()).collect::<Vec<_>>();
    for (args, expected) in [
        (&["web*", "none"][..], checks()),
        (&["*a*"], samples().into_iter().chain([release()]).collect()),
        (&["--metric", "temp*"], vec![samples()[0].clone(), samples()[2].clone()]),
        (&["m*", "-m", "load"], vec![samples()[1].clone()]),
    ] {
        let world = World::empty();
        let limit = expected.len().to_string();
        let tap = Tap::start(&world, &[args, &["--format", "json", "-n", &limit]].concat());
        append_all(&world);
        // "releases" has an "a" as well, and comes last.
        assert_eq!(tap.end(), (Some(0), json(&expected), vec![]), "{args:?}");
    }
}

fn late() -> Late {
    let Rollup { operator, source, series, .. } = rollup(0, None);
    Late { operator, source, series, time: after_noon(7), value: 1.5, position: 9, index: 0 }
}

fn alert() -> Alert {
    let Rollup { source, series, .. } = rollup(0, None);
    Alert {
        id: "00".to_owned(),
        step: 1,
        rule: "hot".to_owned(),
        version: "00000001".to_owned(),
        source,
        labels: series.labels.clone(),
        series: (*series).clone(),
        state: AlertState::Firing,
        before: AlertState::Pending,
        severity: Severity::Critical,
        time: after_noon(8),
        began: after_noon(0),
        fired: Some(after_noon(8)),
        noticed: after_noon(9),
        value: Some(97.25),
        threshold: Some(95.0),
        evidence: None,
        flapping: true,
        annotations: [("summary".to_owned(), "too\nhot".to_owned())].into(),
    }
}

/// Commits of two operators and a rule, and the dead letters.
fn output_all(world: &World) {
    let corrected = Rollup { revision: 1, ..rollup(60, Some(0.25)) };
    let outputs = vec![Output::Rollup(rollup(0, None)), Output::Late(late()), Output::Rollup(corrected)];
    world.output(commit_entry(1, "minutes", outputs));
    world.output(commit_entry(4, "hot", vec![Output::Alert(alert())]));
    world.output(commit_entry(2, "hours", vec![Output::Rollup(Rollup { operator: "hours".into(), ..rollup(0, None) })]));
    dead_letters().iter().for_each(|letter| world.output(dead_letter_entry(3, letter)));
}

#[test]
fn each_stage_shows_what_is_in_the_output_log() {
    let hours = r#"2026-01-31T12:00:00.000Z  hours  machine  temperature{room="a"} over 60 s: count 60 sum 0.3 mean 1.23457e6 max 99 Cel"#;
    let (first, second) = (
        r#"2026-01-31T12:00:00.000Z  minutes  machine  temperature{room="a"} over 60 s: count 60 sum 0.3 mean 1.23457e6 max 99 Cel"#,
        r#"2026-01-31T12:01:00.000Z  minutes  machine  temperature{room="a"} over 60 s: count 60 sum 0.3 mean 1.23457e6 max 99 q0.5 0.25 Cel revision 1"#,
    );
    for (args, expected) in [
        (&["rollups", "--operator", "min*"][..], &[first, second][..]),
        (&["rollups", "mach*", "--metric", "temp*", "--operator", "h*"], &[hours]),
        (
            &["alerts", "--operator", "h*"],
            &[
                r#"2026-01-31T12:00:08.000Z  hot  machine  firing critical temperature{room="a"}, was pending, value 97.25, limit 95, flapping, too\nhot"#,
            ],
        ),
        (&["late"], &[r#"2026-01-31T12:00:07.000Z  minutes  machine  temperature{room="a"} 1.5 Cel"#]),
        (&["dead-letters", "hist*"], &[r#"2026-01-31T12:00:05.000Z  history  t.csv:17  no number:\n"x""#]),
        (&["commits", "hours"], &["2026-01-31T12:00:00.000Z  hours/0  commit 2 up to 2 outputs 1 late 0"]),
    ] {
        let world = World::empty();
        let tap = Tap::start(&world, &[args, &["-n", &expected.len().to_string()]].concat());
        output_all(&world);
        assert_eq!(tap.end(), (Some(0), expected.iter().map(|line| (*line).to_owned()).collect(), vec![]), "{args:?}");
    }
}

#[test]
fn results_as_json_are_those_of_the_schema() {
    let world = World::empty();
    let tap = Tap::start(&world, &["rollups", "-n", "1", "--operator", "hours", "--format", "json"]);
    output_all(&world);
    let expected = Rollup { operator: "hours".into(), ..rollup(0, None) };
    assert_eq!(tap.end(), (Some(0), vec![serde_json::to_string(&expected).unwrap()], vec![]));
}

#[test]
fn filters_that_a_stage_has_not_are_wrong_usage() {
    let world = World::empty();
    for (args, expected) in [
        (["tap", "--operator", "a"], "--operator chooses among results: events have none"),
        (["tap", "commits", "--metric=a"], "--metric chooses among series: commits have none"),
    ] {
        assert_eq!(world.run(&args), (64, String::new(), format!("floodmark: {expected}\n")));
    }
}

#[test]
fn a_frame_that_cannot_be_read_is_reported_and_passed() {
    let world = World::empty();
    let tap = Tap::start(&world, &["-n", "1"]);
    world.append(Entry { body: "nonsense".into(), ..frame_entry(1, "machine", Encoding::Json, samples()) });
    world.frame("releases", Encoding::Json, vec![release()]);
    let (code, out, err) = tap.end();
    assert_eq!((code, out.len(), err.len()), (Some(0), 1, 1));
    let expected = "floodmark: the frame at position 1 of the log cannot be read: reading a message: the body is not an array of events";
    assert!(err[0].starts_with(expected), "{}", err[0]);
}

#[test]
fn ctrl_c_ends_it_with_130() {
    let world = World::empty();
    let mut tap = Tap::start(&world, &[]);
    world.frame("releases", Encoding::Json, vec![release()]);
    tap.line();
    assert!(Command::new("kill").args(["-INT", &tap.child.id().to_string()]).status().unwrap().success());
    assert_eq!(tap.end(), (Some(130), vec![], vec![]));
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let world = World::empty();
    let mut tap = Tap::start(&world, &[]);
    world.frame("releases", Encoding::Json, vec![release()]);
    tap.line();
    drop(tap.out);
    world.frame("releases", Encoding::Json, vec![release()]);
    assert_eq!(tap.err.map(Result::unwrap).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(tap.child.wait().unwrap().code(), Some(0));
}
