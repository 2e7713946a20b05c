//! `floodmark jobs`: what runs where, and how far it is.

use clap::{Subcommand, ValueEnum};
use floodmark_engine::Standing;

use super::args::Global;
use super::exit::{Exit, Outcome};
use super::listing::json_line;
use super::output::{self, print};
use super::table::{Align, Table};
use super::{describe, open};
use crate::assemble;
use crate::config;

/// Commands of `floodmark jobs`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List sources, jobs and sinks: which process runs each, where it stands, how far behind it is.
    #[command(after_help = "Works beside `floodmark run`, on any machine that reaches its log.\n\n\
                            Example:\n  floodmark jobs ls --format json | jq 'select(.lag > 1000)'")]
    Ls(Ls),
}

/// Arguments of `floodmark jobs ls`.
#[derive(Debug, clap::Args)]
pub struct Ls {
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How jobs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object on each line.
    Json,
}

/// Lists what runs.
///
/// # Errors
/// When the log or a store cannot be read.
pub fn jobs(global: &Global, command: &Command) -> Outcome {
    let Command::Ls(args) = command;
    let config = config::load(&global.config)?;
    open::block_on(global, async {
        let standings = assemble::look(&config).await?.standings().await?;
        match args.format {
            Format::Table => print(&table(&standings).render(output::width()))?,
            Format::Json => standings.iter().try_fold(Exit::Ok, |_, standing| print(&json_line(standing)))?,
        };
        Ok(Exit::Ok)
    })
}

/// How far a job is that computes its results anew.
fn state(standing: &Standing) -> String {
    match standing {
        Standing { rebuilding: true, position, tail: Some(tail @ 1..), .. } => {
            format!("rebuilding, {} %", position.unwrap_or_default() * 100 / tail)
        }
        Standing { rebuilding: true, .. } => "rebuilding".to_owned(),
        _ => String::new(),
    }
}

fn table(standings: &[Standing]) -> Table {
    let columns = ["UNIT", "OWNER", "POSITION", "TAIL", "LAG", "NEWEST", "STATE"];
    let align = |name| if matches!(name, "POSITION" | "TAIL" | "LAG") { Align::Right } else { Align::Left };
    let mut table = Table::new(columns.map(|name| (name, align(name))));
    let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    for standing in standings {
        let Standing { unit, owner, position, tail, lag, time, .. } = standing;
        let (owner, time) = (owner.clone().unwrap_or_default(), time.map(describe::time).unwrap_or_default());
        table.row(vec![unit.clone(), owner, number(*position), number(*tail), number(*lag), time, state(standing)]);
    }
    table
}
