//! `floodmark events export`: page after page of the log into a file or stdout, never all of it in memory.

mod columns;
mod fields;
mod file;
mod writer;

use std::io::{IsTerminal, Write};

use floodmark_connectors::stores::frames::PAGE_MAX;
use floodmark_core::ports::Position;
use indicatif::{ProgressBar, ProgressStyle};

use super::alerts::arguments::whole_id;
use super::args::Global;
use super::events::{Export, ExportFormat};
use super::exit::{Exit, Failure, Outcome};
use super::open;
use super::output::{self, Pipe, notice};
use super::selection::usage;
use file::{Existing, Unfinished};
use writer::Writer;

use crate::replay::Live;
use crate::{bundle, config};

/// Exports what the log holds now; what comes in meanwhile is left to the next export.
pub(super) fn export(global: &Global, args: &Export) -> Outcome {
    if let Some(alert) = &args.alert {
        return bundle(global, args, alert);
    }
    let filter = args.selection.filter()?;
    let data = open::data(global, &args.place)?;
    let (pipe, unfinished) = target(args)?;
    open::block_on(global, async {
        let tail = data.log().await?.continuity().await?.tail;
        let stored = data.events().await?;
        let mut writer = Writer::new(args.format, pipe)?;
        let progress = progress(global, args, tail);
        let (mut count, mut after) = (0, None);
        loop {
            let mut page = stored.events(&filter, after.as_deref(), PAGE_MAX).await?;
            if page.items.last().is_some_and(|last| last.position > tail.0) {
                page.items.retain(|stored| stored.position <= tail.0);
                page.next = None;
            }
            writer.write(&page.items)?;
            count += page.items.len();
            if let Some(last) = page.items.last() {
                progress.set_position(last.position);
                progress.set_message(events(count));
            }
            after = page.next;
            if after.is_none() || writer.gone() {
                break;
            }
        }
        let gone = writer.gone();
        writer.finish()?;
        progress.finish_and_clear();
        let to = match unfinished {
            Some(unfinished) => unfinished.keep()?.display().to_string(),
            None => "stdout".to_owned(),
        };
        if !gone && global.verbosity() >= 0 {
            notice(&format!("floodmark: {} written to {to}\n", events(count)));
        }
        Ok(Exit::Ok)
    })
}

/// An alert with what makes it again.
fn bundle(global: &Global, args: &Export, alert: &str) -> Outcome {
    let config = config::load(&global.config)?;
    let (mut pipe, unfinished) = target(args)?;
    open::block_on_cores(global, async {
        let alert = whole_id(&open::data(global, &args.place)?, alert).await?;
        let live = Live::open(&config).await?;
        let bundle = bundle::export(&live, &alert).await?;
        pipe.text(&bundle.write()?)?;
        pipe.flush().map_err(output::failed)?;
        drop(pipe);
        if let Some(unfinished) = unfinished {
            let path = unfinished.keep()?;
            if global.verbosity() >= 0 {
                let (steps, entries) = (bundle.steps.len(), bundle.entries.len());
                notice(&format!(
                    "floodmark: {steps} steps of {} and {entries} entries of the log written to {}\n",
                    bundle.header.rule,
                    path.display()
                ));
            }
        }
        Ok(Exit::Ok)
    })
}

fn target(args: &Export) -> Result<(Pipe, Option<Unfinished>), Failure> {
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let binary = matches!(args.format, ExportFormat::Parquet | ExportFormat::Arrow);
    match args.output.as_deref() {
        Some(path) => Unfinished::begin(path, existing).map(|(pipe, unfinished)| (pipe, Some(unfinished))),
        None if binary && std::io::stdout().is_terminal() => {
            Err(usage("this format is not text and stdout is a terminal").remedy("-o FILE writes it to a file"))
        }
        None => Ok((Pipe::stdout(), None)),
    }
}

/// How far through the log it is; shown where it does not mix with the data.
fn progress(global: &Global, args: &Export, tail: Position) -> ProgressBar {
    let mixes = args.output.is_none() && std::io::stdout().is_terminal();
    if mixes || global.verbosity() < 0 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}").expect("the template is right");
    ProgressBar::new(tail.0).with_style(style)
}

pub(super) fn events(count: usize) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}
