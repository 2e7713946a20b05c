//! `floodmark bench`: how fast the core is on this machine.

use clap::ValueEnum;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::output;
use super::temporary::TemporaryDir;
use crate::bench::generate::Shape;
use crate::bench::{self, Figure};
use crate::config;

/// Arguments of `floodmark bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  floodmark bench\n  floodmark bench window log --format json")]
pub struct Args {
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
