//! Grouping, waits and silences against a plain reading that looks at every second.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::Matchers;
use super::*;

const RULES: [&str; 2] = ["disk", "net"];
const SOURCES: [&str; 3] = ["a", "b", "c"];
const END: i64 = 9_000;

/// What happens at a second: an alert of a rule on a source begins, or is over.
type Input = (i64, usize, usize, bool);

/// One group as a person would follow it: sources that are active, and what was told.
#[derive(Default)]
struct Group {
    active: BTreeSet<usize>,
    told: BTreeSet<usize>,
    was_told: bool,
    looked: Option<i64>,
    silent: BTreeSet<usize>,
    again: Option<i64>,
    repeat: Option<i64>,
    nudged: Option<i64>,
    last: i64,
}

impl Group {
    fn happens(&mut self, at: i64, source: usize, begins: bool) {
        let news = if begins {
            self.active.insert(source) && !self.told.contains(&source)
        } else {
            self.active.remove(&source) && self.told.contains(&source)
        };
        if !begins && !self.told.contains(&source) {
            self.silent.remove(&source);
        }
        if news {
            let wait = self.looked.map_or(at + 30, |looked| at.max(looked + 300));
            self.nudged = Some(self.nudged.map_or(wait, |before| before.min(wait)));
        }
        self.ends();
    }

    fn ends(&mut self) {
        if self.active.is_empty() && self.told.is_empty() {
            *self = Self::default();
        }
    }

    /// Looks if it is time; gives what is told.
    fn look(&mut self, at: i64, silences: &BTreeMap<usize, (i64, i64)>) -> Option<(NotificationReason, BTreeSet<String>)> {
        let silence_ended = self.silent.iter().any(|source| self.active.contains(source) && silences[source].1 == at);
        let due = [self.again, self.repeat, self.nudged].into_iter().flatten().min();
        if !silence_ended && due.is_none_or(|due| due > at) {
            return None;
        }
        let is_silent = |source: &&usize| silences.get(source).is_some_and(|(from, to)| (*from..*to).contains(&at));
        let silent: BTreeSet<usize> = self.active.iter().filter(is_silent).copied().collect();
        let open: BTreeSet<usize> = self.active.difference(&silent).copied().collect();
        let over: BTreeSet<usize> = self.told.difference(&self.active).copied().collect();
        let news = !over.is_empty() || !open.is_subset(&self.told);
        let reason = match self.was_told {
            false if open.is_empty() => None,
            false => Some(NotificationReason::Opened),
            true if open.is_empty() && silent.is_empty() && news => Some(NotificationReason::Resolved),
            true if news => Some(NotificationReason::Changed),
            true if !open.is_empty() && at >= self.last + 3600 => Some(NotificationReason::Repeated),
            true => None,
        };
        if reason.is_some() {
            (self.last, self.was_told) = (at, true);
            self.told.extend(&open);
            self.told.retain(|source| !over.contains(source));
        }
        (self.looked, self.nudged) = (Some(at), None);
        self.again = (!silent.is_empty()).then_some(at + 300);
        self.repeat = (!open.is_empty() && self.was_told).then_some(self.last + 3600);
        self.silent = silent;
        let names = open.iter().map(|source| SOURCES[*source].to_owned()).chain(over.iter().map(|source| format!("-{}", SOURCES[*source])));
        let told = reason.map(|reason| (reason, names.collect()));
        self.ends();
        told
    }
}

fn plainly(inputs: &[Input], silences: &BTreeMap<usize, (i64, i64)>) -> Vec<(i64, &'static str, NotificationReason, BTreeSet<String>)> {
    let mut groups: [Group; 2] = Default::default();
    let mut told = Vec::new();
    for at in 0..=END {
        for (_, rule, source, begins) in inputs.iter().filter(|input| input.0 == at) {
            groups[*rule].happens(at, *source, *begins);
        }
        for (group, rule) in groups.iter_mut().zip(RULES) {
            told.extend(group.look(at, silences).map(|(reason, alerts)| (at, rule, reason, alerts)));
        }
    }
    told
}

fn by_the_desk(inputs: &[Input], silences: &BTreeMap<usize, (i64, i64)>) -> Vec<(i64, &'static str, NotificationReason, BTreeSet<String>)> {
    let mut bench = Bench::new(policy());
    for (source, (from, to)) in silences {
        let matchers = Matchers::parse([format!("source={}", SOURCES[*source]).as_str()]).unwrap();
        let [starts, ends] = [*from, *to].map(Timestamp::from_secs);
        assert!(bench.act(-1, &Action::Silence { matchers, owner: "kim".into(), comment: String::new(), starts, ends }).done);
    }
    let mut live: BTreeMap<(usize, usize), Alert> = BTreeMap::new();
    for (n, (at, rule, source, begins)) in inputs.iter().enumerate() {
        let known = live.remove(&(*rule, *source));
        let step = match (known, begins) {
            (None, true) => Alert {
                began: Timestamp::from_micros(at * 1_000_000 + n as i64),
                id: format!("{n:032}"),
                ..alert(RULES[*rule], SOURCES[*source], *at)
            },
            (Some(known), false) => {
                bench.take(*at, &[next(&known, AlertState::Resolved, *at)]);
                continue;
            }
            (Some(known), true) => known,
            (None, false) => continue,
        };
        if step.time == Timestamp::from_secs(*at) {
            bench.take(*at, std::slice::from_ref(&step));
        }
        live.insert((*rule, *source), step);
    }
    bench.until(END);
    let mut told: Vec<_> = bench
        .all
        .notifications
        .iter()
        .map(|told| {
            let at = told.time.micros() / 1_000_000;
            let rule = RULES.into_iter().find(|rule| *rule == told.alerts[0].rule).unwrap();
            let name = |alert: &Alert| format!("{}{}", if alert.state.is_active() { "" } else { "-" }, alert.source);
            (at, rule, told.reason, told.alerts.iter().map(name).collect())
        })
        .collect();
    told.sort();
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn waits_and_silences_are_those_of_a_plain_reading(
        inputs in prop::collection::vec((0i64..700, 0usize..2, 0usize..3, any::<bool>()), 0..40),
        silences in prop::collection::btree_map(0usize..3, (0i64..500, 1i64..400), 0..3),
    ) {
        // Times are multiples of ten seconds, so that much falls together.
        let mut inputs: Vec<Input> = inputs.into_iter().map(|(at, rule, source, begins)| (at * 10, rule, source, begins)).collect();
        inputs.sort_by_key(|input| input.0);
        let silences = silences.into_iter().map(|(source, (from, lasts))| (source, (from * 10, (from + lasts) * 10))).collect();
        let mut plain = plainly(&inputs, &silences);
        plain.sort();
        prop_assert_eq!(by_the_desk(&inputs, &silences), plain);
    }
}
