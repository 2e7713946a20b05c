//! The whole way: a file of events through the durable log and windows into the store, every window compared with an
//! oracle.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use floodmark_core::ports::{RollupFilter, RollupQuery};
use floodmark_core::{Error, Result};
use floodmark_schemas::Rollup;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::generate::{Made, Shape, ndjson};
use super::{Figure, Stopwatch};
use crate::assemble::{Assembled, assemble};
use crate::config::from_text;

const WINDOW_US: i64 = 10_000_000;

/// One window of one series by the oracle.
#[derive(Clone, Copy, Debug)]
struct Cell {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

/// Runs `shape` through a pipeline in `dir`.
///
/// # Errors
/// When the pipeline fails, or a window differs from the oracle.
pub async fn pipeline(dir: &Path, shape: Shape) -> Result<Vec<Figure>> {
    let path = dir.join("events.ndjson");
    let bytes = write(&path, shape).map_err(|e| Error::unavailable(format!("writing {}", path.display())).because(e))?;
    let config = format!(
        "data_dir = {:?}\n[api]\nenabled = false\n[sources.bench]\ntype = \"file\"\npath = {path:?}\nencoding = \"arrow\"\ndisorder = \"2s\"\n\
         [operators.ten_seconds]\ntype = \"tumbling\"\nsize = \"10s\"\naggregates = [\"count\", \"sum\", \"min\", \"max\"]\n",
        dir.join("data")
    );
    let config = from_text("bench", &config).map_err(|report| Error::broken(report.render(false)))?;

    let watch = Stopwatch::start();
    let Assembled { pipeline, store, .. } = assemble(&config).await?;
    pipeline.run(CancellationToken::new(), watch::Sender::new(false)).await?;
    let note = format!("{} bytes a line, {} series, 10 s windows, {} MB on disk", bytes / shape.events.max(1), shape.series, disk(dir));
    let figure = watch.figure("ndjson file, durable log, windows, store", shape.events, note);
    compare(&*store, oracle(shape)).await?;
    Ok(vec![figure])
}

fn write(path: &Path, shape: Shape) -> std::io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    ndjson(&mut out, shape)?;
    out.flush()?;
    Ok(path.metadata()?.len())
}

fn disk(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir.join("data")).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum::<u64>() / 1_000_000
}

fn oracle(shape: Shape) -> BTreeMap<(u32, i64), Cell> {
    let mut cells: BTreeMap<(u32, i64), Cell> = BTreeMap::new();
    for Made { time_us, series, milli } in shape.events() {
        let value = milli as f64 / 1e3;
        let cell = cells.entry((series, time_us.div_euclid(WINDOW_US))).or_insert(Cell { count: 0, sum: 0.0, min: value, max: value });
        cell.count += 1;
        cell.sum += value;
        cell.min = cell.min.min(value);
        cell.max = cell.max.max(value);
    }
    cells
}

/// Every window of the store is the oracle's, and there is no other.
async fn compare(store: &dyn RollupQuery, mut cells: BTreeMap<(u32, i64), Cell>) -> Result<()> {
    let mut after = None;
    loop {
        let page = store.rollups(&RollupFilter::default(), after.as_deref(), 10_000).await?;
        for rollup in &page.items {
            let cell = key(rollup).and_then(|key| cells.remove(&key));
            if !cell.is_some_and(|cell| equal(rollup, cell)) {
                return Err(Error::broken(format!("a window differs from the oracle: {rollup:?} is not {cell:?}")));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    match cells.len() {
        0 => Ok(()),
        missing => Err(Error::broken(format!("{missing} windows of the oracle are not in the store"))),
    }
}

fn key(rollup: &Rollup) -> Option<(u32, i64)> {
    let series = rollup.series.labels.get("host")?.strip_prefix("host-")?.parse().ok()?;
    Some((series, rollup.window.start.micros() / WINDOW_US))
}

fn equal(rollup: &Rollup, cell: Cell) -> bool {
    let a = &rollup.aggregates;
    (a.count, a.sum, a.min, a.max) == (cell.count, Some(cell.sum), Some(cell.min), Some(cell.max))
}
