//! `floodmark tap`: what is stored from now on, at any stage of its way.

mod items;

use std::io::Write;

use clap::ValueEnum;
use floodmark_core::ports::{Entry, Limit};
use floodmark_schemas::subject;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::open;
use super::output::{Pipe, failed, notice};
use super::selection::{Place, usage};

use items::Item;

/// Arguments of `floodmark tap`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Stages:\n  events (when none is named), rollups, scores, alerts, late, dead-letters, commits\n\n\
                        Examples:\n  floodmark tap\n  floodmark tap 'web*' --metric '*latency*' --format json | jq .data\n  \
                        floodmark tap rollups --operator minutes\n  floodmark tap dead-letters")]
pub struct Args {
    /// The stage, then the sources: only those whose id matches one of the patterns, where `*` stands for any text. Of dead
    /// letters the patterns name components, of commits operators.
    #[arg(value_name = "STAGE] [PATTERN")]
    pub words: Vec<String>,
    /// Only results of operators, or alerts of rules, whose id matches this pattern.
    #[arg(short, long, value_name = "PATTERN")]
    pub operator: Option<String>,
    /// Only samples and results whose metric matches this pattern.
    #[arg(short, long, value_name = "PATTERN")]
    pub metric: Option<String>,
    /// Stop after so many.
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub limit: Option<u64>,
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// How entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line for people.
    Text,
    /// One JSON object on each line: of events a CloudEvent.
    Json,
}

/// A stage of the way from a source to the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// What sources saw.
    Events,
    /// Windows that fired or were revised.
    Rollups,
    /// Values that were judged.
    Scores,
    /// Steps of alerts.
    Alerts,
    /// Events that came after their window was gone.
    Late,
    /// Input that could not become an event.
    DeadLetters,
    /// What jobs commit: how far they are.
    Commits,
}

impl Stage {
    /// What is waited for, in words.
    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Rollups => "rollups",
            Self::Scores => "scores",
            Self::Alerts => "alerts",
            Self::Late => "late events",
            Self::DeadLetters => "dead letters",
            Self::Commits => "commits",
        }
    }

    /// The subjects it is on.
    fn pattern(self) -> &'static str {
        match self {
            Self::Events => subject::EVENTS,
            Self::DeadLetters => subject::DEAD,
            Self::Rollups | Self::Scores | Self::Alerts | Self::Late | Self::Commits => subject::OUTPUTS,
        }
    }
}

/// What is wanted.
#[derive(Clone, Debug)]
struct Wanted {
    stage: Stage,
    /// One of them matches, or there is none.
    patterns: Vec<String>,
    operator: Option<String>,
    metric: Option<String>,
}

impl Wanted {
    fn of(args: &Args) -> Result<Self, Failure> {
        let stage = args.words.first().and_then(|word| Stage::from_str(word, false).ok());
        let patterns = args.words.iter().skip(usize::from(stage.is_some())).cloned().collect();
        let stage = stage.unwrap_or(Stage::Events);
        if args.operator.is_some() && matches!(stage, Stage::Events | Stage::DeadLetters) {
            return Err(usage(format!("--operator chooses among results: {} have none", stage.name())));
        }
        if args.metric.is_some() && matches!(stage, Stage::DeadLetters | Stage::Commits) {
            return Err(usage(format!("--metric chooses among series: {} have none", stage.name())));
        }
        Ok(Self { stage, patterns, operator: args.operator.clone(), metric: args.metric.clone() })
    }
}

/// Prints what is stored until Ctrl-C, or until there was as much as asked for, or until nobody reads it any more.
///
/// # Errors
/// When the log cannot be read.
pub fn tap(global: &Global, args: Args) -> Outcome {
    let wanted = Wanted::of(&args)?;
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let log = if wanted.stage == Stage::Events { data.log().await? } else { data.outputs().await? };
        let tail = log.continuity().await?.tail;
        let mut reader = log.reader(vec![wanted.stage.pattern().to_owned()], tail).await?;
        if global.verbosity() >= 0 {
            notice(&format!("floodmark: waiting for {} in {}; Ctrl-C ends it\n", wanted.stage.name(), data.place()));
        }
        let mut printer = Printer { out: Pipe::stdout(), left: args.limit.unwrap_or(u64::MAX), widths: Vec::new(), format: args.format };
        while printer.left > 0 && !printer.out.gone() {
            for entry in reader.next(Limit::default()).await? {
                printer.entry(&entry, &wanted)?;
            }
        }
        Ok(Exit::Ok)
    })
}

struct Printer {
    out: Pipe,
    left: u64,
    format: Format,
    /// The widest of each column so far: columns move at most once for each name.
    widths: Vec<usize>,
}

impl Printer {
    /// Prints what is wanted of an entry, at once.
    fn entry(&mut self, entry: &Entry, wanted: &Wanted) -> Result<(), Failure> {
        let items = match items::of(entry, wanted) {
            Ok(items) => items,
            Err(e) => {
                let what = if wanted.stage == Stage::Events { "frame" } else { "entry" };
                notice(&format!("floodmark: the {what} at position {} of the log cannot be read: {}\n", entry.position, e.chain()));
                return Ok(());
            }
        };
        for item in items {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let line = match self.format {
                Format::Text => self.line(&item),
                Format::Json => item.json,
            };
            self.out.text(&line)?;
        }
        self.out.flush().map_err(failed)
    }

    fn line(&mut self, item: &Item) -> String {
        let mut line = item.time.clone();
        for (i, name) in item.names.iter().enumerate() {
            let chars = name.chars().count();
            match self.widths.get_mut(i) {
                Some(width) => *width = chars.max(*width),
                None => self.widths.push(chars),
            }
            line.push_str(&format!("  {name:width$}", width = self.widths[i]));
        }
        format!("{line}  {}\n", item.text)
    }
}
