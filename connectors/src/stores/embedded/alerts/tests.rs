//! The embedded store passes the suite of all stores of alerts.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::conformance::alerts::{Fixture, Stores};

use super::{Alerts, writing};
use crate::stores::embedded::Store;
use crate::stores::embedded::testing::InDirectory;

struct There(InDirectory);

#[async_trait]
impl Fixture for There {
    async fn open(&self) -> Stores {
        let alerts = Arc::new(Alerts::new(Store::open(self.0.path()).unwrap()));
        Stores { store: alerts.clone(), requests: alerts.clone(), query: alerts }
    }
}

async fn make() -> There {
    There(InDirectory::new())
}

#[tokio::test]
async fn what_is_old_and_what_is_active_is_found_by_an_index() {
    let directory = InDirectory::new();
    drop(Store::open(directory.path()).unwrap());
    let connection = rusqlite::Connection::open(directory.path()).unwrap();
    let list = |which: &str| format!("SELECT began_us, id, data FROM alert WHERE {which} AND 1 ORDER BY began_us DESC, id LIMIT 2");
    for (sql, index) in [
        (writing::DONE, "INDEX incident_done (resolved_us<?)"),
        (writing::PASSED, "INDEX alert_passed (began_us<?)"),
        (writing::ANSWERED, "INDEX alert_request_answered (time_us<?)"),
        (writing::LONE, "INDEX notification_settled (time_us<?)"),
        (&list("active = 1"), "INDEX alert_active"),
        (&list("live = 1"), "INDEX alert_live"),
    ] {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let numbers = statement.parameter_count();
        let steps = statement.query_map(rusqlite::params_from_iter(vec![9; numbers]), |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert!(steps[0].ends_with(index) && !steps.iter().any(|step| step.contains("TEMP B-TREE")), "{sql}: {steps:?}");
    }
}

floodmark_core::alert_conformance_tests!(
    #[tokio::test]
    make
);
