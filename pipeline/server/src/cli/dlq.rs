//! `floodmark dlq`: dead letters.

mod replay;

use std::io::IsTerminal;

use clap::{Subcommand, ValueEnum};
use floodmark_schemas::DeadLetter;

use super::args::Global;
use super::describe::plain;
use super::exit::{Exit, Failure, Outcome};
use super::listing::{Form, Listed, json_line, list};
use super::output::print;
use super::selection::{Limit, Place};
use super::table::{Align, Table};
use super::{describe, open};

/// Commands of `floodmark dlq`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List dead letters with their reasons, newest first.
    #[command(after_help = "Example:\n  floodmark dlq ls history")]
    Ls(Ls),
    /// Show one dead letter with its original.
    #[command(after_help = "Example:\n  floodmark dlq show history temperatures.csv:17")]
    Show(Show),
    /// Read dead letters of a source again, with the settings of today, and store their events.
    #[command(after_help = REPLAY_HELP)]
    Replay(replay::Replay),
}

const REPLAY_HELP: &str = "\
The source is taken over for a moment, as by a restart. With the embedded log `floodmark run` must not run meanwhile.
Within the log's `duplicate_window` a letter that is replayed again stores nothing.

Examples:
  floodmark dlq replay history --dry-run
  floodmark dlq show history 17-ab12 > line.csv, correct it, then
  floodmark dlq replay history 17-ab12 --with line.csv";

/// Arguments of `floodmark dlq ls`.
#[derive(Debug, clap::Args)]
pub struct Ls {
    /// Only of this source, operator or sink.
    #[arg(value_name = "COMPONENT")]
    pub component: Option<String>,
    /// How many.
    #[command(flatten)]
    pub limit: Limit,
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `floodmark dlq show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The source, operator or sink that set it aside.
    #[arg(value_name = "COMPONENT")]
    pub component: String,
    /// Its id, as `floodmark dlq ls` shows it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// How dead letters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object on each line.
    Json,
}

/// Looks at dead letters.
///
/// # Errors
/// When the store cannot be read, or there is no such dead letter.
pub fn dlq(global: &Global, command: Command) -> Outcome {
    match command {
        Command::Ls(args) => ls(global, &args),
        Command::Show(args) => show(global, &args),
        Command::Replay(args) => replay::replay(global, &args),
    }
}

fn ls(global: &Global, args: &Ls) -> Outcome {
    let data = open::data(global, &args.place)?;
    let form = match args.format {
        Format::Table => Form::Table,
        Format::Json => Form::Json,
    };
    open::block_on(global, async {
        let (store, component) = (&*data.dead_letters().await?, args.component.as_deref());
        let count =
            list(form, args.limit.limit, |after, limit| async move { store.dead_letters(component, after.as_deref(), limit).await });
        count.await?.say(global, ("dead letter", "dead letters"), "give a component to see only its dead letters");
        Ok(Exit::Ok)
    })
}

fn show(global: &Global, args: &Show) -> Outcome {
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let Show { component, id, .. } = args;
        let found = data.dead_letters().await?.dead_letter(component, id).await?;
        let letter = found.ok_or_else(|| {
            let remedy = format!("`floodmark dlq ls {component}` lists those there are");
            Failure::new(format!("{component} has no dead letter {id:?}")).remedy(remedy)
        })?;
        match args.format {
            Format::Table => print(&page(&letter, std::io::stdout().is_terminal())),
            Format::Json => print(&json_line(&letter)),
        }
    })
}

/// The whole letter; for a terminal with control characters written out.
fn page(letter: &DeadLetter, terminal: bool) -> String {
    let DeadLetter { id, component, origin, reason, time, original } = letter;
    let mut text = String::new();
    for (name, value) in [("component", &**component), ("id", id), ("origin", origin), ("time", &time.to_string()), ("reason", reason)] {
        text.push_str(&format!("{name:11}{}\n", plain(value)));
    }
    text.push('\n');
    match terminal {
        true => text.extend(original.split_inclusive(['\n', '\t']).map(shown)),
        false => text.push_str(original),
    }
    if !original.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// A piece of text, its last line break or tab left as it is.
fn shown(piece: &str) -> String {
    let end = piece.len() - usize::from(piece.ends_with(['\n', '\t']));
    format!("{}{}", plain(&piece[..end]), &piece[end..])
}

impl Listed for DeadLetter {
    fn table(letters: &[Self]) -> Table {
        let mut table = Table::new(["TIME", "COMPONENT", "ID", "ORIGIN", "REASON"].map(|name| (name, Align::Left)));
        for DeadLetter { id, component, origin, reason, time, .. } in letters {
            table.row(vec![describe::time(*time), component.clone(), id.clone(), origin.clone(), reason.clone()]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::Timestamp;

    use super::*;

    #[test]
    fn an_original_cannot_steer_a_terminal() {
        let letter = DeadLetter::new("web", "1", "a:1", "bad", Timestamp::from_secs(0), b"a\tb\r\n\x1b[2Jc");
        let head = "component  web\nid         1\norigin     a:1\ntime       1970-01-01T00:00:00Z\nreason     bad\n\n";
        assert_eq!(page(&letter, true), format!("{head}a\tb\\r\n\\u{{1b}}[2Jc\n"));
        assert_eq!(page(&letter, false), format!("{head}a\tb\r\n\x1b[2Jc\n"));
    }
}
