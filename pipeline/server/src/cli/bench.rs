//! `floodmark bench`: how fast the core is on this machine.

use std::path::PathBuf;

use clap::ValueEnum;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::output;
use super::temporary::TemporaryDir;
use crate::bench::generate::Shape;
use crate::bench::nab::{Line, Report};
use crate::bench::{self, Figure};
use crate::config;

/// Arguments of `floodmark bench`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  floodmark bench\n  floodmark bench window log --format json\n  floodmark bench nab NAB")]
pub struct Args {
    /// How good it is instead of how fast.
    #[command(subcommand)]
    pub quality: Option<Quality>,
    /// What to measure; everything when nothing is said.
    #[arg(value_enum, value_name = "WHAT")]
    pub what: Vec<What>,
    /// How results are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// How many events go through the whole pipeline; each takes about 230 bytes of disk while it runs.
    #[arg(long, value_name = "COUNT", default_value_t = 5_000_000)]
    pub events: u64,
}

/// What can be judged.
#[derive(Debug, clap::Subcommand)]
pub enum Quality {
    /// Score the anomaly detector by the Numenta Anomaly Benchmark.
    Nab {
        /// Its directory, with `data` and `labels/combined_windows.json`.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// How results are written.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Frames to columns.
    Decode,
    /// Tumbling windows.
    Window,
    /// Durable appends to the embedded log.
    Log,
    /// A file through the log and windows into the store.
    Pipeline,
    /// The log that `--config` names, on servers or embedded: into it, through windows, and latency. Only when it is asked for.
    Stack,
    /// Twenty values of a limit on 30 days of 100 monitors. Only when it is asked for.
    Backtest,
    /// From an event to the notification of its alert, on the embedded log and store. Only when it is asked for.
    Alerts,
    /// The same on the log and stores that `--config` names. Only when it is asked for.
    StackAlerts,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// Measures.
///
/// # Errors
/// When a measurement cannot run.
pub fn bench(global: &Global, args: Args) -> Outcome {
    global.start_log()?;
    if let Some(Quality::Nab { dir, format }) = args.quality {
        output::print(&nab_text(&bench::nab::nab(&dir)?, format))?;
        return Ok(Exit::Ok);
    }
    if cfg!(debug_assertions) {
        output::notice("floodmark: this is a build without optimisation; its figures mean little. Use `cargo run --release -- bench`.\n");
    }
    let all = [What::Decode, What::Window, What::Log, What::Pipeline];
    let what = if args.what.is_empty() { &all[..] } else { &args.what };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| Failure::new(format!("starting: {e}")))?;
    for what in what {
        let dir = TemporaryDir::new("bench")?;
        let figures = match what {
            What::Decode => bench::decode()?,
            What::Window => bench::window()?,
            What::Log => runtime.block_on(bench::log(dir.path()))?,
            What::Pipeline => {
                let shape = Shape { events: args.events, ..Shape::default() };
                runtime.block_on(bench::pipeline(dir.path(), shape))?
            }
            What::Backtest => runtime.block_on(bench::backtest(dir.path()))?,
            What::Alerts => runtime.block_on(bench::alerts(dir.path()))?,
            What::StackAlerts => runtime.block_on(bench::stack_alerts(&config::load(&global.config)?))?,
            What::Stack => {
                let config = config::load(&global.config)?;
                let shape = Shape { events: args.events, ..Shape::default() };
                runtime.block_on(bench::stack(&config, shape))?
            }
        };
        for figure in &figures {
            output::print(&text(figure, args.format))?;
        }
    }
    Ok(Exit::Ok)
}

fn nab_text(report: &Report, format: Format) -> String {
    if format == Format::Json {
        return serde_json::to_string(report).map_or_else(|e| format!("{e}\n"), |json| format!("{json}\n"));
    }
    let Report { files, rows, windows, lines } = report;
    let mut text = format!("{files} files, {rows} rows, {windows} windows\n\n");
    text.push_str(&format!("{:<38} {:>8} {:>13} {:>13}\n", "", "standard", "reward low FP", "reward low FN"));
    for line in lines {
        let Line { name, standard, reward_low_fp, reward_low_fn } = line;
        text.push_str(&format!("{name:<38} {standard:>8.2} {reward_low_fp:>13.2} {reward_low_fn:>13.2}\n"));
    }
    text.push_str(
        "\nThe detector was made while looking at this corpus: about 72 is to be expected elsewhere. See docs/guides/anomaly.md.\n",
    );
    text
}

fn text(figure: &Figure, format: Format) -> String {
    match format {
        Format::Json => serde_json::to_string(figure).map_or_else(|e| format!("{e}\n"), |json| format!("{json}\n")),
        Format::Text => format!(
            "{:<42} {:>7.2} M events/s   {:>6.2} s real, {:>6.2} s processor   {}\n",
            figure.name,
            figure.events_per_sec / 1e6,
            figure.secs,
            figure.cpu_secs,
            figure.note
        ),
    }
}
