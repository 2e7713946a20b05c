//! `floodmark backtest`: what rules would have told of the past.

mod text;

use std::path::PathBuf;

use clap::ValueEnum;
use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::Clock;
use floodmark_core::window::Zone;
use floodmark_engine::replay::Period;
use floodmark_schemas::Severity;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::listing::json_line;
use super::open;
use super::output::print;
use super::selection::{Period as When, usage};
use crate::assemble::desk;
use crate::backtest::{self, Labels, Nights, Request, Sweep};
use crate::config::{self, Setting};
use crate::data_dir::DataDir;
use crate::replay::Live;

/// Arguments of `floodmark backtest`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The log is read from its oldest entry, so that rules have everything they need; --from and --to choose which alerts
count. Nothing live is touched and nobody is told. Without --labels alerts are judged by the acknowledgements that say
whether an incident was worth it.

Labels are a CSV file with a header: from,to as RFC 3339, then perhaps source, rule, and labels of alerts.

Examples:
  floodmark backtest --from 30d --labels outages.csv
  floodmark backtest --rules new.toml --from 30d --labels outages.csv
  floodmark backtest --sweep alerts.hot.above=70..95/20 --labels outages.csv
  floodmark backtest --sweep alerts.down.failures=1..5 --format json")]
pub struct Args {
    /// Rules from this file instead of those of the configuration. What else stands in it is in the place of what has the same name.
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Which alerts count, by the time when they became active.
    #[command(flatten)]
    pub period: When,
    /// What was really wrong, and when.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Try values of a key: alerts.ID.KEY=a..b for whole numbers, =a..b/20 for twenty numbers or durations, =v1,v2.
    #[arg(long, value_name = "KEY=VALUES")]
    pub sweep: Option<Sweep>,
    /// By which time the desk goes: when the log stored what made a step known, or when it happened, as for events that were imported.
    #[arg(long, value_enum, default_value_t = Time::Auto, value_name = "CLOCK")]
    pub clock: Time,
    /// The time zone of nights, which last from 22:00 to 07:00.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub zone: String,
    /// A notification that is at least as grave wakes somebody.
    #[arg(long, value_enum, default_value_t = Wakes::Error, value_name = "SEVERITY")]
    pub wakes: Wakes,
    /// How many notifications, missed times and false alerts are listed, each.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10)]
    pub limit: usize,
    /// How the report is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// By which time the desk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Time {
    /// That of events when the log was written in less than half the time that they tell of.
    Auto,
    /// That of the log.
    Log,
    /// That of events.
    Event,
}

/// What wakes people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wakes {
    /// Everything.
    Info,
    /// What somebody should look at.
    Warning,
    /// What does not work.
    Error,
    /// Only what must be looked at now.
    Critical,
}

/// How reports are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Tests rules on the past.
///
/// # Errors
/// The report of the configuration; when the log or the labels cannot be read.
pub fn backtest(global: &Global, args: &Args) -> Outcome {
    let (from, to) = args.period.span(SystemClock.now())?;
    let unknown = |e: floodmark_core::Error| usage(e.chain()).remedy("name it as the IANA database does, such as Europe/Berlin");
    let zone = Zone::named(&args.zone).map_err(unknown)?;
    let settings: Vec<Vec<Setting>> = match &args.sweep {
        None => vec![Vec::new()],
        Some(sweep) => sweep.values.iter().map(|value| vec![sweep.setting(value)]).collect(),
    };
    let mut variants = Vec::with_capacity(settings.len());
    for settings in &settings {
        let config = config::load_varied(&global.config, args.rules.as_deref(), settings)?;
        let policy = desk::policy(&config)?;
        variants.push((config, policy));
    }
    let live_config = config::load(&global.config)?;
    if let Some((other, _)) = variants.iter().find(|(other, _)| other.partitions != live_config.partitions) {
        return Err(usage(format!("the rules want partitions = {}, the log has {}", other.partitions.get(), live_config.partitions.get())));
    }
    open::block_on_cores(global, async {
        let labels = match &args.labels {
            Some(path) => Some(Labels::read(path)?),
            None => of_acknowledgements(&live_config).await?,
        };
        let live = Live::open(&live_config).await?;
        let nights = Nights { zone: zone.rules().clone(), wakes: args.wakes.severity() };
        let request = Request {
            period: Period { from, to },
            labels,
            nights,
            zone: args.zone.clone(),
            clock: args.clock.clock(),
            sweep: args.sweep.clone(),
            variants,
        };
        let report = backtest::backtest(&live, request).await?;
        print(&match args.format {
            Format::Text => text::text(&report, args.limit),
            Format::Json => json_line(&report),
        })?;
        Ok(Exit::Ok)
    })
}

/// What people have said, when there is a store that can be asked. One that does not answer is no store of which nothing is known.
async fn of_acknowledgements(config: &config::Config) -> Result<Option<Labels>, Failure> {
    if desk::in_postgres(config).is_none() && !DataDir::new(&config.data_dir).store().exists() {
        return Ok(None);
    }
    let labels = async { Labels::of_acknowledgements(&*desk::store(config, desk::Access::Read).await?).await };
    labels.await.map_err(|e| Failure::from(e).remedy("--labels FILE judges by a file instead of acknowledgements"))
}

impl Time {
    fn clock(self) -> backtest::Clock {
        match self {
            Self::Auto => backtest::Clock::Auto,
            Self::Log => backtest::Clock::Log,
            Self::Event => backtest::Clock::Event,
        }
    }
}

impl Wakes {
    fn severity(self) -> Severity {
        match self {
            Self::Info => Severity::Info,
            Self::Warning => Severity::Warning,
            Self::Error => Severity::Error,
            Self::Critical => Severity::Critical,
        }
    }
}
