//! A store on a server that may be away when the pipeline starts: it is opened when it is first needed, so that a dead
//! store delays nobody but its own sinks.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_connectors::stores::{mongodb, postgres};
use floodmark_core::ports::query::{KnownSeries, StoredEvent};
use floodmark_core::ports::{
    DeadLetterQuery, Entry, EventFilter, EventQuery, Page, Position, RollupFilter, RollupQuery, ScoreFilter, ScoreQuery, SeriesFilter,
    SeriesQuery, Sink, Standing,
};
use floodmark_core::{Kind, Result};
use floodmark_schemas::{DeadLetter, Rollup, Score};
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

/// A store, once it could be opened.
pub(super) struct Remote<T> {
    opened: OnceCell<T>,
    open: Box<dyn Fn() -> BoxFuture<'static, Result<T>> + Send + Sync>,
}

/// One sink of a [`Remote`] store.
pub(super) struct RemoteSink<T> {
    pub(super) store: Arc<Remote<T>>,
    pub(super) pick: fn(&T) -> &dyn Sink,
}

impl<T> Remote<T> {
    /// Opens the store now if it answers, or else when it is first needed.
    ///
    /// # Errors
    /// Any but `Unavailable`: such a store does not become usable by waiting.
    pub(super) async fn new<F>(name: &str, open: impl Fn() -> F + Send + Sync + 'static) -> Result<Arc<Self>>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let remote = Self { opened: OnceCell::new(), open: Box::new(move || Box::pin(open())) };
        match remote.get().await {
            Err(e) if e.kind() == Kind::Unavailable => {
                tracing::warn!(store = name, error = e.chain(), "store is not available, its sinks wait for it");
            }
            opened => drop(opened?),
        }
        Ok(Arc::new(remote))
    }

    pub(super) async fn get(&self) -> Result<&T> {
        self.opened.get_or_try_init(|| (self.open)()).await
    }
}

#[async_trait]
impl<T: Send + Sync> Sink for RemoteSink<T> {
    async fn standing(&self) -> Result<Standing> {
        (self.pick)(self.store.get().await?).standing().await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        (self.pick)(self.store.get().await?).write(entries, from, to).await
    }
}

#[async_trait]
impl<T: AsRef<postgres::Store> + Send + Sync> EventQuery for Remote<T> {
    async fn events(&self, filter: &EventFilter, after: Option<&str>, limit: usize) -> Result<Page<StoredEvent>> {
        self.get().await?.as_ref().events(filter, after, limit).await
    }
}

#[async_trait]
impl<T: AsRef<mongodb::Store> + Send + Sync> RollupQuery for Remote<T> {
    async fn rollups(&self, filter: &RollupFilter, after: Option<&str>, limit: usize) -> Result<Page<Rollup>> {
        self.get().await?.as_ref().rollups(filter, after, limit).await
    }

    async fn rollup(&self, id: &str) -> Result<Option<Rollup>> {
        self.get().await?.as_ref().rollup(id).await
    }
}

#[async_trait]
impl<T: AsRef<mongodb::Store> + Send + Sync> ScoreQuery for Remote<T> {
    async fn scores(&self, filter: &ScoreFilter, after: Option<&str>, limit: usize) -> Result<Page<Score>> {
        self.get().await?.as_ref().scores(filter, after, limit).await
    }

    async fn score(&self, id: &str) -> Result<Option<Score>> {
        self.get().await?.as_ref().score(id).await
    }
}

#[async_trait]
impl<T: AsRef<postgres::Store> + Send + Sync> SeriesQuery for Remote<T> {
    async fn series(&self, filter: &SeriesFilter, after: Option<&str>, limit: usize) -> Result<Page<KnownSeries>> {
        self.get().await?.as_ref().series(filter, after, limit).await
    }
}

#[async_trait]
impl<T: AsRef<postgres::Store> + Send + Sync> DeadLetterQuery for Remote<T> {
    async fn dead_letters(&self, component: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<DeadLetter>> {
        self.get().await?.as_ref().dead_letters(component, after, limit).await
    }

    async fn dead_letter(&self, component: &str, id: &str) -> Result<Option<DeadLetter>> {
        self.get().await?.as_ref().dead_letter(component, id).await
    }
}
