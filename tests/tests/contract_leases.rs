//! Leases on JetStream keep the contract of leases, on a real server.
#![cfg(test)]

#[path = "jetstream/support.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_connectors::leases::jetstream::Leases;
use floodmark_connectors::logs::jetstream::{Config, Connection};
use floodmark_core::conformance::lease::Fixture;
use floodmark_core::ports;
use floodmark_tests::servers::Nats;
use support::config;

struct OnServer {
    _server: Nats,
    config: Config,
}

#[async_trait]
impl Fixture for OnServer {
    async fn open(&self) -> Arc<dyn ports::Leases> {
        let connection = Connection::open(&self.config).await.unwrap();
        Arc::new(Leases::open(&connection, Duration::from_secs(2)).await.unwrap())
    }

    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }
}

async fn make() -> OnServer {
    let server = Nats::start().await;
    OnServer { config: config(&server), _server: server }
}

floodmark_core::lease_conformance_tests!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    make
);
