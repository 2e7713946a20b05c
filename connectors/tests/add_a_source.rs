//! The source that the guide "add a source" builds: its code compiles and does what the guide says.

#![cfg(test)]

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use floodmark_connectors::clock::TokioClock;
// The code of the guide stands in the crate of the connectors: its `crate::` is found here.
use floodmark_connectors::{settings, sources};
use floodmark_core::ports::Source;
use floodmark_schemas::{Payload, Reason, Timestamp};

#[path = "add_a_source/file_age.rs"]
mod file_age;
#[path = "common/recorder.rs"]
mod recorder;

use file_age::{Config, FileAge};
use recorder::Recorder;

const GUIDE: &str = include_str!("../../docs/guides/add-a-source.md");
const CODE: &str = include_str!("add_a_source/file_age.rs");

#[test]
fn the_guide_shows_the_code_that_is_tested_here() {
    let shown = GUIDE.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    assert!(shown == CODE, "docs/guides/add-a-source.md must show connectors/tests/add_a_source/file_age.rs as it is");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let config: Config = toml::from_str("path = \"a\"\nevery = \"0s\"").unwrap();
    let error = FileAge::new("backup", config, Arc::new(TokioClock::starting_at(Timestamp::from_secs(0)))).err().unwrap();
    assert_eq!(error.chain(), "source \"backup\": `every`: no time would pass between two looks (write for example \"1m\")");
    assert!(toml::from_str::<Config>("path = \"a\"\nevry = \"1m\"").is_err());
}

#[tokio::test(start_paused = true)]
async fn every_look_leaves_a_check_and_the_age_when_there_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup.tar");
    let file = std::fs::File::create(&path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(400)).unwrap();
    let config = toml::from_str(&format!("path = {:?}", path.display().to_string())).unwrap();
    let clock = Arc::new(TokioClock::starting_at(Timestamp::from_secs(1_000)));
    let mut source = FileAge::new("backup", config, clock).unwrap();
    let recorder = Recorder::new();
    tokio::select! {
        result = source.run(&recorder) => panic!("a source that watches does not end: {result:?}"),
        () = async {
            recorder.wait(|seen| !seen.events().is_empty()).await;
            std::fs::remove_file(&path).unwrap();
            recorder.wait(|seen| seen.events().len() == 3).await;
        } => {}
    }
    let seen: Vec<(String, Option<bool>, Option<Reason>)> = recorder
        .events()
        .into_iter()
        .map(|event| match event.payload {
            Payload::Sample(sample) => (format!("{} {} {}", sample.series.metric, sample.value, sample.series.unit), None, None),
            Payload::Check(check) => ("check".to_owned(), check.up, check.reason),
            Payload::Record(record) => (record.name, None, None),
        })
        .collect();
    let check = |up, reason| ("check".to_owned(), Some(up), reason);
    assert_eq!(seen, [("file_age 600 s".to_owned(), None, None), check(true, None), check(false, Some(Reason::Local))]);
}
