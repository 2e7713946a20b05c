//! A test on the past: 30 days of 100 monitors that look every minute, with twenty values of a limit.

use std::path::Path;
use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::{Options, embedded::Log as EmbeddedLog};
use floodmark_core::ports::{Expect, Log, NewEntry};
use floodmark_core::window::Zone;
use floodmark_core::{Error, Result};
use floodmark_engine::replay::Period;
use floodmark_schemas::frame::{self, EVENTS_MAX};
use floodmark_schemas::{BatchBuilder, Encoding, FrameHeader, Series, Severity, Timestamp, subject};

use super::generate::{START_US, SplitMix};
use super::{Figure, Stopwatch};
use crate::assemble::desk;
use crate::backtest::{Clock, Label, Labels, Nights, Request, Sweep, backtest as run};
use crate::config::{Config, from_text, with};
use crate::data_dir::DataDir;
use crate::replay::Live;

const MONITORS: usize = 100;
const MINUTES: i64 = 30 * 1_440;
const MINUTE_US: i64 = 60_000_000;
/// The values that are tried.
const VALUES: &str = "alerts.slow.above=210..590/20";

/// Writes the past into a log below `dir`, as JSON, and tests twenty values on it.
///
/// # Errors
/// Those of the log.
pub async fn backtest(dir: &Path) -> Result<Vec<Figure>> {
    let text = format!(
        "data_dir = {:?}\npartitions = 1\n[sources.monitors]\ntype = \"push\"\n[receivers.team]\ntype = \"command\"\nargv = [\"true\"]\n\
         [alerts.slow]\ntype = \"threshold\"\nmetrics = [\"latency\"]\nabove = 300\nfor = \"3m\"\nkeep_firing_for = \"2m\"\nseverity = \"error\"\n",
        dir.join("data")
    );
    let broken = |report: crate::config::Report| Error::broken(report.render(false));
    let config = from_text("bench", &text).map_err(broken)?;
    let data = DataDir::new(&config.data_dir);
    data.prepare(1)?;
    drop(EmbeddedLog::open(&data.outputs(), Options::default(), Arc::new(SystemClock))?);
    let log = EmbeddedLog::open(&data.events(), Options::default(), Arc::new(SystemClock))?;
    let wrong = write(&log).await?;
    drop(log);
    let sweep: Sweep = VALUES.parse().map_err(Error::broken)?;
    let variants = sweep.values.iter().map(|value| {
        let config: Config = with("bench", &text, &[sweep.setting(value)]).map_err(broken)?;
        let policy = desk::policy(&config)?;
        Ok((config, policy))
    });
    let variants = variants.collect::<Result<Vec<_>>>()?;
    let nights = Nights { zone: Zone::named("Europe/Berlin")?.rules().clone(), wakes: Severity::Error };
    let live = Live::open(&config).await?;
    let watch = Stopwatch::start();
    let (period, labels, zone) = (Period::default(), Some(Labels { wrong, noise: None }), "Europe/Berlin".to_owned());
    let report = run(&live, Request { period, labels, nights, zone, clock: Clock::Auto, sweep: Some(sweep), variants }).await?;
    let best = report.rows.iter().max_by(|a, b| a.all.f1.unwrap_or(0.0).total_cmp(&b.all.f1.unwrap_or(0.0)));
    let note = best.map_or_else(String::new, |row| {
        format!("best F1 {:.3} at {}, {} alerts", row.all.f1.unwrap_or(0.0), row.value.clone().unwrap_or_default(), row.all.alerts)
    });
    Ok(vec![watch.figure(format!("backtest, {} values at once", report.rows.len()), MONITORS as u64 * MINUTES.cast_unsigned(), note)])
}

/// Writes the log; gives when something was wrong.
async fn write(log: &EmbeddedLog) -> Result<Vec<Label>> {
    let mut random = SplitMix::new(1);
    let mut builder = BatchBuilder::default();
    let series: Vec<_> =
        (0..MONITORS).map(|n| builder.series(&Series::new("latency").unit("ms").label("monitor", format!("m{n:03}")))).collect();
    let (mut wrong, mut ends, mut number, mut entries) = (Vec::new(), vec![0_i64; MONITORS], 0, Vec::new());
    for minute in 0..MINUTES {
        let time = START_US + minute * MINUTE_US;
        for (n, series) in series.iter().enumerate() {
            if minute >= ends[n] && random.below(4_320) == 0 {
                ends[n] = minute + 10 + random.below(20).cast_signed();
                let labels = [("monitor".to_owned(), format!("m{n:03}"))].into();
                let (from, to) = (Timestamp::from_micros(time), Timestamp::from_micros(START_US + ends[n] * MINUTE_US));
                wrong.push(Label { from, to, source: None, rule: None, labels });
            }
            let value = match (minute < ends[n], random.below(200)) {
                (true, _) => 300 + random.below(500),
                (false, 0) => 200 + random.below(400),
                (false, _) => 80 + random.below(120),
            };
            builder.sample(*series, time, value as f64, "");
        }
        if builder.len() + MONITORS > EVENTS_MAX || minute + 1 == MINUTES {
            number += 1;
            let count = builder.len() as u32;
            let batch = builder.take();
            let times = batch.times().first().zip(batch.times().last());
            let times = times.map(|(first, last)| (Timestamp::from_micros(*first), Timestamp::from_micros(*last)));
            let header = FrameHeader { source: "monitors".to_owned(), epoch: 1, number, count, times, ..FrameHeader::default() };
            let body = frame::encode(&batch, Encoding::Json, "monitors", &format!("f{number}"));
            entries.push(NewEntry { subject: subject::events(0, "monitors"), id: None, headers: header.to_headers(), body });
        }
        if entries.len() >= 64 || minute + 1 == MINUTES {
            log.append(std::mem::take(&mut entries), Expect::Anything).await?;
        }
    }
    Ok(wrong)
}
