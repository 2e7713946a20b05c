//! The questions of the API and the CLI, answered page by page.
//!
//! Pages are cut by key, not by offset: a page costs the same wherever it lies, and rows that come in between two
//! pages neither repeat nor hide others.

mod by_id;
mod dead_letters;
mod filter;
mod in_time;
mod merge;
mod rollups;
mod scores;
mod series;
pub(in crate::stores) mod token;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::query::KnownSeries;
use floodmark_core::ports::{DeadLetterQuery, Page, RollupFilter, RollupQuery, ScoreFilter, ScoreQuery, SeriesFilter, SeriesQuery};
use floodmark_schemas::{DeadLetter, Rollup, Score};

use super::Store;

/// The most answers on a page; a larger limit is cut to it.
pub const PAGE_MAX: usize = 10_000;

#[async_trait]
impl RollupQuery for Store {
    async fn rollups(&self, filter: &RollupFilter, after: Option<&str>, limit: usize) -> Result<Page<Rollup>> {
        let (filter, after) = (filter.clone(), after.map(str::to_owned));
        self.read(move |snapshot| rollups::page(snapshot, &filter, after.as_deref(), limit.clamp(1, PAGE_MAX))).await
    }

    async fn rollup(&self, id: &str) -> Result<Option<Rollup>> {
        let id = id.to_owned();
        self.read(move |snapshot| by_id::one::<rollups::Rollups>(snapshot, &id)).await
    }
}

#[async_trait]
impl ScoreQuery for Store {
    async fn scores(&self, filter: &ScoreFilter, after: Option<&str>, limit: usize) -> Result<Page<Score>> {
        let (filter, after) = (filter.clone(), after.map(str::to_owned));
        self.read(move |snapshot| scores::page(snapshot, &filter, after.as_deref(), limit.clamp(1, PAGE_MAX))).await
    }

    async fn score(&self, id: &str) -> Result<Option<Score>> {
        let id = id.to_owned();
        self.read(move |snapshot| by_id::one::<scores::Scores>(snapshot, &id)).await
    }
}

#[async_trait]
impl SeriesQuery for Store {
    async fn series(&self, filter: &SeriesFilter, after: Option<&str>, limit: usize) -> Result<Page<KnownSeries>> {
        let (filter, after) = (filter.clone(), after.map(str::to_owned));
        self.read(move |snapshot| series::page(snapshot, &filter, after.as_deref(), limit.clamp(1, PAGE_MAX))).await
    }
}

#[async_trait]
impl DeadLetterQuery for Store {
    async fn dead_letters(&self, component: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<DeadLetter>> {
        let (component, after) = (component.map(str::to_owned), after.map(str::to_owned));
        let limit = limit.clamp(1, PAGE_MAX);
        self.read(move |snapshot| dead_letters::page(snapshot, component.as_deref(), after.as_deref(), limit)).await
    }

    async fn dead_letter(&self, component: &str, id: &str) -> Result<Option<DeadLetter>> {
        let (component, id) = (component.to_owned(), id.to_owned());
        self.read(move |snapshot| dead_letters::one(snapshot, &component, &id)).await
    }
}
