//! The suite of all stores of rollups and scores; what it asks of other stores is answered by the embedded one.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_connectors::stores::embedded;
use floodmark_connectors::stores::letters::LogLetters;
use floodmark_connectors::stores::mongodb::{Rollups, Scores, Store};
use floodmark_core::conformance::store::{Fixture, Stores};
use floodmark_core::ports::Log;
use floodmark_core::ports::query::Answers;
use floodmark_tests::servers::Mongo;
use floodmark_tests::servers::mongodb::Database;

use crate::support::{config, log};

struct OnAServer {
    database: Database,
    log: Arc<dyn Log>,
    directory: tempfile::TempDir,
}

#[async_trait]
impl Fixture for OnAServer {
    async fn open(&self) -> Stores {
        let store = Store::open(&config(&self.database)).await.expect("the server takes the store");
        let other = embedded::Store::open(self.directory.path().join("store.db")).expect("the other store opens");
        Stores {
            rollups: Arc::new(Rollups::new(store.clone(), "rollups", self.log.clone())),
            scores: Arc::new(Scores::new(store.clone(), "scores", self.log.clone())),
            dead_letters: Arc::new(embedded::DeadLetters::new(other.clone(), "dead-letters")),
            catalog: Arc::new(embedded::Catalog::new(other.clone(), "catalog")),
            result_sets: Arc::new(store.clone()),
            query: Arc::new(Answers {
                rollups: Arc::new(store.clone()),
                scores: Arc::new(store),
                series: Arc::new(other),
                dead_letters: Arc::new(LogLetters::new(self.log.clone())),
            }),
        }
    }
}

async fn make() -> OnAServer {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    OnAServer { database: Mongo::shared().await.database(), log: log(), directory }
}

floodmark_core::rollup_conformance_tests!(
    #[tokio::test]
    make
);

floodmark_core::score_conformance_tests!(
    #[tokio::test]
    make
);
