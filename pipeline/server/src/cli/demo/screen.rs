//! What the demo shows: a line for each second of this machine, for each check, and for each window that closes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use floodmark_core::ports::{Entry, Limit, Log, Position, Reader};
use floodmark_schemas::{Event, FrameHeader, JobEntry, Payload, Rollup, Timestamp, commit::Output, frame, subject};

use crate::cli::output;
use crate::cli::running::View;

/// Shows what comes until the view's `stop`.
pub async fn show(view: View, data_dir: PathBuf) {
    let screen = async {
        let mut events = follow(&*view.events, subject::EVENTS).await?;
        let mut outputs = follow(&*view.outputs, subject::OUTPUTS).await?;
        let mut hinted = false;
        loop {
            tokio::select! {
                entries = events.next(Limit::default()) => entries?.iter().for_each(|entry| print(&events_text(entry))),
                entries = outputs.next(Limit::default()) => for entry in entries? {
                    let text = windows_text(&entry);
                    print(&text);
                    if !text.is_empty() && !hinted {
                        hinted = true;
                        output::notice(&hint(&view, &data_dir));
                    }
                },
            }
        }
    };
    let outcome: Option<floodmark_core::Result<()>> = view.stop.run_until_cancelled(screen).await;
    if let Some(Err(e)) = outcome {
        tracing::warn!(error = e.chain(), "the demo cannot show what comes any more");
    }
}

async fn follow(log: &dyn Log, pattern: &str) -> floodmark_core::Result<Box<dyn Reader>> {
    let tail: Position = log.continuity().await?.tail;
    log.reader(vec![pattern.to_owned()], tail).await
}

fn print(text: &str) {
    // Nobody reads any more, as with `| head`: the demo goes on until it is told to stop.
    drop(output::print(text));
}

fn events_text(entry: &Entry) -> String {
    let events = FrameHeader::from_headers(&entry.headers)
        .and_then(|header| frame::decode(header.encoding, &entry.body, &header.source, entry.id.as_deref().unwrap_or_default()));
    let mut machine: BTreeMap<Timestamp, BTreeMap<String, f64>> = BTreeMap::new();
    let mut text = String::new();
    for Event { time, payload, .. } in events.unwrap_or_default() {
        match payload {
            // Disks and interfaces are summed: one line has no room for each.
            Payload::Sample(sample) => *machine.entry(time).or_default().entry(sample.series.metric).or_default() += sample.value,
            Payload::Check(check) => {
                let state = match (check.up, check.reason) {
                    (Some(true), _) => format!("up in {:.1} ms", check.duration_us.unwrap_or_default() as f64 / 1e3),
                    (up, reason) => format!("{} {reason:?}", if up.is_some() { "DOWN" } else { "unknown" }),
                };
                writeln!(text, "{}  {}  {state}", clock(time), check.target).expect("writing to a string does not fail");
            }
            Payload::Record(_) => {}
        }
    }
    // The first second has no rates yet.
    for (time, of) in machine.into_iter().filter(|(_, of)| of.contains_key("cpu_usage")) {
        let value = |metric: &str| of.get(metric).copied().unwrap_or_default();
        let line = format!(
            "{}  cpu {:5.1} %   memory {} of {}   load {:.2}   disk {}/s   network {}/s",
            clock(time),
            value("cpu_usage"),
            size(value("memory_used")),
            size(value("memory_total")),
            value("load1"),
            size(value("disk_read") + value("disk_written")),
            size(value("network_received") + value("network_transmitted")),
        );
        writeln!(text, "{line}").expect("writing to a string does not fail");
    }
    text
}

/// A line for each window that closed, with the figures of the CPU.
fn windows_text(entry: &Entry) -> String {
    let Ok(JobEntry::Commit(commit)) = serde_json::from_slice(&entry.body) else { return String::new() };
    let mut windows: BTreeMap<(Timestamp, Timestamp), Vec<&Rollup>> = BTreeMap::new();
    for output in &commit.outputs {
        if let Output::Rollup(rollup) = output {
            windows.entry((rollup.window.start, rollup.window.end)).or_default().push(rollup);
        }
    }
    let mut text = String::new();
    for ((start, end), rollups) in windows {
        write!(text, "{}  window {} to {} closed with {} series", clock(end), clock(start), clock(end), rollups.len())
            .expect("writing to a string does not fail");
        let cpu = rollups.iter().find(|rollup| rollup.series.metric == "cpu_usage");
        if let Some((mean, max)) = cpu.and_then(|rollup| rollup.aggregates.mean.zip(rollup.aggregates.max)) {
            write!(text, ": cpu mean {mean:.1} %, max {max:.1} %").expect("writing to a string does not fail");
        }
        text.push('\n');
    }
    text
}

fn hint(view: &View, data_dir: &std::path::Path) -> String {
    let data = data_dir.display();
    let api = view
        .api
        .map_or(String::new(), |api| format!("  curl 'http://{api}/api/v1/rollups?metric=cpu_usage'\n  curl http://{api}/metrics\n"));
    format!(
        "\nThe first window has closed: it can be asked for. In another terminal, try\n{api}  \
         floodmark tap --data-dir {data}\n  floodmark query rollups --metric cpu_usage --data-dir {data}\n  \
         sqlite3 {data}/store.db 'select * from latest'\n\n"
    )
}

/// The time of day, UTC.
fn clock(time: Timestamp) -> String {
    time.to_string().get(11..19).unwrap_or_default().to_owned()
}

fn size(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut n = bytes;
    while n >= 1024.0 && unit + 1 < UNITS.len() {
        n /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n:.0} {}", UNITS[unit]) } else { format!("{n:.1} {}", UNITS[unit]) }
}
