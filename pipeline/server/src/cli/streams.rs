//! `floodmark streams`: the streams that hold a log on NATS.

use clap::{Subcommand, ValueEnum};
use floodmark_connectors::logs::jetstream::{Connection, Difference, StreamInfo};
use floodmark_connectors::settings::Size;
use floodmark_core::ports::Position;
use serde_json::json;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::output::{self, print};
use super::selection::usage;
use super::table::{Align, Table};
use super::{describe, open};
use crate::config::{self, Config, LogKind};

/// Commands of `floodmark streams`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the streams, what they hold, and how they differ from the configuration.
    #[command(after_help = "Exit code 2 when a stream differs.\n\nExample:\n  floodmark streams ls")]
    Ls(Ls),
    /// Make the streams what the configuration says, as far as that loses nothing.
    #[command(after_help = "Exit code 2 when something is left that cannot be changed: such a stream must be copied into a new one.")]
    Apply,
    /// Delete the oldest entries of a stream, needed or not.
    #[command(after_help = "What a job or a sink has not read yet is lost to it: it refuses to go on.\n\n\
                            Example:\n  floodmark streams purge FLOODMARK_EVENTS --before 100000 --yes")]
    Purge(Purge),
}

/// Arguments of `floodmark streams ls`.
#[derive(Debug, clap::Args)]
pub struct Ls {
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Arguments of `floodmark streams purge`.
#[derive(Debug, clap::Args)]
pub struct Purge {
    /// The stream.
    #[arg(value_name = "STREAM")]
    pub stream: String,
    /// Delete what stands before this position.
    #[arg(long, value_name = "POSITION")]
    pub before: u64,
    /// Do it: what is deleted cannot be had back.
    #[arg(long)]
    pub yes: bool,
}

/// How streams are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object on each line.
    Json,
}

/// Looks after streams.
///
/// # Errors
/// When the log is not on NATS, or the server says no.
pub fn streams(global: &Global, command: &Command) -> Outcome {
    let config = config::load(&global.config)?;
    let LogKind::Jetstream(settings) = &config.log else {
        let what = format!("the log of {} is in the data directory and has no streams", global.config.display());
        return Err(usage(what).remedy("streams belong to [log] type = \"jetstream\""));
    };
    open::block_on(global, async {
        let connection = Connection::open(settings).await?;
        match command {
            Command::Ls(args) => ls(&connection, &config, args.format).await,
            Command::Apply => apply(&connection, &config).await,
            Command::Purge(args) => purge(&connection, args).await,
        }
    })
}

async fn ls(connection: &Connection, config: &Config, format: Format) -> Outcome {
    let streams = connection.list(config.partitions.get()).await?;
    let differences: Vec<&Difference> = streams.iter().flat_map(|stream| &stream.differences).collect();
    match format {
        Format::Table => {
            print(&table(&streams).render(output::width()))?;
            tell(&differences);
        }
        Format::Json => {
            for stream in &streams {
                print(&format!("{}\n", to_json(stream)))?;
            }
        }
    }
    if streams.is_empty() {
        output::notice("floodmark: there are no streams yet; `floodmark run` makes them\n");
    }
    Ok(if differences.is_empty() { Exit::Ok } else { Exit::Differences })
}

fn table(streams: &[StreamInfo]) -> Table {
    let columns = ["STREAM", "ENTRIES", "SIZE", "LIMIT", "FIRST", "LAST", "COPIES", "READERS", "CREATED"];
    let align = |name| if matches!(name, "STREAM" | "CREATED") { Align::Left } else { Align::Right };
    let mut table = Table::new(columns.map(|name| (name, align(name))));
    for stream in streams {
        table.row(vec![
            stream.name.clone(),
            stream.entries.to_string(),
            indicatif::HumanBytes(stream.bytes).to_string(),
            stream.bytes_max.map_or_else(|| "none".to_owned(), |max| Size(max).to_string()),
            stream.first.to_string(),
            stream.tail.to_string(),
            stream.replicas.to_string(),
            stream.readers.to_string(),
            describe::time(stream.created),
        ]);
    }
    table
}

fn to_json(stream: &StreamInfo) -> serde_json::Value {
    let difference = |d: &Difference| json!({ "field": d.field, "found": d.found, "wanted": d.wanted, "safe": d.safe });
    json!({
        "stream": stream.name, "entries": stream.entries, "bytes": stream.bytes, "bytes_max": stream.bytes_max,
        "first": stream.first.0, "last": stream.tail.0, "replicas": stream.replicas, "readers": stream.readers,
        "created": stream.created, "differences": stream.differences.iter().map(difference).collect::<Vec<_>>(),
    })
}

fn tell(differences: &[&Difference]) {
    for difference in differences {
        let how = if difference.safe { "" } else { " (entries are not safe)" };
        output::notice(&format!("floodmark: {difference}{how}\n"));
    }
    if !differences.is_empty() {
        output::notice("  Help: `floodmark streams apply` changes what can be changed\n");
    }
}

async fn apply(connection: &Connection, config: &Config) -> Outcome {
    let applied = connection.apply(config.partitions.get()).await?;
    for stream in &applied.created {
        print(&format!("{stream}: made\n"))?;
    }
    for Difference { stream, field, found, wanted, .. } in &applied.changed {
        print(&format!("{stream}: `{field}` is {wanted} now, was {found}\n"))?;
    }
    for difference in &applied.left {
        output::notice(&format!("floodmark: {difference}, and cannot be changed\n"));
    }
    if applied.created.is_empty() && applied.changed.is_empty() && applied.left.is_empty() {
        output::notice("floodmark: the streams are as they should be\n");
    }
    Ok(if applied.left.is_empty() { Exit::Ok } else { Exit::Differences })
}

async fn purge(connection: &Connection, args: &Purge) -> Outcome {
    let Purge { stream, before, yes } = args;
    if !yes {
        let what = format!("everything before position {before} of {stream} would be deleted, read or not");
        return Err(usage(what).remedy("add --yes if that is what you want"));
    }
    let entries = connection.purge(stream, Position(*before)).await.map_err(Failure::from)?;
    print(&format!("{stream}: {entries} entries deleted\n"))
}
