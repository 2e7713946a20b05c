//! One process that has everything: nothing runs out and nobody else is there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use floodmark_core::Result;
use floodmark_core::ports::{Leases, Term, View};

/// Grants everything at once. Notes live as long as it does: what they tell others, the one process knows.
#[derive(Debug, Default)]
pub struct Alone(Mutex<BTreeMap<String, Bytes>>);

#[async_trait]
impl Leases for Alone {
    fn ttl(&self) -> Option<Duration> {
        None
    }

    async fn beat(&self, _member: &str) -> Result<()> {
        Ok(())
    }

    async fn leave(&self, _member: &str) -> Result<()> {
        Ok(())
    }

    async fn view(&self) -> Result<View> {
        Ok(View::default())
    }

    async fn changed(&self, _version: u64) {
        std::future::pending().await
    }

    async fn acquire(&self, unit: &str, member: &str) -> Result<Option<Term>> {
        Ok(Some(Term { unit: unit.to_owned(), member: member.to_owned(), revision: 0 }))
    }

    async fn renew(&self, term: &Term) -> Result<Option<Term>> {
        Ok(Some(term.clone()))
    }

    async fn release(&self, _term: &Term) -> Result<()> {
        Ok(())
    }

    async fn note(&self, key: &str, value: Bytes) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), value);
        Ok(())
    }

    async fn notes(&self) -> Result<BTreeMap<String, Bytes>> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
