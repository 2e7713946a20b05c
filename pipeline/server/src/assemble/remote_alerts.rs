//! Alerts in a PostgreSQL that may be away when the pipeline starts.

use async_trait::async_trait;
use floodmark_connectors::stores::postgres::{Alerts, Store};
use floodmark_core::Result;
use floodmark_core::alert::desk::{Action, AlertRecord, Answer, Changes, Decision, IncidentRecord, Silence};
use floodmark_core::ports::alerts::{Attempt, Depth, Opened, Outbox, Sent, Turn};
use floodmark_core::ports::{AlertFilter, AlertQuery, AlertRequests, AlertStore, IncidentFilter, Page, Standing};
use floodmark_schemas::{Alert, Timestamp};

use super::remote::Remote;

impl<T: AsRef<Store>> Remote<T> {
    async fn in_postgres(&self) -> Result<Alerts> {
        Ok(Alerts::new(self.get().await?.as_ref().clone()))
    }
}

#[async_trait]
impl<T: AsRef<Store> + Send + Sync> AlertStore for Remote<T> {
    async fn open(&self) -> Result<Opened> {
        self.in_postgres().await?.open().await
    }

    async fn standing(&self) -> Result<Standing> {
        self.in_postgres().await?.standing().await
    }

    async fn commit(&self, turn: Turn, standing: &Standing, changes: &Changes) -> Result<Turn> {
        self.in_postgres().await?.commit(turn, standing, changes).await
    }

    async fn outbox(&self, receiver: &str, now: Timestamp, limit: usize) -> Result<Outbox> {
        self.in_postgres().await?.outbox(receiver, now, limit).await
    }

    async fn depths(&self) -> Result<Vec<Depth>> {
        self.in_postgres().await?.depths().await
    }

    async fn attempted(&self, owner: u64, attempts: &[Attempt]) -> Result<()> {
        self.in_postgres().await?.attempted(owner, attempts).await
    }

    async fn requests(&self, limit: usize) -> Result<Vec<(u64, Action)>> {
        self.in_postgres().await?.requests(limit).await
    }

    async fn forget(&self, owner: u64, before: Timestamp) -> Result<u64> {
        self.in_postgres().await?.forget(owner, before).await
    }
}

#[async_trait]
impl<T: AsRef<Store> + Send + Sync> AlertRequests for Remote<T> {
    async fn request(&self, action: &Action, now: Timestamp) -> Result<u64> {
        self.in_postgres().await?.request(action, now).await
    }

    async fn answer(&self, request: u64) -> Result<Option<Answer>> {
        self.in_postgres().await?.answer(request).await
    }
}

#[async_trait]
impl<T: AsRef<Store> + Send + Sync> AlertQuery for Remote<T> {
    async fn incidents(&self, filter: &IncidentFilter, after: Option<&str>, limit: usize) -> Result<Page<IncidentRecord>> {
        self.in_postgres().await?.incidents(filter, after, limit).await
    }

    async fn incident(&self, id: &str) -> Result<Option<IncidentRecord>> {
        self.in_postgres().await?.incident(id).await
    }

    async fn alerts(&self, filter: &AlertFilter, after: Option<&str>, limit: usize) -> Result<Page<AlertRecord>> {
        self.in_postgres().await?.alerts(filter, after, limit).await
    }

    async fn alert(&self, id: &str) -> Result<Option<AlertRecord>> {
        self.in_postgres().await?.alert(id).await
    }

    async fn steps(&self, alert: &str) -> Result<Vec<(u64, Alert)>> {
        self.in_postgres().await?.steps(alert).await
    }

    async fn decisions(&self, incident: &str, limit: usize) -> Result<Vec<Decision>> {
        self.in_postgres().await?.decisions(incident, limit).await
    }

    async fn sent(&self, incident: &str, limit: usize) -> Result<Vec<Sent>> {
        self.in_postgres().await?.sent(incident, limit).await
    }

    async fn silences(&self, all: bool) -> Result<Vec<Silence>> {
        self.in_postgres().await?.silences(all).await
    }
}
