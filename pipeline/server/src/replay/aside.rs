//! Results that are only compared: taken from the operators as they come, and held in order beside the output log.
//!
//! Nobody asks for them in any other way, so they are neither committed nor stored, which is most of the work of a replay.
//! What is held is what a result says and what tells it from others, as bytes: results of two replays that say the same are
//! the same bytes. Of results in one place the highest revision counts, of equal ones the first, as in a store.

mod held;
mod runs;
mod taken;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use floodmark_core::ports::Page;
use floodmark_core::{Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::replay::Period;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Rollup, Score};

use crate::migrate::pairs::{PAGE, Pages};

pub(super) use held::{Held, Packed};
use runs::{Merged, Runs};
pub(super) use taken::reads;

/// How many bytes of results of one kind wait in memory to be sorted; then they go into a file.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The rollups and scores of a replay, in a period.
#[derive(Debug)]
pub(super) struct Aside {
    period: Period,
    rollups: Mutex<Runs>,
    scores: Mutex<Runs>,
}

impl Aside {
    /// Nothing yet. What does not fit into memory goes into files of `directory`, which is there by then.
    pub(super) fn new(directory: &Path, period: Period) -> Self {
        Self::with_memory(directory, period, WAITING_BYTES_MAX)
    }

    fn with_memory(directory: &Path, period: Period, bytes_max: usize) -> Self {
        let runs = |name, beside| Mutex::new(Runs::new(directory.join(name), beside, bytes_max));
        Self { period, rollups: runs("rollups", Rollup::BESIDE), scores: runs("scores", Score::BESIDE) }
    }

    /// The same jobs, with their results taken.
    pub(super) fn of(self: &Arc<Self>, jobs: Vec<JobPlan>) -> Vec<JobPlan> {
        taken::all(self, jobs)
    }

    /// Takes those of the period. To take some again changes nothing.
    ///
    /// # Errors
    /// `Unavailable` when the disk does not take them.
    fn take(&self, outputs: &[Output]) -> Result<()> {
        let mut scratch = held::Scratch::default();
        for output in outputs.iter().filter(|output| self.period.keeps(output)) {
            match output {
                Output::Rollup(rollup) => push(&self.rollups, scratch.pack(rollup))?,
                Output::Score(score) => push(&self.scores, scratch.pack(score))?,
                // Late events are not compared, and alerts are read from the output log.
                Output::Late(_) | Output::Alert(_) => {}
            }
        }
        Ok(())
    }

    /// The rollups in their order, each as `read` makes it. They can be had once, when the replay is through.
    ///
    /// # Errors
    /// `Unavailable` when the disk does not give them back.
    pub(super) fn rollups<'a, T: Send + 'static>(&self, read: fn(Held) -> Result<T>) -> Result<Pages<'a, T>> {
        pages(&self.rollups, read)
    }

    /// The scores in their order, likewise.
    ///
    /// # Errors
    /// As [`Self::rollups`].
    pub(super) fn scores<'a, T: Send + 'static>(&self, read: fn(Held) -> Result<T>) -> Result<Pages<'a, T>> {
        pages(&self.scores, read)
    }
}

fn push(runs: &Mutex<Runs>, held: (u32, &[u8], &[u8])) -> Result<()> {
    let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
    runs.push(held).map_err(|e| Error::unavailable("putting results aside").because(e))
}

fn pages<'a, T: Send + 'static>(runs: &Mutex<Runs>, read: fn(Held) -> Result<T>) -> Result<Pages<'a, T>> {
    let merged = runs.lock().unwrap_or_else(PoisonError::into_inner).merged();
    let merged = Arc::new(Mutex::new(merged.map_err(|e| reading().because(e))?));
    Ok(Pages::new(move |_| {
        let merged = merged.clone();
        Box::pin(async move { tokio::task::spawn_blocking(move || page(&merged, read)).await.map_err(|e| reading().because(e))? })
    }))
}

fn page<T>(merged: &Mutex<Merged>, read: fn(Held) -> Result<T>) -> Result<Page<T>> {
    let mut merged = merged.lock().unwrap_or_else(PoisonError::into_inner);
    let mut items = Vec::with_capacity(PAGE);
    while items.len() < PAGE {
        match merged.next().map_err(|e| reading().because(e))? {
            Some(held) if held.is_retracted() => {}
            Some(held) => items.push(read(held)?),
            None => return Ok(Page { items, next: None }),
        }
    }
    Ok(Page { items, next: Some(String::new()) })
}

fn reading() -> Error {
    Error::unavailable("reading results that were put aside")
}

#[cfg(test)]
mod tests;
