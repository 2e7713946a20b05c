//! Two lists of results side by side: what is the same, and what was added, removed or changed.

use std::collections::BTreeMap;

use floodmark_core::Result;
use serde::Serialize;
use serde_json::Value;

use super::aside::{Held, Packed};
use super::kind::{Identity, Kind};
use crate::migrate::pairs::{Pages, Pair, Pairs};

/// How many results are how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// In both, and the same.
    pub same: u64,
    /// Only in the second.
    pub added: u64,
    /// Only in the first.
    pub removed: u64,
    /// In both, and not the same.
    pub changed: u64,
}

impl Counts {
    /// How many differ.
    pub fn differences(&self) -> u64 {
        self.added + self.removed + self.changed
    }

    /// How many were compared.
    pub fn all(&self) -> u64 {
        self.same + self.differences()
    }

    fn of(&mut self, change: Option<Change>) -> &mut u64 {
        match change {
            None => &mut self.same,
            Some(Change::Added) => &mut self.added,
            Some(Change::Removed) => &mut self.removed,
            Some(Change::Changed) => &mut self.changed,
        }
    }
}

/// How a result differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only in the second.
    Added,
    /// Only in the first.
    Removed,
    /// In both, and not the same.
    Changed,
}

/// One result that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The kind of result.
    pub kind: &'static str,
    /// How it differs.
    pub change: Change,
    /// What it is about.
    pub about: Value,
    /// What the first says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What the second says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What came of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Counts of each kind of result, by kind and operator.
    pub counts: BTreeMap<&'static str, BTreeMap<String, Counts>>,
    /// The first differences, in order of time.
    pub first: Vec<Difference>,
}

impl Tally {
    /// How many differ, of all kinds.
    pub fn differences(&self) -> u64 {
        self.counts.values().flat_map(BTreeMap::values).map(Counts::differences).sum()
    }

    /// How many were compared, of all kinds.
    pub fn all(&self) -> u64 {
        self.counts.values().flat_map(BTreeMap::values).map(Counts::all).sum()
    }

    /// Compares two lists by what their results say, and keeps the first `limit` differences.
    pub(super) async fn add<'a, T: Kind>(&mut self, before: Pages<'a, T>, after: Pages<'a, T>, limit: usize) -> Result<()> {
        let mut all = pairs(before, after);
        while let Some(pair) = all.next().await? {
            self.takes(&pair, limit);
        }
        Ok(())
    }

    /// The same of results that were put aside: what is the same to the byte is not read.
    pub(super) async fn add_held<T: Packed>(
        &mut self,
        before: Pages<'static, Held>,
        after: Pages<'static, Held>,
        limit: usize,
    ) -> Result<()> {
        let mut all = Pairs::new(before, after, Held::time, Held::place);
        while let Some(pair) = all.next().await? {
            match pair {
                Pair::Both(before, after) if before.is_the_same(&after) => self.count_one(T::NAME, before.operator()?, None),
                Pair::Both(before, after) => self.takes(&Pair::Both(before.read::<T>()?, after.read()?), limit),
                Pair::Old(before) => self.takes(&Pair::Old(before.read::<T>()?), limit),
                Pair::New(after) => self.takes(&Pair::New(after.read::<T>()?), limit),
            }
        }
        Ok(())
    }

    fn takes<T: Kind>(&mut self, pair: &Pair<T>, limit: usize) {
        let change = match pair {
            Pair::Both(before, after) if before.says_the_same(after) => None,
            Pair::Both(..) => Some(Change::Changed),
            Pair::Old(_) => Some(Change::Removed),
            Pair::New(_) => Some(Change::Added),
        };
        self.count(pair, change);
        if let Some(change) = change
            && self.first.len() < limit
        {
            self.first.push(difference(pair, change, Kind::says));
        }
    }

    /// Counts one pair.
    pub(super) fn count<T: Kind>(&mut self, pair: &Pair<T>, change: Option<Change>) {
        self.count_one(T::NAME, one(pair).operator(), change);
    }

    fn count_one(&mut self, kind: &'static str, operator: &str, change: Option<Change>) {
        let operators = self.counts.entry(kind).or_default();
        if !operators.contains_key(operator) {
            operators.insert(operator.to_owned(), Counts::default());
        }
        if let Some(counts) = operators.get_mut(operator) {
            *counts.of(change) += 1;
        }
    }
}

/// Two lists side by side.
pub(super) fn pairs<'a, T: Kind>(before: Pages<'a, T>, after: Pages<'a, T>) -> Pairs<'a, T, floodmark_schemas::Timestamp, Identity> {
    Pairs::new(before, after, T::time, T::identity)
}

/// The one that is there, or the first.
pub(super) fn one<T>(pair: &Pair<T>) -> &T {
    match pair {
        Pair::Old(one) | Pair::New(one) | Pair::Both(one, _) => one,
    }
}

/// The difference that a pair is.
pub(super) fn difference<T: Kind>(pair: &Pair<T>, change: Change, says: fn(&T) -> Value) -> Difference {
    let (before, after) = match pair {
        Pair::Old(before) => (Some(before), None),
        Pair::New(after) => (None, Some(after)),
        Pair::Both(before, after) => (Some(before), Some(after)),
    };
    Difference { kind: T::NAME, change, about: one(pair).about(), before: before.map(says), after: after.map(says) }
}
