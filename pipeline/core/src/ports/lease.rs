//! Leases: which of several processes does what. They decide who tries; that nothing is doubled or lost never depends on
//! them, but on compare-and-set in the log and in the stores.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;

/// A lease as it was granted or renewed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What it is for. Letters, digits, `_`, `-` and `.`.
    pub unit: String,
    /// Who has it.
    pub member: String,
    /// Tells it from every other term of the unit, and from itself before it was renewed.
    pub revision: u64,
}

/// Who is there and who has what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The members that live.
    pub members: BTreeSet<String>,
    /// The owner of each unit whose lease holds.
    pub owners: BTreeMap<String, String>,
    /// For [`Leases::changed`].
    pub version: u64,
}

/// Leases that members of one pipeline share, and notes that they leave each other.
///
/// A lease holds for [`Self::ttl`] after it was granted or renewed, unless it is given back before. Whoever has one counts
/// from before it asked, by its own clock, so that it stops before somebody else can begin.
#[async_trait]
pub trait Leases: Send + Sync {
    /// How long a lease and a sign of life hold; `None` when there is one process and nothing runs out.
    fn ttl(&self) -> Option<Duration>;

    /// A sign of life of `member`. Repeat it before it runs out.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn beat(&self, member: &str) -> Result<()>;

    /// `member` goes: nobody counts on it from now on. Its leases stay until they are given back or run out.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn leave(&self, member: &str) -> Result<()>;

    /// Who is there and who has what.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn view(&self) -> Result<View>;

    /// Waits until somebody has joined or left, or a lease was granted or given back, since the view with `version`.
    /// What only runs out need not be told. May return without a reason, and may be dropped at any await.
    async fn changed(&self, version: u64);

    /// The lease of `unit` for `member`; `None` when somebody has it, be it the same member.
    ///
    /// # Errors
    /// `Unavailable`: the outcome is unknown, and the lease may have been granted.
    async fn acquire(&self, unit: &str, member: &str) -> Result<Option<Term>>;

    /// The lease for another [`Self::ttl`]; `None` when it has been lost.
    ///
    /// # Errors
    /// `Unavailable`: the outcome is unknown; ask again with the same term.
    async fn renew(&self, term: &Term) -> Result<Option<Term>>;

    /// Gives a lease back. When it has been lost, nothing changes.
    ///
    /// # Errors
    /// `Unavailable`: it then runs out by itself.
    async fn release(&self, term: &Term) -> Result<()>;

    /// Leaves a note, which has no end, in place of the one under this key. Keys are as units.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn note(&self, key: &str, value: Bytes) -> Result<()>;

    /// All notes.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn notes(&self) -> Result<BTreeMap<String, Bytes>>;
}
