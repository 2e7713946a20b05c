//! Which results of an operator count while its definition changes.
//!
//! A changed operator is computed anew from the log. Its results are stored beside those of the definition before, which
//! stay what people see. When every job of the new definition has gone through what was there when it began, its results
//! take the place of the others, in the write that holds the entry that says so. What is replaced stays stored until
//! somebody drops it.
//!
//! All of it follows from the entries of jobs in their order ([`Definition`] in their headers), so every store comes to the
//! same answer at the same entry. Each sink keeps these sets with its position.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_schemas::{Definition, Timestamp, subject};
use serde::{Deserialize, Serialize};

use crate::ports::Entry;
use crate::{Error, Result};

/// The results of an operator by one definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultSet {
    /// The operator.
    pub operator: String,
    /// Its definition as a hash, 8 hex digits.
    pub version: String,
    /// Whether it counts.
    pub state: State,
    /// Log time of the entry by which it came into this state.
    pub since: Timestamp,
    /// While it is rebuilt: the jobs that are through.
    pub through: BTreeSet<u32>,
}

/// Whether a result set counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is what people see.
    Current,
    /// It is computed anew from the log and takes over when that is done.
    Rebuilding,
    /// Another one has taken over.
    Replaced,
}

impl State {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Rebuilding => "rebuilding",
            Self::Replaced => "replaced",
        }
    }

    /// The state with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Current, Self::Rebuilding, Self::Replaced].into_iter().find(|state| state.name() == name)
    }
}

/// The result sets of all operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultSets(BTreeMap<String, BTreeMap<String, ResultSet>>);

impl FromIterator<ResultSet> for ResultSets {
    fn from_iter<T: IntoIterator<Item = ResultSet>>(sets: T) -> Self {
        let mut all = Self::default();
        for set in sets {
            all.0.entry(set.operator.clone()).or_default().insert(set.version.clone(), set);
        }
        all
    }
}

impl ResultSets {
    /// All of them, by operator and version.
    pub fn iter(&self) -> impl Iterator<Item = &ResultSet> {
        self.0.values().flat_map(BTreeMap::values)
    }

    /// The version that counts of each operator.
    pub fn current(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|set| set.state == State::Current).map(|set| (set.operator.as_str(), set.version.as_str()))
    }

    /// Takes note of what an entry says; gives whether anything has changed. What is no entry of a job says nothing.
    pub fn note(&mut self, entry: &Entry) -> bool {
        match (subject::parse_outputs(&entry.subject), Definition::of(&entry.headers)) {
            (Some((operator, job)), Some(definition)) => self.noted(operator, job, definition, entry.time),
            _ => false,
        }
    }

    fn noted(&mut self, operator: &str, job: u32, definition: Definition<'_>, time: Timestamp) -> bool {
        let Definition { version, jobs, rebuilding } = definition;
        if !self.0.contains_key(operator) {
            // The first results that there are count at once.
            self.set(operator, version, State::Current, time);
            return true;
        }
        let known = self.0.get_mut(operator).and_then(|sets| sets.get_mut(version));
        match known.map(|set| (set.state, set)) {
            // The usual entry.
            Some((State::Current, _)) => false,
            Some((State::Rebuilding, set)) if rebuilding => set.through.remove(&job),
            Some((State::Rebuilding, set)) => {
                let news = set.through.insert(job);
                if set.through.len() >= jobs as usize {
                    self.take_over(operator, version, time);
                }
                news
            }
            // A new definition, or one that comes back. Whatever was being rebuilt has been given up.
            Some((State::Replaced, _)) | None => {
                let sets = self.0.get_mut(operator).into_iter().flat_map(BTreeMap::values_mut);
                sets.filter(|set| set.state == State::Rebuilding).for_each(|set| (set.state, set.since) = (State::Replaced, time));
                self.set(operator, version, State::Rebuilding, time);
                if !rebuilding {
                    self.noted(operator, job, definition, time);
                }
                true
            }
        }
    }

    fn take_over(&mut self, operator: &str, version: &str, time: Timestamp) {
        for set in self.0.get_mut(operator).into_iter().flat_map(BTreeMap::values_mut) {
            let state = if set.version == version { State::Current } else { State::Replaced };
            if set.state != state {
                (set.state, set.since) = (state, time);
                set.through.clear();
            }
        }
    }

    fn set(&mut self, operator: &str, version: &str, state: State, since: Timestamp) {
        let (operator, version) = (operator.to_owned(), version.to_owned());
        let set = ResultSet { operator: operator.clone(), version: version.clone(), state, since, through: BTreeSet::new() };
        self.0.entry(operator).or_default().insert(version, set);
    }

    /// What has been replaced and may be dropped: a set that counts, or will, is refused.
    ///
    /// # Errors
    /// `Rejected`, with its state.
    pub fn droppable(&self, operator: &str, version: &str) -> Result<Option<&ResultSet>> {
        let set = self.0.get(operator).and_then(|sets| sets.get(version));
        match set {
            Some(ResultSet { state: state @ (State::Current | State::Rebuilding), .. }) => Err(Error::rejected(format!(
                "dropping the results of operator {operator} by definition {version}: they are {}, only replaced ones can be dropped",
                state.name()
            ))),
            set => Ok(set),
        }
    }
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::Headers;

    use super::*;
    use crate::ports::Position;

    /// The sets after entries `(version, job, jobs, rebuilding)` of one operator, the n-th at n seconds: versions and
    /// states, each with the second it began.
    fn after(entries: &[(&str, u32, u32, bool)]) -> Vec<(String, State, i64)> {
        let mut sets = ResultSets::default();
        for (n, &(version, job, jobs, rebuilding)) in (1..).zip(entries) {
            let mut headers = Headers::default();
            Definition { version, jobs, rebuilding }.set(&mut headers);
            let (time, subject) = (Timestamp::from_secs(n), subject::outputs("w", job));
            let entry = Entry { position: Position(n.cast_unsigned()), time, subject, id: None, headers, body: "".into() };
            let before = sets.clone();
            let changed = sets.note(&entry);
            assert_eq!(changed, sets != before, "{entry:?}");
        }
        sets.iter().map(|set| (set.version.clone(), set.state, set.since.micros() / 1_000_000)).collect()
    }

    fn sets<const N: usize>(sets: [(&str, State, i64); N]) -> Vec<(String, State, i64)> {
        sets.map(|(version, state, since)| (version.to_owned(), state, since)).to_vec()
    }

    #[test]
    fn the_first_definition_counts_at_once_even_while_it_is_rebuilt() {
        assert_eq!(after(&[("a", 0, 2, true), ("a", 1, 2, false)]), sets([("a", State::Current, 1)]));
    }

    #[test]
    fn another_takes_over_when_every_job_is_through() {
        let changed = [("a", 0, 2, false), ("b", 0, 2, true), ("b", 1, 2, true), ("b", 0, 2, false)];
        assert_eq!(after(&changed), sets([("a", State::Current, 1), ("b", State::Rebuilding, 2)]));
        let through = [&changed[..], &[("b", 1, 2, false)]].concat();
        assert_eq!(after(&through), sets([("a", State::Replaced, 5), ("b", State::Current, 5)]));
        // A job that began anew is not through.
        let anew = [&changed[..], &[("b", 0, 2, true), ("b", 1, 2, false)]].concat();
        assert_eq!(after(&anew), sets([("a", State::Current, 1), ("b", State::Rebuilding, 2)]));
    }

    #[test]
    fn one_that_comes_back_is_rebuilt_again() {
        let there = [("a", 0, 1, false), ("b", 0, 1, true), ("b", 0, 1, false), ("a", 0, 1, true)];
        assert_eq!(after(&there), sets([("a", State::Rebuilding, 4), ("b", State::Current, 3)]));
        let back = [&there[..], &[("a", 0, 1, false)]].concat();
        assert_eq!(after(&back), sets([("a", State::Current, 5), ("b", State::Replaced, 5)]));
    }

    #[test]
    fn what_is_given_up_half_way_never_counts() {
        let changed = [("a", 0, 1, false), ("b", 0, 1, true), ("c", 0, 1, true)];
        assert_eq!(after(&changed), sets([("a", State::Current, 1), ("b", State::Replaced, 3), ("c", State::Rebuilding, 3)]));
    }

    #[test]
    fn a_definition_that_has_nothing_to_rebuild_takes_over_at_once() {
        assert_eq!(after(&[("a", 0, 1, false), ("b", 0, 1, false)]), sets([("a", State::Replaced, 2), ("b", State::Current, 2)]));
    }
}
