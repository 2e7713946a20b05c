//! The greatest of many: Space-Saving (A. Metwally, D. Agrawal, A. El Abbadi, Efficient computation of frequent and top-k
//! elements in data streams, 2005).
//!
//! Of up to `capacity` names all amounts are exact. When there are more, a new name takes the place of the least and may owe
//! it its amount: every amount is too great by at most its stated error, that error is at most the sum of all amounts divided
//! by `capacity`, and every name with more than that is among those kept. Merging keeps all three (P. K. Agarwal and others,
//! Mergeable summaries, 2012, section 3; M. Cafaro, M. Pulimeno, P. Tempesta, A parallel space saving algorithm, 2016).

use std::sync::Arc;

use floodmark_schemas::Ranked;

use crate::Result;
use crate::window::bytes::{Reader, Writer, broken};

/// How many names are kept for `k` that are asked for.
pub(super) fn capacity(k: usize) -> usize {
    (8 * k).max(64)
}

/// What is ranked. Numbers are in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// The bits of a number, so that their order is that of the numbers.
    Number(u64),
    Text(Arc<str>),
}

impl Name {
    /// 0 and -0 are the same number.
    #[inline]
    pub fn of_number(number: f64) -> Self {
        let bits = (number + 0.0).to_bits();
        Self::Number(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Number(ordered) => {
                let bits = if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered };
                let text = format!("{:?}", f64::from_bits(bits));
                text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Counter {
    name: Name,
    amount: f64,
    /// By how much the amount may be too great.
    error: f64,
}

/// The names with the greatest amounts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::window) struct Greatest {
    /// In order of their names.
    counters: Vec<Counter>,
}

impl Greatest {
    pub fn add(&mut self, name: &Name, amount: f64, capacity: usize) {
        match self.counters.binary_search_by(|counter| counter.name.cmp(name)) {
            Ok(at) => self.counters[at].amount += amount,
            Err(at) if self.counters.len() < capacity => {
                self.counters.insert(at, Counter { name: name.clone(), amount, error: 0.0 });
            }
            Err(at) => {
                let least = self.least();
                let error = self.counters.remove(least).amount;
                let at = at - usize::from(least < at);
                self.counters.insert(at, Counter { name: name.clone(), amount: error + amount, error });
            }
        }
    }

    /// The place of the least; of equals the last by name goes first.
    fn least(&self) -> usize {
        let places = 0..self.counters.len();
        places.rev().min_by(|a, b| self.counters[*a].amount.total_cmp(&self.counters[*b].amount)).expect("the capacity is not 0")
    }

    /// What a name that is not here may have had.
    fn missing(&self, capacity: usize) -> f64 {
        if self.counters.len() < capacity { 0.0 } else { self.counters[self.least()].amount }
    }

    pub fn merge(&mut self, other: &Self, capacity: usize) {
        let (mine, theirs) = (self.missing(capacity), other.missing(capacity));
        let mut merged = Vec::with_capacity(self.counters.len() + other.counters.len());
        let (mut left, mut right) = (std::mem::take(&mut self.counters).into_iter().peekable(), other.counters.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) => a.name.cmp(&b.name),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => break,
            };
            let a = if order.is_le() { left.next() } else { None };
            let b = if order.is_ge() { right.next() } else { None };
            let name = a.as_ref().or(b).expect("one of them is the next").name.clone();
            let both = |of: fn(&Counter) -> f64| a.as_ref().map_or(mine, of) + b.map_or(theirs, of);
            merged.push(Counter { name, amount: both(|counter| counter.amount), error: both(|counter| counter.error) });
        }
        if merged.len() > capacity {
            merged.sort_by(|a, b| b.amount.total_cmp(&a.amount).then_with(|| a.name.cmp(&b.name)));
            merged.truncate(capacity);
            merged.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self.counters = merged;
    }

    /// The `k` greatest, the greatest first, of equals in order of their names.
    pub fn ranked(&self, k: usize) -> Vec<Ranked> {
        let mut order: Vec<&Counter> = self.counters.iter().filter(|counter| counter.amount.is_finite()).collect();
        order.sort_by(|a, b| b.amount.total_cmp(&a.amount).then_with(|| a.name.cmp(&b.name)));
        let ranked = |counter: &&Counter| Ranked { name: counter.name.text(), amount: counter.amount, error: counter.error };
        order.iter().take(k).map(ranked).collect()
    }

    pub fn write(&self, out: &mut Writer) {
        out.u64(self.counters.len() as u64);
        for Counter { name, amount, error } in &self.counters {
            match name {
                Name::Number(bits) => {
                    out.u8(0);
                    out.u64(*bits);
                }
                Name::Text(text) => {
                    out.u8(1);
                    out.bytes(text.as_bytes());
                }
            }
            out.f64(*amount);
            out.f64(*error);
        }
    }

    pub fn read(input: &mut Reader<'_>, capacity: usize) -> Result<Self> {
        let mut counters: Vec<Counter> = Vec::new();
        for _ in 0..input.len(25)? {
            let name = match input.u8()? {
                0 => Name::Number(input.u64()?),
                1 => Name::Text(input.text()?.into()),
                _ => return Err(broken("a name is neither a number nor a text")),
            };
            let (amount, error) = (input.f64()?, input.f64()?);
            counters.push(Counter { name, amount, error });
        }
        let sound = counters.len() <= capacity && counters.windows(2).all(|pair| pair[0].name < pair[1].name);
        if sound { Ok(Self { counters }) } else { Err(broken("ranked names are not in order")) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const CAPACITY: usize = 8;

    fn of(events: &[(u8, u32)]) -> Greatest {
        let mut greatest = Greatest::default();
        events.iter().for_each(|(n, amount)| greatest.add(&Name::of_number(f64::from(*n)), f64::from(*amount), CAPACITY));
        greatest
    }

    fn exact(events: &[(u8, u32)]) -> BTreeMap<String, f64> {
        let mut amounts = BTreeMap::new();
        events.iter().for_each(|(n, amount)| *amounts.entry(n.to_string()).or_insert(0.0) += f64::from(*amount));
        amounts
    }

    /// All that the module promises, of events in any division.
    fn check(greatest: &Greatest, events: &[(u8, u32)]) {
        let (amounts, kept) = (exact(events), greatest.ranked(CAPACITY));
        let bound = amounts.values().sum::<f64>() / CAPACITY as f64;
        for Ranked { name, amount, error } in &kept {
            let truth = amounts.get(name).copied().unwrap_or(0.0);
            assert!(*amount >= truth && amount - error <= truth && *error <= bound, "{name} is {truth}, said {amount} {error}");
        }
        for (name, amount) in amounts.iter().filter(|(_, amount)| **amount > bound) {
            assert!(kept.iter().any(|ranked| ranked.name == *name), "{name} with {amount} of {bound} is missing");
        }
        if amounts.len() <= CAPACITY {
            assert_eq!(kept.len(), amounts.len());
            assert!(kept.iter().all(|ranked| ranked.error == 0.0 && ranked.amount == amounts[&ranked.name]));
        }
        let mut out = Writer::default();
        greatest.write(&mut out);
        assert_eq!(&Greatest::read(&mut Reader(&out.0), CAPACITY).unwrap(), greatest);
    }

    #[test]
    fn the_greatest_come_first_and_equals_in_order_of_their_names() {
        let mut greatest = Greatest::default();
        for (name, amount) in [("b", 2.0), ("a", 2.0), ("c", 9.0), ("d", 1.0), ("a", 0.0)] {
            greatest.add(&Name::Text(name.into()), amount, CAPACITY);
        }
        let ranked = |name: &str, amount| Ranked { name: name.to_owned(), amount, error: 0.0 };
        assert_eq!(greatest.ranked(3), [ranked("c", 9.0), ranked("a", 2.0), ranked("b", 2.0)]);
    }

    #[test]
    fn numbers_are_written_as_people_write_them_and_stand_in_their_order() {
        let numbers = [-1e300, -2.5, -5e-324, 0.0, 0.1, 7.0, 200.0, 1e16, f64::MAX];
        let names = numbers.map(Name::of_number);
        assert!(names.is_sorted());
        assert_eq!(names.map(|name| name.text()), ["-1e300", "-2.5", "-5e-324", "0", "0.1", "7", "200", "1e16", "1.7976931348623157e308"]);
        assert_eq!(Name::of_number(-0.0), Name::of_number(0.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn amounts_are_within_the_stated_error_in_any_division(
            events in prop::collection::vec((prop_oneof![0..6_u8, 0..60_u8], 0..9_u32), 0..300),
            cuts in [0..300_usize, 0..300],
        ) {
            check(&of(&events), &events);
            let mut cuts = cuts.map(|cut| cut.min(events.len()));
            cuts.sort_unstable();
            let parts = [&events[..cuts[0]], &events[cuts[0]..cuts[1]], &events[cuts[1]..]].map(of);
            let (mut left, mut right) = (parts[0].clone(), parts[1].clone());
            left.merge(&parts[1], CAPACITY);
            left.merge(&parts[2], CAPACITY);
            right.merge(&parts[2], CAPACITY);
            right.merge(&parts[0], CAPACITY);
            check(&left, &events);
            check(&right, &events);
            if exact(&events).len() <= CAPACITY {
                prop_assert_eq!(&left, &of(&events));
                prop_assert_eq!(&right, &left);
            }
        }
    }
}
