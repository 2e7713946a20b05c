//! `events export`: files that other programs read.

use std::fs::{self, File};
use std::io::Read;
use std::process::Stdio;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType};
use arrow::ipc::reader::StreamReader;
use floodmark_schemas::{Encoding, Event, Payload};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;

use crate::world::{NOON, World, checks, release, samples, temperature};

fn all() -> Vec<Event> {
    samples().into_iter().chain(checks()).chain([release()]).collect()
}

#[test]
fn json_lines_are_the_events_themselves() {
    let world = World::filled();
    let expected: String = all().iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    assert_eq!(world.run(&["events", "export"]), (0, expected, "floodmark: 6 events written to stdout\n".into()));
    let (_, stdout, stderr) = world.run(&["-q", "events", "export", "-s", "releases"]);
    assert_eq!((stdout, stderr), (serde_json::to_string(&release()).unwrap() + "\n", String::new()));
}

#[test]
fn one_csv_header_fits_all_kinds() {
    let expected = r#"id,source,time,type,metric,unit,labels,value,target,up,reason,status,duration_us,data
t1,machine,2026-01-31T12:00:00Z,floodmark.sample.v1,temperature,Cel,"{""room"":""a, \""b\""""}",21.123456789,,,,,,
l1,machine,2026-01-31T12:00:01.250000Z,floodmark.sample.v1,load,,{},12.0,,,,,,
t2,machine,2026-01-31T12:01:00Z,floodmark.sample.v1,temperature,Cel,"{""room"":""a, \""b\""""}",0.30000000000000004,,,,,,
c1,website,2026-01-31T12:00:02Z,floodmark.check.v1,,,{},,https://a,true,,200,12345,"{""target"":""https://a"",""up"":true,""status"":200,""duration_us"":12345,""attempt"":1}"
c2,website,2026-01-31T12:00:03Z,floodmark.check.v1,,,"{""region"":""eu""}",,https://b,false,tls_expired,,,"{""target"":""https://b"",""up"":false,""reason"":""tls_expired"",""detail"":""ended in May"",""attempt"":1,""labels"":{""region"":""eu""}}"
r1,releases,2026-01-31T12:00:04Z,floodmark.record.v1,,,,,,,,,,"{""name"":""github.release"",""fact"":{""tag"":""v1.0""}}"
"#;
    assert_eq!(World::filled().run(&["events", "export", "--format", "csv"]).1, expected);
}

#[test]
fn the_help_documents_the_header() {
    let world = World::empty();
    let help = world.stdout(&["events", "export", "--help"]);
    let (_, header, _) = world.run(&["events", "export", "--format", "csv"]);
    assert!(help.lines().any(|line| line.trim_start() == header.trim_end()), "{help}");
}

/// What the columns say of each event, in the words of the events.
fn assert_holds(batch: &RecordBatch, events: &[Event]) {
    let names: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["id", "source", "time", "type", "metric", "unit", "labels", "value", "data"]);
    assert_eq!(*batch.column(2).data_type(), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    assert_eq!(batch.num_rows(), events.len());
    let text = |column: usize, row: usize| {
        let column = batch.column(column).as_string::<i32>();
        (!column.is_null(row)).then(|| column.value(row).to_owned())
    };
    for (row, event) in events.iter().enumerate() {
        assert_eq!([0, 1, 3].map(|column| text(column, row).unwrap()), [&*event.id, &*event.source, event.payload.type_name()]);
        assert_eq!(batch.column(2).as_primitive::<TimestampMicrosecondType>().value(row), event.time.micros());
        let value = batch.column(7).as_primitive::<Float64Type>();
        let json = |payload: &Payload| Some(serde_json::to_value(payload).unwrap()["data"].to_string());
        let data = text(8, row).map(|data| serde_json::from_str::<serde_json::Value>(&data).unwrap().to_string());
        match &event.payload {
            Payload::Sample(sample) => {
                let labels = serde_json::to_string(&sample.series.labels).unwrap();
                let expected = [sample.series.metric.clone(), sample.series.unit.clone(), labels].map(Some);
                assert_eq!([4, 5, 6].map(|column| text(column, row)), expected);
                assert_eq!((value.value(row), data), (sample.value, None));
            }
            Payload::Check(check) => {
                let labels = serde_json::to_string(&check.labels).unwrap();
                assert_eq!([4, 5, 6].map(|column| text(column, row)), [None, None, Some(labels)]);
                assert_eq!((value.is_null(row), data), (true, json(&event.payload)));
            }
            Payload::Record(_) => {
                assert_eq!([4, 5, 6].map(|column| text(column, row)), [None, None, None]);
                assert_eq!((value.is_null(row), data), (true, json(&event.payload)));
            }
        }
    }
}

#[test]
fn a_parquet_file_reads_back() {
    let world = World::filled();
    let (code, stdout, stderr) = world.run(&["events", "export", "--format", "parquet", "-o", "all.parquet"]);
    assert_eq!((code, &*stdout, &*stderr), (0, "", "floodmark: 6 events written to all.parquet\n"));
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(world.path("all.parquet")).unwrap()).unwrap();
    let column = builder.metadata().row_group(0).column(0);
    assert!(matches!(column.compression(), Compression::ZSTD(_)), "{:?}", column.compression());
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    assert_holds(&batches[0], &all());
}

#[test]
fn an_arrow_stream_reads_back() {
    let output = World::filled().command(&["events", "export", "--format", "arrow"]).output().unwrap();
    let batches: Vec<RecordBatch> = StreamReader::try_new(&*output.stdout, None).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    assert_holds(&batches[0], &all());
}

#[test]
fn an_export_without_events_is_still_a_file_of_its_format() {
    let world = World::empty();
    for (format, file) in [("json", "e.json"), ("csv", "e.csv"), ("parquet", "e.parquet"), ("arrow", "e.arrow")] {
        let expected = (0, String::new(), format!("floodmark: 0 events written to {file}\n"));
        assert_eq!(world.run(&["events", "export", "--format", format, "-o", file]), expected);
    }
    assert_eq!(fs::read_to_string(world.path("e.json")).unwrap(), "");
    assert_eq!(fs::read_to_string(world.path("e.csv")).unwrap().lines().count(), 1);
    let parquet = ParquetRecordBatchReaderBuilder::try_new(File::open(world.path("e.parquet")).unwrap()).unwrap();
    assert_eq!(parquet.metadata().file_metadata().num_rows(), 0);
    assert_eq!(StreamReader::try_new(File::open(world.path("e.arrow")).unwrap(), None).unwrap().count(), 0);
}

#[test]
fn many_pages_come_out_whole_and_in_order() {
    let world = World::empty();
    let count = 23_456;
    let event = |n: i64| temperature(&n.to_string(), n, n as f64 / 7.0);
    for first in (0..count).step_by(1_000) {
        world.frame("machine", Encoding::Json, (first..count.min(first + 1_000)).map(event).collect());
    }
    let expected: String = (0..count).map(|n| serde_json::to_string(&event(n)).unwrap() + "\n").collect();
    assert!(world.run(&["-q", "events", "export"]) == (0, expected, String::new()));
    let from = (NOON + 22_000).to_string();
    let from = floodmark_schemas::Timestamp::from_secs(from.parse().unwrap()).to_string();
    let (_, stdout, _) = world.run(&["events", "export", "--format", "parquet", "-o", "p", "--from", &from, "-s", "machine"]);
    assert_eq!(stdout, "");
    let batches = ParquetRecordBatchReaderBuilder::try_new(File::open(world.path("p")).unwrap()).unwrap().build().unwrap();
    let values = batches.flat_map(|batch| batch.unwrap().column(7).as_primitive::<Float64Type>().values().to_vec());
    assert!(values.eq((22_000..count).map(|n| n as f64 / 7.0)));
}

#[test]
fn a_file_that_exists_is_overwritten_only_when_asked() {
    let world = World::filled();
    let file = world.path("out.json");
    fs::write(&file, "mine").unwrap();
    let export = ["events", "export", "-s", "releases", "-o", "out.json"];
    let expected = "floodmark: out.json is there already\n  Help: --force overwrites it\n";
    assert_eq!(world.run(&export), (1, String::new(), expected.into()));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let forced = world.run(&[&export[..], &["--force"]].concat());
    assert_eq!(forced, (0, String::new(), "floodmark: 1 event written to out.json\n".into()));
    assert_eq!(fs::read_to_string(&file).unwrap(), serde_json::to_string(&release()).unwrap() + "\n");
    let (code, _, stderr) = world.run(&["events", "export", "-o", "data", "--force"]);
    assert_eq!((code, &*stderr), (1, "floodmark: data is there and is not a plain file\n"));
    assert_eq!(world.run(&["events", "export", "-o", "none/out.json"]).0, 1);
    let mut names: Vec<_> = fs::read_dir(world.directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["data", "out.json"]);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let world = World::empty();
    for n in 0..20 {
        world.frame("machine", Encoding::Json, (0..1_000).map(|i| temperature(&format!("{n}.{i}"), i, 1.0)).collect());
    }
    for args in
        [&["events", "export"][..], &["events", "export", "--format", "arrow"], &["events", "ls", "--format", "json", "-n", "20000"]]
    {
        let mut child = world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{args:?}");
    }
}
