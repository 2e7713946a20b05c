//! `floodmark results`: which results of an operator count when its definition has changed, and dropping the others.

use clap::{Subcommand, ValueEnum};
use floodmark_core::ports::{KnownResultSet, ResultSetQuery};
use floodmark_core::result_sets::State;

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::listing::json_line;
use super::output::{self, print};
use super::selection::{Place, usage};
use super::table::{Align, Table};
use super::{describe, open};

/// Commands of `floodmark results`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the results of each operator by its definition: which count, which are computed anew, which were replaced.
    #[command(after_help = "Works beside `floodmark run`.\n\nExample:\n  floodmark results ls")]
    Ls(Ls),
    /// Delete the results of an operator that those of a newer definition have replaced.
    #[command(after_help = "Works beside `floodmark run`.\n\nExample:\n  floodmark results drop one_minute --yes")]
    Drop(Drop),
}

/// Arguments of `floodmark results ls`.
#[derive(Debug, clap::Args)]
pub struct Ls {
    /// How they are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `floodmark results drop`.
#[derive(Debug, clap::Args)]
pub struct Drop {
    /// The operator.
    #[arg(value_name = "OPERATOR")]
    pub operator: String,
    /// Only those by this definition.
    #[arg(long, value_name = "HASH")]
    pub definition: Option<String>,
    /// Do it: what is dropped can only be computed again, as far as the log goes back.
    #[arg(long)]
    pub yes: bool,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// How result sets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object on each line.
    Json,
}

/// Lists or drops results.
///
/// # Errors
/// When the store cannot be read, or there is nothing that can be dropped.
pub fn results(global: &Global, command: &Command) -> Outcome {
    let place = match command {
        Command::Ls(args) => &args.place,
        Command::Drop(args) => &args.place,
    };
    let data = open::data(global, place)?;
    open::block_on(global, async {
        match command {
            Command::Ls(args) => ls(&*data.result_sets(open::Access::Read).await?, args.format).await,
            Command::Drop(args) => drop_sets(&*data.result_sets(open::Access::Write).await?, args).await,
        }
    })
}

/// Every operator is known to the stores of rollups and of scores; where it has no results they say nothing of it.
async fn known(store: &dyn ResultSetQuery) -> Result<Vec<KnownResultSet>, Failure> {
    let all = store.result_sets().await?;
    let has_results = |set: &KnownResultSet| {
        let other = |other: &KnownResultSet| other.of != set.of && other.set.operator == set.set.operator && other.results > 0;
        let own = |other: &KnownResultSet| other.of == set.of && other.set.operator == set.set.operator && other.results > 0;
        all.iter().any(own) || !(set.of == "scores" || all.iter().any(other))
    };
    Ok(all.iter().filter(|set| has_results(set)).cloned().collect())
}

async fn ls(store: &dyn ResultSetQuery, format: Format) -> Outcome {
    let sets = known(store).await?;
    match format {
        Format::Table => print(&table(&sets).render(output::width()))?,
        Format::Json => sets.iter().try_fold(Exit::Ok, |_, set| print(&json_line(set)))?,
    };
    Ok(Exit::Ok)
}

fn table(sets: &[KnownResultSet]) -> Table {
    let columns = ["OPERATOR", "DEFINITION", "STATE", "SINCE", "RESULTS", "OF", "FIRST", "LAST"];
    let mut table = Table::new(columns.map(|name| (name, if name == "RESULTS" { Align::Right } else { Align::Left })));
    for KnownResultSet { of, set, results, first, last } in sets {
        // What was written before sets were told apart has no time.
        let since = if set.since.micros() == 0 { String::new() } else { describe::time(set.since) };
        let time = |time: &Option<_>| time.map(describe::time).unwrap_or_default();
        table.row(vec![
            set.operator.clone(),
            set.version.clone(),
            set.state.name().to_owned(),
            since,
            results.to_string(),
            (*of).to_owned(),
            time(first),
            time(last),
        ]);
    }
    table
}

async fn drop_sets(store: &dyn ResultSetQuery, args: &Drop) -> Outcome {
    let Drop { operator, definition, yes, .. } = args;
    let wanted = |set: &&KnownResultSet| {
        set.set.operator == *operator && definition.as_ref().is_none_or(|definition| set.set.version == *definition)
    };
    let all = store.result_sets().await?;
    let mut versions: Vec<&str> = all.iter().filter(wanted).map(|set| set.set.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    let replaced = |version: &&str| !all.iter().filter(wanted).any(|set| set.set.version == **version && set.set.state != State::Replaced);
    let droppable: Vec<&str> = versions.iter().copied().filter(|version| replaced(version)).collect();
    if droppable.is_empty() {
        let what = match (versions.is_empty(), definition) {
            (true, _) => format!("there are no such results of operator {operator:?}"),
            (false, Some(definition)) => format!("the results of operator {operator} by definition {definition} have not been replaced"),
            (false, None) => format!("operator {operator} has no results that were replaced"),
        };
        return Err(Failure::new(what).remedy("`floodmark results ls` lists what there is"));
    }
    if !yes {
        let results: u64 = all.iter().filter(wanted).filter(|set| droppable.contains(&&*set.set.version)).map(|set| set.results).sum();
        let what = format!("{results} results of operator {operator} by {} would be deleted", droppable.join(", "));
        return Err(usage(what).remedy("add --yes if that is what you want"));
    }
    for version in droppable {
        let results = store.drop_result_set(operator, version).await?;
        print(&format!("{operator} {version}: {results} results deleted\n"))?;
    }
    Ok(Exit::Ok)
}
