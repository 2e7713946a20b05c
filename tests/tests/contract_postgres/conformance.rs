//! The suites of dead letters and series.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_connectors::stores::postgres::{Catalog, Config, DeadLetters, Store};
use floodmark_core::conformance::store::{Fixture, Stores};
use floodmark_core::ports::query::KnownSeries;
use floodmark_core::ports::{
    DeadLetterQuery, Entry, KnownResultSet, Page, Position, ResultSetQuery, RollupFilter, RollupQuery, ScoreFilter, ScoreQuery,
    SeriesFilter, SeriesQuery, Sink, Standing,
};
use floodmark_core::{Error, Result};
use floodmark_schemas::{DeadLetter, Rollup, Score};
use floodmark_tests::servers::postgres::{Database, Postgres};

use crate::common::config;

struct InDatabase {
    _database: Database,
    config: Config,
}

#[async_trait]
impl Fixture for InDatabase {
    async fn open(&self) -> Stores {
        let store = Store::open(&self.config).await.unwrap_or_else(|e| panic!("{}", e.chain()));
        Stores {
            rollups: Arc::new(NoRollups),
            scores: Arc::new(NoRollups),
            dead_letters: Arc::new(DeadLetters::new(store.clone(), "dead-letters")),
            catalog: Arc::new(Catalog::new(store.clone(), "catalog")),
            query: Arc::new(WithoutRollups(store)),
            result_sets: Arc::new(NoRollups),
        }
    }
}

async fn make() -> InDatabase {
    let database = Postgres::shared().await.database().await;
    let config = config(database.uri());
    InDatabase { _database: database, config }
}

floodmark_core::dead_letter_conformance_tests!(
    #[tokio::test]
    make
);

floodmark_core::series_conformance_tests!(
    #[tokio::test]
    make
);

/// Rollups and scores go to another store: the suites that run here never ask.
struct NoRollups;

#[async_trait]
impl Sink for NoRollups {
    async fn standing(&self) -> Result<Standing> {
        Err(Error::broken("PostgreSQL takes no rollups"))
    }

    async fn write(&self, _: &[Entry], _: Position, _: Position) -> Result<()> {
        Err(Error::broken("PostgreSQL takes no rollups"))
    }
}

#[async_trait]
impl ResultSetQuery for NoRollups {
    async fn result_sets(&self) -> Result<Vec<KnownResultSet>> {
        Err(Error::broken("PostgreSQL takes no rollups"))
    }

    async fn drop_result_set(&self, _: &str, _: &str) -> Result<u64> {
        Err(Error::broken("PostgreSQL takes no rollups"))
    }
}

struct WithoutRollups(Store);

#[async_trait]
impl RollupQuery for WithoutRollups {
    async fn rollups(&self, _: &RollupFilter, _: Option<&str>, _: usize) -> Result<Page<Rollup>> {
        Err(Error::broken("PostgreSQL takes no rollups"))
    }

    async fn rollup(&self, _: &str) -> Result<Option<Rollup>> {
        Err(Error::broken("PostgreSQL takes no rollups"))
    }
}

#[async_trait]
impl ScoreQuery for WithoutRollups {
    async fn scores(&self, _: &ScoreFilter, _: Option<&str>, _: usize) -> Result<Page<Score>> {
        Err(Error::broken("PostgreSQL takes no scores"))
    }

    async fn score(&self, _: &str) -> Result<Option<Score>> {
        Err(Error::broken("PostgreSQL takes no scores"))
    }
}

#[async_trait]
impl SeriesQuery for WithoutRollups {
    async fn series(&self, filter: &SeriesFilter, after: Option<&str>, limit: usize) -> Result<Page<KnownSeries>> {
        self.0.series(filter, after, limit).await
    }
}

#[async_trait]
impl DeadLetterQuery for WithoutRollups {
    async fn dead_letters(&self, component: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<DeadLetter>> {
        self.0.dead_letters(component, after, limit).await
    }

    async fn dead_letter(&self, component: &str, id: &str) -> Result<Option<DeadLetter>> {
        self.0.dead_letter(component, id).await
    }
}
