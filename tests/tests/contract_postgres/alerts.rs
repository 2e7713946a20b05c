//! The suite of stores of alerts.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_connectors::stores::postgres::{Alerts, Config, Store};
use floodmark_core::conformance::alerts::{Fixture, Stores};
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
        let alerts = Arc::new(Alerts::new(store));
        Stores { store: alerts.clone(), requests: alerts.clone(), query: alerts }
    }
}

async fn make() -> InDatabase {
    let database = Postgres::shared().await.database().await;
    let config = config(database.uri());
    InDatabase { _database: database, config }
}

floodmark_core::alert_conformance_tests!(
    #[tokio::test]
    make
);
