//! `floodmark check`: is the configuration right? With `--connect`: are its servers there, and usable?

use clap::ValueEnum;
use floodmark_connectors::findings::{Finding, Verdict};

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::open;
use super::output::print;
use crate::assemble::{self, Found};
use crate::config::{self, Config};

/// Arguments of `floodmark check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  floodmark check -c floodmark.toml && systemctl reload floodmark\n  floodmark check --connect")]
pub struct Args {
    /// How problems are written: text on stderr, or JSON on stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Look at every server too: reachable, allowed, as it must be. Changes nothing; exit code 69 when one is not.
    #[arg(long)]
    pub connect: bool,
}

/// How problems are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: each place with a caret and a hint.
    Text,
    /// For programs: file, line, column, message and hint of each problem.
    Json,
}

/// Prints `ok: ...`, or all problems and exit code 78.
///
/// # Errors
/// The report of the configuration.
pub fn check(global: &Global, args: &Args) -> Outcome {
    match (config::load_with_tests(&global.config), args.format) {
        (Ok(config), format) if args.connect => connect(global, &config, format),
        (Ok(config), Format::Text) => print(&format!("{}ok: {}\n", notices(&config), summary(&config))),
        (Ok(config), Format::Json) if config.notices.is_empty() => print("{\"ok\":true,\"problems\":[]}\n"),
        (Ok(config), Format::Json) => print(&format!("{}\n", serde_json::json!({ "ok": true, "problems": [], "notices": config.notices }))),
        (Err(report), Format::Text) => Err(Failure::Config(report)),
        (Err(report), Format::Json) => print(&format!("{}\n", report.to_json())).map(|_| Exit::BadConfig),
    }
}

fn connect(global: &Global, config: &Config, format: Format) -> Outcome {
    open::block_on(global, async {
        let found = assemble::check(config).await;
        let bad = found.iter().flat_map(|(_, findings)| findings).filter(|finding| !finding.is_good()).count();
        match format {
            Format::Text => {
                print(&format!("{}{}", notices(config), text(&found)))?;
                print(&match bad {
                    0 => format!("ok: {}\n", summary(config)),
                    1 => "1 problem\n".to_owned(),
                    n => format!("{n} problems\n"),
                })?
            }
            Format::Json => print(&json(&found, bad))?,
        };
        Ok(if bad == 0 { Exit::Ok } else { Exit::Unreachable })
    })
}

/// What works and is most likely not meant.
fn notices(config: &Config) -> String {
    config.notices.iter().map(|notice| format!("note: {notice}\n")).collect()
}

fn text(found: &[Found]) -> String {
    let mut text = String::new();
    for (component, findings) in found {
        text.push_str(component);
        text.push('\n');
        for Finding { what, verdict } in findings {
            text.push_str(&match verdict {
                Verdict::Good { detail } if detail.is_empty() => format!("  ok       {what}\n"),
                Verdict::Good { detail } => format!("  ok       {what}: {detail}\n"),
                Verdict::Bad { problem, remedy } => format!("  problem  {what}: {problem}\n           Help: {remedy}\n"),
            });
        }
    }
    text
}

fn json(found: &[Found], bad: usize) -> String {
    let components: Vec<_> =
        found.iter().map(|(component, findings)| serde_json::json!({ "component": component, "findings": findings })).collect();
    format!("{}\n", serde_json::json!({ "ok": bad == 0, "problems": [], "components": components }))
}

fn summary(config: &Config) -> String {
    let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let parts = [count(config.sources.len(), "source"), count(config.operators.len(), "operator"), count(config.sinks.len(), "sink")];
    let rules = (!config.alerts.is_empty()).then(|| count(config.alerts.len(), "alert rule"));
    let receivers = (!config.receivers.is_empty()).then(|| count(config.receivers.len(), "receiver"));
    let tests = (!config.tests.is_empty()).then(|| count(config.tests.len(), "test"));
    parts.into_iter().chain(rules).chain(receivers).chain(tests).collect::<Vec<_>>().join(", ")
}
