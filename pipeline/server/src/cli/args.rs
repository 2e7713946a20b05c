//! The frame of the command line: what every command takes, and which commands there are.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::telemetry::{LogFormat, Logging};

use super::{
    alerts, backtest, bench, check, completion, config, demo, dlq, eval, events, explain, graph, health, jobs, migrate, query, replay,
    results, run, schema, streams, tap, test, top, verify,
};

/// Watches things, keeps everything it sees in a durable log, and turns it into windows that can be queried.
#[derive(Debug, Parser)]
#[command(name = "floodmark", version, about, propagate_version = true, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Start here:
  floodmark demo                               watch this machine; needs no configuration
  floodmark -c examples/quickstart.toml run    and a repository, the weather, a web page

Data goes to stdout, notices go to stderr.
Exit codes: 0 ok, 1 failed, 2 differences found, 64 wrong usage, 69 something is unreachable,
78 the configuration is wrong, 130 Ctrl-C.";

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The configuration; `conf.d/*.toml` beside it is read too.
    #[arg(short, long, global = true, env = "FLOODMARK_CONFIG", value_name = "FILE", default_value = "floodmark.toml")]
    pub config: PathBuf,
    /// Log more; twice for even more.
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
    /// Log less; twice for errors only.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: u8,
    /// How log lines are written.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub log_format: LogFormat,
    /// When to use colours. `auto` means on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Output")]
    pub color: Colour,
}

impl Global {
    /// Starts the log on stderr.
    ///
    /// # Errors
    /// When `FLOODMARK_LOG` cannot be read.
    pub fn start_log(&self) -> anyhow::Result<()> {
        Logging { format: self.log_format, verbosity: self.verbosity() }.start()
    }

    /// How often `-v` was given, less how often `-q` was.
    pub fn verbosity(&self) -> i8 {
        let count = |n: u8| i8::try_from(n).unwrap_or(i8::MAX);
        count(self.verbose) - count(self.quiet)
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands, in the order in which people need them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch this machine for a first impression: no configuration, no network.
    Demo(demo::Args),
    /// Run everything the configuration names, until Ctrl-C.
    Run(run::Args),
    /// Say whether the configuration is right, or all that is wrong with it; with --connect also of its servers.
    Check(check::Args),
    /// Run the tests of the configuration: the operators on made-up events, without servers or files.
    Test(test::Args),
    /// Show the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Draw what flows where: sources, operators, sinks.
    Graph(graph::Args),
    /// Print events, results and dead letters as they arrive.
    Tap(tap::Args),
    /// Watch a running server: how fast, how far behind, what went wrong.
    Top(top::Args),
    /// List or export stored events.
    #[command(subcommand)]
    Events(events::Command),
    /// Ask for rollups, scores and series.
    #[command(subcommand)]
    Query(query::Command),
    /// Run past events again, into a result set of their own; compare what two configurations make of them.
    Replay(replay::Args),
    /// Say what rules would have told of the past, to whom, and how good that is; try other values.
    Backtest(backtest::Args),
    /// Prove that what is stored is what the log gives.
    Verify(verify::Args),
    /// See which results count when an operator has changed, and drop those that were replaced.
    #[command(subcommand)]
    Results(results::Command),
    /// Say why a rollup or score is what it is: the events behind it, and the life of its window.
    Explain(explain::Args),
    /// See what is wrong and who was told; look after it or silence it; try routes and receivers.
    #[command(subcommand)]
    Alerts(alerts::Command),
    /// Look at dead letters: input that could not become an event.
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// Ask the running server how it is.
    Health(health::Args),
    /// See what runs where, and how far it is.
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Look after the streams of a log on NATS.
    #[command(subcommand)]
    Streams(streams::Command),
    /// Copy the embedded log and stores to servers, and compare.
    Migrate(migrate::Args),
    /// Try an expression, as `where` and `value` of operators take it.
    Eval(eval::Args),
    /// Print the JSON Schema of events, of notifications or of the configuration.
    Schema(schema::Args),
    /// Print the completion script of a shell.
    Completion(completion::Args),
    /// Measure the speed of the core on this machine.
    Bench(bench::Args),
}
