//! The suite of stores of alerts.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_connectors::stores::postgres::{Alerts, Config, Store};
use floodmark_core::conformance::alerts::{Fixture, Stores};
use floodmark_core::ports::{AlertFilter, AlertQuery, AlertStore};
use floodmark_schemas::Timestamp;
use floodmark_tests::servers::postgres::{Database, Postgres};

use crate::common::{There, config, rows};

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

#[tokio::test]
async fn what_is_old_and_what_is_active_is_found_by_an_index() {
    let There { database, store, .. } = There::new().await;
    // So many that reading all of a table costs more.
    let many = "FROM generate_series(1, 20000) AS n";
    let fill = format!(
        "INSERT INTO incident SELECT 'i' || n, '', 0, n, n, true, '' {many}; \
         INSERT INTO alert SELECT 'a' || n, '', '', '', false, 0, n, n, CASE WHEN n % 2 = 0 THEN 'i' || n END, '', false, '' {many}; \
         INSERT INTO notification (id, incident, receiver, reply, reason, time_us, state, attempts, next_us, data) \
         SELECT 'n' || n, 'i' || n, '', 0, '', n, 'delivered', 1, n, '' {many}; \
         INSERT INTO alert_request (time_us, action, answer) SELECT n, '', '' {many}; ANALYZE"
    );
    rows(database.uri(), &fill).await;
    let alerts = Alerts::new(store);
    let owner = alerts.open().await.unwrap().turn.owner;
    assert!(alerts.forget(owner, Timestamp::from_micros(100)).await.unwrap() > 0);
    for filter in [AlertFilter { active: Some(true), ..AlertFilter::default() }, AlertFilter { live: Some(true), ..AlertFilter::default() }]
    {
        assert_eq!(alerts.alerts(&filter, None, 9).await.unwrap().items, []);
    }
    // What was used is known when the connections have ended.
    drop(alerts);
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                  AND backend_type = 'client backend'";
    while rows(database.uri(), others).await != ["0"] {}
    let used = "SELECT indexrelname FROM pg_stat_user_indexes WHERE idx_scan > 0 ORDER BY indexrelname COLLATE \"C\"";
    let used = rows(database.uri(), used).await;
    for index in ["alert_active", "alert_live", "alert_passed", "alert_request_answered", "incident_done", "notification_settled"] {
        assert!(used.iter().any(|used| used == index), "{index}: {used:?}");
    }
}
