//! The files of the benchmark, and where its anomalies are.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;

/// Digits of a time up to its second: labels write fractions, the data does not.
const TO_THE_SECOND: usize = 19;

/// One file.
#[derive(Clone, Debug)]
pub struct File {
    pub rows: Vec<Row>,
    /// The rows of each window with an anomaly, in order.
    pub windows: Vec<Range<usize>>,
}

/// One row of it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub time: Timestamp,
    pub value: f64,
}

/// Reads a corpus, in the order of the names of its files.
///
/// # Errors
/// `Broken` when it cannot be read.
pub fn load(dir: &Path) -> Result<Vec<File>> {
    let path = dir.join("labels/combined_windows.json");
    let doing = || format!("reading the labels in {}", path.display());
    let labels: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_slice(&read(&path)?).map_err(|e| Error::broken(doing()).because(e))?;
    labels.iter().map(|(name, windows)| load_file(&dir.join("data").join(name), windows)).collect()
}

fn load_file(path: &Path, windows: &[(String, String)]) -> Result<File> {
    let broken = |what: String| Error::broken(format!("reading {}: {what}", path.display()));
    let text = String::from_utf8(read(path)?).map_err(|e| broken("it is not UTF-8".to_owned()).because(e))?;
    let row = |(n, line): (usize, &str)| -> Result<Row> {
        let row = line.split_once(',').and_then(|(time, value)| Some(Row { time: time_of(time)?, value: value.trim().parse().ok()? }));
        row.ok_or_else(|| broken(format!("line {} is no time and number", n + 1)))
    };
    let rows = text.lines().enumerate().skip(1).map(row).collect::<Result<Vec<_>>>()?;
    // A time that stands there twice begins and ends a window where it stands first.
    let place = |text: &str| {
        let row = time_of(text).and_then(|time| rows.iter().position(|row| row.time == time));
        row.ok_or_else(|| broken(format!("there is no row of {text:?}, where a window begins or ends")))
    };
    let mut windows = windows.iter().map(|(begin, end)| Ok(place(begin)?..place(end)? + 1)).collect::<Result<Vec<_>>>()?;
    windows.sort_by_key(|window| window.start);
    Ok(File { rows, windows })
}

fn time_of(text: &str) -> Option<Timestamp> {
    Timestamp::parse(&format!("{}Z", text.get(..TO_THE_SECOND)?.replace(' ', "T"))).ok()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::broken(format!("reading {}", path.display())).because(e))
}
