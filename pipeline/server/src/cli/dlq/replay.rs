//! `floodmark dlq replay`: what was set aside goes into the log after all.

use std::path::PathBuf;
use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::{Clock, DeadLetterQuery, Ingest};
use floodmark_engine::Statuses;
use floodmark_engine::ingest::{self, Promise};
use floodmark_schemas::dead_letter::ORIGINAL_BYTES_MAX;
use floodmark_schemas::{DeadLetter, EventBatch};

use crate::assemble::{logs, sources};
use crate::cli::args::Global;
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::export::events as counted;
use crate::cli::output::{notice, print};
use crate::cli::selection::{Place, usage};
use crate::cli::{listing, open};
use crate::config::{self, Config, Source};
use crate::data_dir::DataDir;

/// Arguments of `floodmark dlq replay`.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// The source that set it aside.
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// Which dead letters, as `floodmark dlq ls` shows their ids; all of the source when none is given.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Take the contents of this file, the original as it should have been, instead of the original of the one letter.
    #[arg(long, value_name = "FILE", requires = "ids")]
    pub with: Option<PathBuf>,
    /// Only say what would be stored.
    #[arg(long)]
    pub dry_run: bool,
}

/// A letter that can be read now.
struct Readable {
    letter: DeadLetter,
    events: EventBatch,
}

/// Reads dead letters again with the settings of today and stores the events in the name of their source.
///
/// # Errors
/// When there is no such source or letter, or the log cannot be written.
pub(super) fn replay(global: &Global, args: &Replay) -> Outcome {
    let config = config::load(&global.config)?;
    let Some(source) = config.sources.get(&args.source) else {
        let known: Vec<&str> = config.sources.keys().map(String::as_str).collect();
        let remedy = format!("only what a source set aside can be replayed; the sources are {}", known.join(", "));
        return Err(usage(format!("there is no source {:?} in the configuration", args.source)).remedy(remedy));
    };
    if args.with.is_some() && args.ids.len() != 1 {
        return Err(usage("--with goes with exactly one id"));
    }
    let corrected =
        args.with.as_ref().map(|path| std::fs::read_to_string(path).map_err(|e| Failure::new(format!("reading {}: {e}", path.display()))));
    let corrected = corrected.transpose()?;
    let data = open::data(global, &Place::default())?;
    open::block_on(global, async {
        let letters = letters(&*data.dead_letters().await?, args).await?;
        let (mut readable, mut failed) = (Vec::new(), 0);
        for letter in letters {
            match reread(&args.source, source, &letter, corrected.as_deref()) {
                Ok(events) => readable.push(Readable { letter, events }),
                Err(reason) => {
                    failed += 1;
                    notice(&format!("floodmark: {} {} cannot be read still: {reason}\n", letter.component, letter.id));
                }
            }
        }
        if args.dry_run {
            for Readable { letter, events } in &readable {
                print(&format!("{}  {} would be stored\n", letter.id, counted(events.len())))?;
            }
        } else if !readable.is_empty() {
            store(&config, &args.source, source, readable).await?;
        }
        Ok(if failed == 0 { Exit::Ok } else { Exit::Failed })
    })
}

async fn letters(store: &dyn DeadLetterQuery, args: &Replay) -> Result<Vec<DeadLetter>, Failure> {
    let mut found = Vec::new();
    for id in &args.ids {
        let letter = store.dead_letter(&args.source, id).await?;
        let remedy = || format!("`floodmark dlq ls {}` lists those there are", args.source);
        found.push(letter.ok_or_else(|| Failure::new(format!("{} has no dead letter {id:?}", args.source)).remedy(remedy()))?);
    }
    if args.ids.is_empty() {
        let source = args.source.as_str();
        let ask = |after: Option<String>, limit| async move { store.dead_letters(Some(source), after.as_deref(), limit).await };
        listing::pages(usize::MAX, ask, |page: Vec<DeadLetter>| {
            found.extend(page);
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .await?;
        // In the order in which they came.
        found.reverse();
    }
    Ok(found)
}

fn reread(id: &str, source: &Source, letter: &DeadLetter, corrected: Option<&str>) -> Result<EventBatch, String> {
    let original = corrected.unwrap_or(&letter.original);
    if corrected.is_none() && letter.original.len() >= ORIGINAL_BYTES_MAX {
        return Err(format!("only its first {ORIGINAL_BYTES_MAX} bytes were kept; give the whole original by --with FILE"));
    }
    let events = sources::reread(id, source, original, letter.time).map_err(|e| e.chain())?;
    if events.is_empty() { Err("it holds no events".to_owned()) } else { Ok(events) }
}

/// Takes the source over for a moment, as a restart of it would, so that its frames stay in one order.
async fn store(config: &Config, id: &str, source: &Source, letters: Vec<Readable>) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let logs = logs::open(config, &DataDir::new(&config.data_dir), &clock).await?.logs;
    let promise = Arc::new(Promise::new(id, source.disorder.0));
    let (input, mut pump) = ingest::open(sources::spec(id, source), config.partitions.get(), &logs, promise, Statuses::default()).await?;
    let publish = async move {
        for Readable { letter, events } in letters {
            let count = events.len();
            let new = input.publish(events, &format!("dlq.{}", letter.id)).await?;
            let what = if new { "stored" } else { "stored before" };
            print(&format!("{}  {} {what}\n", letter.id, counted(count)))?;
        }
        Ok::<(), Failure>(())
    };
    let (pumped, published) = tokio::join!(pump.run(), publish);
    published.and(pumped.map_err(Failure::from))
}
