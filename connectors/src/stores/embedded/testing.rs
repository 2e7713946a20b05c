//! The embedded store passes the suite of all stores.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::conformance::store::{Fixture, Stores};

use super::{Catalog, DeadLetters, Rollups, Scores, Store};

/// A store in a directory of its own.
pub(super) struct InDirectory {
    directory: tempfile::TempDir,
}

impl InDirectory {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("store.db")
    }

    pub(super) fn stores(&self) -> (Store, Stores) {
        let store = Store::open(self.path()).unwrap();
        let stores = Stores {
            rollups: Arc::new(Rollups::new(store.clone(), "rollups")),
            scores: Arc::new(Scores::new(store.clone(), "scores")),
            dead_letters: Arc::new(DeadLetters::new(store.clone(), "dead-letters")),
            catalog: Arc::new(Catalog::new(store.clone(), "catalog")),
            query: Arc::new(store.clone()),
            result_sets: Arc::new(store.clone()),
        };
        (store, stores)
    }
}

#[async_trait]
impl Fixture for InDirectory {
    async fn open(&self) -> Stores {
        self.stores().1
    }
}

async fn make() -> InDirectory {
    InDirectory::new()
}

floodmark_core::store_conformance_tests!(
    #[tokio::test]
    make
);
