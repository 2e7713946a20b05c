//! The log on JetStream keeps the contract of logs, on a real server.
#![cfg(test)]

#[path = "jetstream/support.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_connectors::logs::jetstream::{Config, Connection};
use floodmark_connectors::settings::{Size, Span};
use floodmark_core::conformance::log::{Capabilities, Fixture, Settings};
use floodmark_core::ports::Log;
use floodmark_tests::servers::Nats;
use support::{anything, config};

struct OnServer {
    _server: Nats,
    config: Config,
}

#[async_trait]
impl Fixture for OnServer {
    fn capabilities(&self) -> Capabilities {
        // The server's `max_payload`.
        Capabilities { atomic_append: false, exact_time: false, entry_bytes_max: 1 << 20 }
    }

    async fn open(&self) -> Arc<dyn Log> {
        let connection = Connection::open(&self.config).await.unwrap();
        connection.ensure_stream(&anything(), 1).await.unwrap();
        connection.log(&anything())
    }

    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }
}

async fn make(settings: Settings) -> OnServer {
    let server = Nats::start().await;
    let config = Config {
        retention_age: Span(settings.retention.age_max),
        retention_size: Size(settings.retention.bytes_max),
        size_max: Some(Size(1 << 30)),
        duplicate_window: Span(settings.duplicate_window),
        ..config(&server)
    };
    OnServer { _server: server, config }
}

floodmark_core::log_conformance_tests!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    make
);
