//! `floodmark replay`: the past through operators, into a result set of its own.

use std::collections::BTreeSet;

use clap::{Subcommand, ValueEnum};
use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::Clock;
use floodmark_engine::replay::Period;
use floodmark_schemas::subject;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::listing::json_line;
use super::output::{self, print};
use super::selection::{Period as When, Place, usage};
use super::table::{Align, Table};
use super::{describe, differences, open};
use crate::assemble::past;
use crate::config;
use crate::data_dir::DataDir;
use crate::replay::{self, Live, Manifest, Request, ResultSet, Side, Speed};

/// Arguments of `floodmark replay`.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
The log is read from its oldest entry, so that windows and scores have everything they need; --from and --to choose
which results are kept. Live results are not touched and nobody is notified. A replay that was interrupted goes on when
it is repeated.

Examples:
  floodmark replay --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z -c other.toml --name other
  floodmark query rollups --result-set other
  floodmark replay --diff floodmark.toml other.toml --from 7d"
)]
pub struct Args {
    /// Look after result sets instead.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Which results are kept, by event time.
    #[command(flatten)]
    pub period: When,
    /// Only events of these sources.
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    pub sources: Vec<String>,
    /// How fast, by the time at which events were stored: max, 1x, 60x.
    #[arg(long, value_name = "SPEED", default_value = "max")]
    pub speed: Speed,
    /// What the result set is called; by default a name made of the question, so that the same question finds it again.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Make a result set anew that is complete.
    #[arg(long)]
    pub again: bool,
    /// List what the second of two configurations, or result sets, says otherwise than the first. Exit code 2 when anything
    /// differs.
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], conflicts_with_all = ["name", "again"])]
    pub diff: Vec<String>,
    /// With --diff: how many differences are listed.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
    /// How the summary is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Commands of `floodmark replay`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List result sets.
    Ls(Ls),
    /// Delete result sets.
    Rm(Rm),
}

/// Arguments of `floodmark replay ls`.
#[derive(Debug, clap::Args)]
pub struct Ls {
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `floodmark replay rm`.
#[derive(Debug, clap::Args)]
pub struct Rm {
    /// Which ones.
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// How summaries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// Replays, compares, or looks after result sets.
///
/// # Errors
/// What keeps it from being done.
pub fn replay(global: &Global, args: Args) -> Outcome {
    match &args.command {
        Some(Command::Ls(ls)) => list(global, ls),
        Some(Command::Rm(rm)) => remove(global, rm),
        None if args.diff.is_empty() => run(global, &args),
        None => diff(global, &args),
    }
}

fn run(global: &Global, args: &Args) -> Outcome {
    let config = config::load(&global.config)?;
    let request = request(args, &config)?;
    open::block_on_cores(global, async {
        let live = Live::open(&config).await?;
        let (_, manifest) = replay::replay(&live, past::jobs(&config)?, request).await?;
        print(&match args.format {
            Format::Text => text(&manifest),
            Format::Json => json_line(&manifest),
        })
    })
}

fn request(args: &Args, config: &config::Config) -> Result<Request, Failure> {
    let (from, to) = args.period.span(SystemClock.now())?;
    for source in &args.sources {
        if !config.sources.contains_key(source) && source != subject::MONITOR {
            let known: Vec<&str> = config.sources.keys().map(String::as_str).collect();
            return Err(usage(format!("there is no source {source:?}")).remedy(format!("the sources are {}", known.join(", "))));
        }
    }
    let sources = Some(args.sources.iter().cloned().collect::<BTreeSet<_>>()).filter(|sources| !sources.is_empty());
    let period = Period { from, to };
    Ok(Request { period, sources, speed: args.speed, name: args.name.clone(), again: args.again, ..Request::default() })
}

fn text(manifest: &Manifest) -> String {
    let Manifest { name, question, first, until, done, .. } = manifest;
    let Some(done) = done else { return format!("{name}: not complete; repeat its `floodmark replay`\n") };
    let results: Vec<String> = done.results.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let not_due = match done.open.values().sum::<u64>() {
        0 => String::new(),
        n => format!("{n} results are not due yet: their windows had begun and not ended\n"),
    };
    let end = |time: Option<_>, open: &str| time.map_or_else(|| open.to_owned(), describe::time);
    format!(
        "{name}: {} in {:.1} s, of windows from {} to {}, from entries {first} to {until} of the log\n\
         {not_due}digest {}\n\
         floodmark query rollups --result-set {name}   shows them\n",
        results.join(", "),
        done.seconds,
        end(question.from, "the beginning"),
        end(question.to, "the end"),
        done.digest
    )
}

fn diff(global: &Global, args: &Args) -> Outcome {
    let [before, after] = &args.diff[..] else { return Err(usage("--diff takes two configurations or names of result sets")) };
    // The log is that of the first configuration among them.
    let path = [before, after].into_iter().find(|side| is_file(side)).map_or_else(|| global.config.clone(), Into::into);
    let config = config::load(&path)?;
    let request = request(args, &config)?;
    let live_data = DataDir::new(&config.data_dir);
    let side = |name: &String| -> Result<Side, Failure> {
        if !is_file(name) {
            return Ok(Side::Set(ResultSet::of(&live_data, name)?));
        }
        let other = config::load(std::path::Path::new(name))?;
        if other.partitions != config.partitions {
            return Err(usage(format!("{name} has partitions = {}, the log {}", other.partitions.get(), config.partitions.get())));
        }
        Ok(Side::Jobs(name.clone(), past::jobs(&other)?, Box::new(other)))
    };
    let (before, after) = (side(before)?, side(after)?);
    open::block_on_cores(global, async {
        let live = Live::open(&config).await?;
        let diff = replay::diff(&live, before, after, request, args.limit).await?;
        print(&match args.format {
            Format::Text => differences::of_diff(&diff),
            Format::Json => json_line(&diff),
        })?;
        Ok(if diff.tally.differences() == 0 { Exit::Ok } else { Exit::Differences })
    })
}

/// A name of a result set has no dot and no slash.
fn is_file(side: &str) -> bool {
    side.contains(['.', '/'])
}

fn data(global: &Global, place: &Place) -> Result<DataDir, Failure> {
    Ok(DataDir::new(match &place.data_dir {
        Some(path) => path.clone(),
        None => config::load(&global.config)?.data_dir,
    }))
}

fn list(global: &Global, args: &Ls) -> Outcome {
    let all = ResultSet::all(&data(global, &args.place)?)?;
    if args.format == Format::Json {
        return all.iter().try_fold(Exit::Ok, |_, manifest| print(&json_line(manifest)));
    }
    let text = ["NAME", "BEGUN", "FROM", "TO", "OPERATORS"].map(|name| (name, Align::Left));
    let mut table = Table::new(text.into_iter().chain([("RESULTS", Align::Right), ("DIGEST", Align::Left)]));
    for Manifest { name, question, begun, done, .. } in all {
        let time = |time: Option<_>| time.map(describe::time).unwrap_or_default();
        let operators: Vec<&str> = question.operators.keys().map(String::as_str).collect();
        let results = done.as_ref().map_or_else(|| "not complete".to_owned(), |done| done.results.values().sum::<u64>().to_string());
        let digest = done.map(|done| done.digest).unwrap_or_default();
        table.row(vec![name, describe::time(begun), time(question.from), time(question.to), operators.join(","), results, digest]);
    }
    print(&table.render(output::width()))
}

fn remove(global: &Global, args: &Rm) -> Outcome {
    let data = data(global, &args.place)?;
    for name in &args.names {
        if !ResultSet::of(&data, name)?.remove()? {
            let remedy = "`floodmark replay ls` lists those there are";
            return Err(Failure::new(format!("there is no result set {name:?}")).remedy(remedy));
        }
    }
    Ok(Exit::Ok)
}
