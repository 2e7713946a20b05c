//! Leases in memory, shared by the pipelines of one process: for tests. They run out by tokio's time, also when that is
//! paused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use floodmark_core::Result;
use floodmark_core::ports::{Leases as LeasesPort, Term, View};
use tokio::sync::watch;
use tokio::time::Instant;

/// Leases in memory. Clones share them.
#[derive(Clone, Debug)]
pub struct Leases {
    ttl: Duration,
    state: Arc<Mutex<State>>,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    revision: u64,
    members: BTreeMap<String, Instant>,
    terms: BTreeMap<String, (Term, Instant)>,
    notes: BTreeMap<String, Bytes>,
}

impl Leases {
    /// Leases that hold for `ttl`; nobody has one.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, state: Arc::default(), version: watch::Sender::new(0) }
    }

    /// What holds now.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        state.members.retain(|_, until| *until > now);
        state.terms.retain(|_, (_, until)| *until > now);
        state
    }

    fn tell(&self) {
        self.version.send_modify(|version| *version += 1);
    }
}

#[async_trait]
impl LeasesPort for Leases {
    fn ttl(&self) -> Option<Duration> {
        Some(self.ttl)
    }

    async fn beat(&self, member: &str) -> Result<()> {
        if self.state().members.insert(member.to_owned(), Instant::now() + self.ttl).is_none() {
            self.tell();
        }
        Ok(())
    }

    async fn leave(&self, member: &str) -> Result<()> {
        self.state().members.remove(member);
        self.tell();
        Ok(())
    }

    async fn view(&self) -> Result<View> {
        let version = *self.version.borrow();
        let state = self.state();
        let owners = state.terms.iter().map(|(unit, (term, _))| (unit.clone(), term.member.clone())).collect();
        Ok(View { members: state.members.keys().cloned().collect(), owners, version })
    }

    async fn changed(&self, version: u64) {
        let mut seen = self.version.subscribe();
        seen.wait_for(|now| *now != version).await.map(drop).expect("the sender is in `self`");
    }

    async fn acquire(&self, unit: &str, member: &str) -> Result<Option<Term>> {
        let mut state = self.state();
        if state.terms.contains_key(unit) {
            return Ok(None);
        }
        state.revision += 1;
        let term = Term { unit: unit.to_owned(), member: member.to_owned(), revision: state.revision };
        state.terms.insert(unit.to_owned(), (term.clone(), Instant::now() + self.ttl));
        drop(state);
        self.tell();
        Ok(Some(term))
    }

    async fn renew(&self, term: &Term) -> Result<Option<Term>> {
        let mut state = self.state();
        state.revision += 1;
        let revision = state.revision;
        let Some(held) = state.terms.get_mut(&term.unit).filter(|(held, _)| held == term) else { return Ok(None) };
        *held = (Term { revision, ..term.clone() }, Instant::now() + self.ttl);
        Ok(Some(held.0.clone()))
    }

    async fn release(&self, term: &Term) -> Result<()> {
        let mut state = self.state();
        if state.terms.get(&term.unit).is_some_and(|(held, _)| held == term) {
            state.terms.remove(&term.unit);
        }
        drop(state);
        self.tell();
        Ok(())
    }

    async fn note(&self, key: &str, value: Bytes) -> Result<()> {
        self.state().notes.insert(key.to_owned(), value);
        Ok(())
    }

    async fn notes(&self) -> Result<BTreeMap<String, Bytes>> {
        Ok(self.state().notes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use floodmark_core::conformance::lease::Fixture;

    struct InMemory(Leases);

    async fn make() -> InMemory {
        InMemory(Leases::new(Duration::from_secs(10)))
    }

    #[async_trait]
    impl Fixture for InMemory {
        async fn open(&self) -> Arc<dyn LeasesPort> {
            Arc::new(self.0.clone())
        }

        async fn advance(&self, by: Duration) {
            tokio::time::advance(by).await;
        }
    }

    floodmark_core::lease_conformance_tests!(
        #[tokio::test(start_paused = true)]
        make
    );
}
