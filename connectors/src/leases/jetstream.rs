//! Leases in two key-value buckets of JetStream: `<PREFIX>_LEASES`, whose keys the server deletes when nobody renews them
//! for the time a lease holds, and `<PREFIX>_NOTES`, whose keys stay.
//!
//! ```text
//! member.<name>   the member lives             -> its name
//! lease.<unit>    the unit is somebody's       -> the owner's name; the revision of the key is the term
//! ```
//! A lease is taken by creating its key and renewed by an update that expects the last revision: the server compares and
//! sets. The time a lease holds is that of the bucket, whoever made it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::kv::{CreateErrorKind, Operation, Store, UpdateErrorKind};
use async_trait::async_trait;
use bytes::Bytes;
use floodmark_core::ports::{Leases as LeasesPort, Term, View};
use floodmark_core::{Error, Result};
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt};

use crate::logs::jetstream::Connection;

/// Leases on a NATS server.
pub struct Leases {
    ttl: Duration,
    leases: Store,
    notes: Store,
    /// What was seen last: a key that is set to the same again was only renewed.
    known: Mutex<BTreeMap<String, Bytes>>,
}

impl Leases {
    /// Opens the buckets; makes them when they are not there, with leases that hold for `ttl`.
    ///
    /// # Errors
    /// `Unavailable`; `Broken` when the bucket of leases is one whose keys stay.
    pub async fn open(connection: &Connection, ttl: Duration) -> Result<Self> {
        let leases = connection.bucket("LEASES", ttl).await?;
        let notes = connection.bucket("NOTES", Duration::ZERO).await?;
        let ttl = leases.status().await.map_err(away("asking for the bucket of leases"))?.max_age();
        match ttl.is_zero() {
            true => Err(Error::broken(format!("opening the leases: keys of the bucket {} stay for ever; delete it", leases.name))),
            false => Ok(Self { ttl, leases, notes, known: Mutex::default() }),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that did not come.
fn away<E: std::error::Error + Send + Sync + 'static>(doing: impl Into<String>) -> impl FnOnce(E) -> Error {
    let doing = doing.into();
    move |e| Error::unavailable(doing).because(e)
}

fn lease(unit: &str) -> String {
    format!("lease.{unit}")
}

fn member(name: &str) -> String {
    format!("member.{name}")
}

/// Everything in a bucket.
async fn read(store: &Store) -> Result<BTreeMap<String, Bytes>> {
    let doing = || format!("reading the bucket {}", store.name);
    let keys: Vec<String> = store.keys().await.map_err(away(doing()))?.try_collect().await.map_err(away(doing()))?;
    let found = try_join_all(keys.into_iter().map(|key| store.entry(key))).await.map_err(away(doing()))?;
    Ok(found.into_iter().flatten().filter(|entry| entry.operation == Operation::Put).map(|entry| (entry.key, entry.value)).collect())
}

#[async_trait]
impl LeasesPort for Leases {
    fn ttl(&self) -> Option<Duration> {
        Some(self.ttl)
    }

    async fn beat(&self, name: &str) -> Result<()> {
        let told = self.leases.put(member(name), Bytes::copy_from_slice(name.as_bytes())).await;
        told.map(drop).map_err(away("giving a sign of life"))
    }

    async fn leave(&self, name: &str) -> Result<()> {
        self.leases.delete(member(name)).await.map_err(away("leaving the members"))
    }

    async fn view(&self) -> Result<View> {
        // Asked before: what changes while the keys are read is told as a change after it.
        let version = self.leases.status().await.map_err(away("asking for the bucket of leases"))?.info.state.last_sequence;
        let all = read(&self.leases).await?;
        self.known().clone_from(&all);
        let mut view = View { version, ..View::default() };
        for (key, value) in all {
            if let Some(name) = key.strip_prefix("member.") {
                view.members.insert(name.to_owned());
            } else if let Some(unit) = key.strip_prefix("lease.") {
                view.owners.insert(unit.to_owned(), String::from_utf8_lossy(&value).into_owned());
            }
        }
        Ok(view)
    }

    async fn changed(&self, version: u64) {
        if let Ok(mut watch) = self.leases.watch_all_from_revision(version + 1).await {
            while let Some(Ok(entry)) = watch.next().await {
                let renewed = entry.operation == Operation::Put && self.known().get(&entry.key) == Some(&entry.value);
                if !renewed {
                    return;
                }
            }
        }
        // Whoever waits looks again when it is time to renew.
        std::future::pending().await
    }

    async fn acquire(&self, unit: &str, member: &str) -> Result<Option<Term>> {
        match self.leases.create(lease(unit), Bytes::copy_from_slice(member.as_bytes())).await {
            Ok(revision) => Ok(Some(Term { unit: unit.to_owned(), member: member.to_owned(), revision })),
            Err(e) if e.kind() == CreateErrorKind::AlreadyExists => Ok(None),
            Err(e) => Err(away(format!("taking the lease of {unit}"))(e)),
        }
    }

    async fn renew(&self, term: &Term) -> Result<Option<Term>> {
        let (key, value) = (lease(&term.unit), Bytes::copy_from_slice(term.member.as_bytes()));
        let doing = || format!("renewing the lease of {}", term.unit);
        let mut expected = term.revision;
        // A renewal whose answer was lost has moved the revision: it is this member's all the same, and is renewed again.
        for _ in 0..2 {
            match self.leases.update(&key, value.clone(), expected).await {
                Ok(revision) => return Ok(Some(Term { revision, ..term.clone() })),
                Err(e) if e.kind() == UpdateErrorKind::WrongLastRevision => {}
                Err(e) => return Err(away(doing())(e)),
            }
            match self.leases.entry(&key).await.map_err(away(doing()))? {
                Some(entry) if entry.operation == Operation::Put && entry.value == value => expected = entry.revision,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn release(&self, term: &Term) -> Result<()> {
        let key = lease(&term.unit);
        let doing = || format!("giving back the lease of {}", term.unit);
        match self.leases.delete_expect_revision(&key, Some(term.revision)).await {
            Ok(()) => Ok(()),
            Err(e) => match self.leases.entry(&key).await.map_err(away(doing()))? {
                Some(entry) if entry.revision == term.revision && entry.operation == Operation::Put => Err(away(doing())(e)),
                // It has been lost, or the answer was.
                _ => Ok(()),
            },
        }
    }

    async fn note(&self, key: &str, value: Bytes) -> Result<()> {
        self.notes.put(key, value).await.map(drop).map_err(away(format!("leaving the note {key}")))
    }

    async fn notes(&self) -> Result<BTreeMap<String, Bytes>> {
        read(&self.notes).await
    }
}
