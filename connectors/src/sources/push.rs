//! Takes events over HTTP: `POST /v1/events`.
//!
//! The answer 200 means durable: it is sent after the log has the good events of the body and the dead letters of the bad
//! ones. With an `Idempotency-Key` a request may be repeated within the log's duplicate window and stores nothing twice;
//! without one every request is new (at least once). Nothing is buffered here: a slow log makes slow answers, and requests
//! above the limit of those under way are told to come back.

mod answer;
mod body;
mod config;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::ports::{Clock, Ingest, Source};
use floodmark_core::{Error, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::settings::Fault;
pub use answer::{Answer, RejectedEvent};
pub use body::{EVENT_BYTES_MAX, EVENTS_MAX, reread};
pub use config::Config;

/// An HTTP endpoint as a source.
pub struct Push {
    id: String,
    config: Config,
    clock: Arc<dyn Clock>,
    address: watch::Sender<Option<SocketAddr>>,
}

impl Push {
    /// A source that listens where `config` says. Nothing is opened yet.
    ///
    /// # Errors
    /// `Broken` when the configuration contradicts itself; the text says what to change.
    pub fn new(id: &str, config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        Fault::refuse(id, &config.validate())?;
        Ok(Self { id: id.to_owned(), config, clock, address: watch::Sender::new(None) })
    }

    /// Where it listens, once it does: with port 0 in the configuration the system chooses.
    pub fn address(&self) -> watch::Receiver<Option<SocketAddr>> {
        self.address.subscribe()
    }
}

#[async_trait]
impl Source for Push {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        let token = self.config.token.as_ref().map(|secret| secret.read()).transpose()?;
        let listen = self.config.listen;
        let listener = TcpListener::bind(listen).await.map_err(|e| Error::unavailable(format!("listening on {listen}")).because(e))?;
        let address = listener.local_addr().map_err(|e| Error::unavailable("asking for the own address").because(e))?;
        self.address.send_replace(Some(address));
        let result = server::serve(&self.id, &self.config, token.as_ref(), &*self.clock, &listener, ingest).await;
        self.address.send_replace(None);
        result
    }
}
