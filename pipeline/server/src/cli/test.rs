//! `floodmark test`: runs the tests of the configuration.

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::output::print;
use super::selection::glob;
use super::{listing::json_line, open};
use crate::bundle::{self, Bundle};
use crate::config::{self, Test};
use crate::testing;

/// Arguments of `floodmark test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Tests stand as [[tests]] in the configuration or in *_test.toml beside it; see docs/guides/testing.md.\n\n\
                        Examples:\n  floodmark test\n  floodmark test alert.jsonl\n  floodmark test --filter late --format json | jq '.tests[] | select(.ok | not)'")]
pub struct Args {
    /// Bundles of alerts, as `floodmark events export --alert` writes them: each must give the same alert here. Exit code 2 when one does not.
    #[arg(value_name = "BUNDLE", conflicts_with = "filter")]
    pub bundles: Vec<PathBuf>,
    /// Only tests whose name contains this text; `*` stands for any text.
    #[arg(short, long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How the outcome is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: a line for each test, and what differs.
    Text,
    /// For programs: one JSON document.
    Json,
}

/// Runs the tests; exit code 1 when one fails, or when there is none.
///
/// # Errors
/// The report of the configuration and its tests.
pub fn test(global: &Global, args: &Args) -> Outcome {
    if !args.bundles.is_empty() {
        return bundles(global, args);
    }
    let config = config::load_with_tests(&global.config)?;
    let wanted = |test: &&Test| args.filter.as_ref().is_none_or(|filter| glob(&format!("*{filter}*"), &test.name));
    let tests: Vec<&Test> = config.tests.iter().filter(wanted).collect();
    if tests.is_empty() {
        return Err(none(config.tests.len(), global));
    }
    open::block_on(global, async {
        let mut outcomes = Vec::with_capacity(tests.len());
        for test in tests {
            let outcome = testing::run(&config, test).await?;
            if args.format == Format::Text {
                print(&testing::render(&outcome))?;
            }
            outcomes.push(outcome);
        }
        let failed = outcomes.iter().filter(|outcome| !outcome.ok).count();
        match args.format {
            Format::Json => print(&json_line(&json!({ "ok": failed == 0, "failed": failed, "tests": outcomes })))?,
            Format::Text => print(&summary(outcomes.len(), failed))?,
        };
        Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
    })
}

/// Makes the alerts of bundles again.
fn bundles(global: &Global, args: &Args) -> Outcome {
    open::block_on(global, async {
        let mut exit = Exit::Ok;
        for path in &args.bundles {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|e| Failure::new(format!("reading {name}: {e}")))?;
            let outcome = bundle::replay(&name, &Bundle::read(&name, &text)?).await?;
            if !outcome.same {
                exit = Exit::Differences;
            }
            print(&match args.format {
                Format::Json => json_line(&json!({ "bundle": name, "outcome": outcome })),
                Format::Text => of_bundle(&name, &outcome),
            })?;
        }
        Ok(exit)
    })
}

fn of_bundle(name: &str, outcome: &bundle::Outcome) -> String {
    let bundle::Outcome { alert, rule, steps, first, .. } = outcome;
    match first {
        None => format!("{name}: the same alert: {alert} of {rule}, {steps} steps\n"),
        Some(bundle::Difference { step, what, expected, found }) => {
            let step = step.map(|step| format!("step {step}, ")).unwrap_or_default();
            format!("{name}: not the same alert {alert} of {rule}: {step}{what}: {expected} in the bundle, {found} here\n")
        }
    }
}

fn none(all: usize, global: &Global) -> Failure {
    match all {
        0 => Failure::new(format!("there are no tests in {}", global.config.display()))
            .remedy("write [[tests]] there, or into a file beside it whose name ends in _test.toml; docs/guides/testing.md shows how"),
        1 => Failure::new("the name of the one test does not contain that").remedy("leave --filter out"),
        all => Failure::new(format!("none of the {all} tests has a name that contains that")).remedy("leave --filter out"),
    }
}

fn summary(all: usize, failed: usize) -> String {
    let tests = |n: usize| format!("{n} test{}", if n == 1 { "" } else { "s" });
    match failed {
        0 => format!("{}, all as expected\n", tests(all)),
        failed => format!("{}, {failed} failed\n", tests(all)),
    }
}
