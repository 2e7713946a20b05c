//! Leases that a process cannot reach while a test says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use floodmark_core::ports::{Leases, Term, View};
use floodmark_core::{Error, Result};

/// Passes everything on to leases, unless the way to them is cut.
pub struct Cut {
    leases: Arc<dyn Leases>,
    cut: AtomicBool,
}

impl Cut {
    /// The way to `leases`, not cut.
    pub fn new(leases: Arc<dyn Leases>) -> Arc<Self> {
        Arc::new(Self { leases, cut: AtomicBool::new(false) })
    }

    /// From now on nothing gets through.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// From now on everything gets through.
    pub fn mend(&self) {
        self.cut.store(false, Ordering::Relaxed);
    }

    fn way(&self) -> Result<&dyn Leases> {
        match self.cut.load(Ordering::Relaxed) {
            true => Err(Error::unavailable("asking leases that cannot be reached")),
            false => Ok(&*self.leases),
        }
    }
}

#[async_trait]
impl Leases for Cut {
    fn ttl(&self) -> Option<Duration> {
        self.leases.ttl()
    }

    async fn beat(&self, member: &str) -> Result<()> {
        self.way()?.beat(member).await
    }

    async fn leave(&self, member: &str) -> Result<()> {
        self.way()?.leave(member).await
    }

    async fn view(&self) -> Result<View> {
        self.way()?.view().await
    }

    async fn changed(&self, version: u64) {
        self.leases.changed(version).await;
    }

    async fn acquire(&self, unit: &str, member: &str) -> Result<Option<Term>> {
        self.way()?.acquire(unit, member).await
    }

    async fn renew(&self, term: &Term) -> Result<Option<Term>> {
        self.way()?.renew(term).await
    }

    async fn release(&self, term: &Term) -> Result<()> {
        self.way()?.release(term).await
    }

    async fn note(&self, key: &str, value: Bytes) -> Result<()> {
        self.way()?.note(key, value).await
    }

    async fn notes(&self) -> Result<BTreeMap<String, Bytes>> {
        self.way()?.notes().await
    }
}
