//! Asks a running server.

use std::time::Duration;

use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;

use super::snapshot::Snapshot;

/// The longest that an answer may take.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Asks a running server.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    http: reqwest::Client,
}

impl Client {
    /// For the server at `address`, such as `http://127.0.0.1:8320`.
    ///
    /// # Errors
    /// `Broken` when no client can be made.
    pub fn new(address: &str) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(TIME_MAX).build();
        let http = http.map_err(|e| Error::broken("making an HTTP client").because(e))?;
        Ok(Self { address: address.trim_end_matches('/').to_owned(), http })
    }

    /// Where the server is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the server says now. It may not know how far jobs and sinks are, because a log or a store is away; then it says
    /// the rest.
    ///
    /// # Errors
    /// `Unavailable` when it does not answer; `Broken` when its answer cannot be read.
    pub async fn look(&self, now: Timestamp) -> Result<Snapshot> {
        let sources = self.get("/api/v1/sources").await?;
        let (units, metrics) = (self.get("/api/v1/units").await.ok(), self.get("/metrics").await?);
        Snapshot::read(now, &sources, units.as_deref(), &metrics)
            .map_err(|e| Error::broken(format!("reading the answer of {}", self.address)).because(e))
    }

    async fn get(&self, path: &str) -> Result<String> {
        let doing = |e: reqwest::Error| Error::unavailable(format!("asking {} for {path}", self.address)).because(e.without_url());
        let answer = self.http.get(format!("{}{path}", self.address)).send().await.and_then(reqwest::Response::error_for_status);
        answer.map_err(doing)?.text().await.map_err(doing)
    }
}
