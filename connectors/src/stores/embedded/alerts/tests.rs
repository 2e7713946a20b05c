//! The embedded store passes the suite of all stores of alerts.

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::conformance::alerts::{Fixture, Stores};

use super::Alerts;
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

floodmark_core::alert_conformance_tests!(
    #[tokio::test]
    make
);
