//! From the command line to the command, and from its outcome to the exit code.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use super::args::{Cli, Command};
use super::exit::{Exit, Outcome};
use super::{
    alerts, backtest, bench, check, completion, config, demo, dlq, eval, events, explain, graph, health, jobs, migrate, output, query,
    replay, results, run, schema, streams, tap, test, top, verify,
};

/// Reads the command line of this process and does what it says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            drop(e.print());
            let shown = matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if shown { Exit::Ok.into() } else { Exit::Usage.into() };
        }
    };
    let colour = output::colours(cli.global.color);
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::notice(&failure.render(colour));
            failure.exit().into()
        }
    }
}

/// Does what a command line says.
///
/// # Errors
/// What the command says.
pub fn dispatch(cli: Cli) -> Outcome {
    let Cli { global, command } = cli;
    match command {
        Command::Demo(args) => demo::demo(&global, args),
        Command::Run(args) => run::run(&global, args),
        Command::Check(args) => check::check(&global, &args),
        Command::Config(command) => config::config(&global, &command),
        Command::Graph(args) => graph::graph(&global, &args),
        Command::Tap(args) => tap::tap(&global, args),
        Command::Test(args) => test::test(&global, &args),
        Command::Top(args) => top::top(&global, &args),
        Command::Events(command) => events::events(&global, command),
        Command::Query(command) => query::query(&global, command),
        Command::Replay(args) => replay::replay(&global, args),
        Command::Backtest(args) => backtest::backtest(&global, &args),
        Command::Verify(args) => verify::verify(&global, &args),
        Command::Results(command) => results::results(&global, &command),
        Command::Explain(args) => explain::explain(&global, &args),
        Command::Alerts(command) => alerts::alerts(&global, &command),
        Command::Dlq(command) => dlq::dlq(&global, command),
        Command::Health(args) => health::health(&global, &args),
        Command::Jobs(command) => jobs::jobs(&global, &command),
        Command::Streams(command) => streams::streams(&global, &command),
        Command::Migrate(args) => migrate::run(&global, &args),
        Command::Eval(args) => eval::eval(&args),
        Command::Schema(args) => schema::schema(&args),
        Command::Completion(args) => completion::completion(&args),
        Command::Bench(args) => bench::bench(&global, args),
    }
}
