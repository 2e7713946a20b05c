//! The MongoDB store: one document for each operator, series and window, and for each score, made for people who write
//! queries.
//!
//! It is derived: everything in it comes from the log and can be rebuilt from it. Documents are written whole and guarded
//! by their revision, then the sink's position moves; a crash in between only repeats writes that change nothing.
//! Dead letters are not kept here: what cannot be written goes to the stream of dead letters.
//!
//! The documents, their indexes and five queries are described in `docs/guides/mongodb.md`.

mod check;
mod config;
mod connection;
mod document;
mod error;
mod indexes;
mod plan;
mod position;
mod query;
mod result_sets;
mod rollups;
mod score_document;
mod scores;
mod writing;

use std::sync::Arc;

use ::mongodb::bson::Document;
use ::mongodb::{Collection, Database};
use floodmark_core::Result;

pub use config::{Config, Tls};
pub use query::PAGE_MAX;
pub use rollups::Rollups;
pub use scores::Scores;

/// The store. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    database: Database,
}

impl Store {
    /// Connects, checks the server and makes the indexes that are missing. Several processes may do so at once.
    ///
    /// # Errors
    /// `Unavailable` when the server does not answer. `Broken`, with what to do, when the settings, the password,
    /// permissions, the server's version or an index that is there do not fit.
    pub async fn open(config: &Config) -> Result<Self> {
        let database = connection::connect(config).await?;
        connection::check_version(&database, config).await?;
        indexes::make(&database, config).await?;
        let store = Self { inner: Arc::new(Inner { config: config.clone(), database }) };
        result_sets::check_ids(&store).await?;
        Ok(store)
    }

    /// What `floodmark check --connect` says about the server that `config` names, in order; after the first problem that
    /// makes the others meaningless nothing follows. Leaves nothing in the database.
    pub async fn check(config: &Config) -> Vec<crate::findings::Finding> {
        check::findings(config).await
    }

    fn rollups(&self) -> Collection<Document> {
        self.inner.database.collection(&self.inner.config.collection)
    }

    fn scores(&self) -> Collection<Document> {
        self.inner.database.collection(&self.inner.config.scores())
    }
}
