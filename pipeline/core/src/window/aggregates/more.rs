//! Columns of aggregates that need more than a few numbers for a slot.

use std::time::Duration;

use floodmark_schemas::{Aggregates, Bucket};

use super::chain::Chain;
use super::distinct::{Distinct, hash_of_number};
use super::labels::Labels;
use super::set::{Aggregate, Amount, By, Top};
use super::summary::Summary;
use super::top::{Greatest, Name, capacity};
use crate::Result;
use crate::window::bytes::{Reader, Writer};
use crate::window::spec::Spec;

/// What of it is asked for.
#[derive(Debug)]
pub(in crate::window) struct Wanted {
    increase: bool,
    rate: bool,
    /// For how long a check speaks, when availability is asked for; otherwise 0.
    hold_us: i64,
    histogram: Vec<f64>,
    pub distinct: Option<By>,
    pub top: Option<Top>,
}

impl Wanted {
    pub fn of(spec: &Spec) -> Self {
        let micros = |hold: Duration| i64::try_from(hold.as_micros()).expect("the spec allows at most a century");
        Self {
            increase: spec.aggregates.has(Aggregate::Increase),
            rate: spec.aggregates.has(Aggregate::Rate),
            hold_us: spec.availability.map_or(0, micros),
            histogram: spec.histogram.clone(),
            distinct: spec.distinct.clone(),
            top: spec.top.clone(),
        }
    }

    fn chain(&self) -> bool {
        self.increase || self.rate || self.hold_us > 0
    }

    /// Whether anything is.
    pub fn any(&self) -> bool {
        self.chain() || !self.histogram.is_empty() || self.distinct.is_some() || self.top.is_some()
    }

    /// Bits of the layout from the fourth on, each followed by what its column only makes sense with.
    pub fn write(&self, flags: u8, out: &mut Writer) {
        let bits = [self.chain(), !self.histogram.is_empty(), self.distinct.is_some(), self.top.is_some()];
        out.u8(flags | (3..).zip(bits).fold(0, |flags, (at, bit)| flags | u8::from(bit) << at));
        if self.chain() {
            out.i64(self.hold_us);
        }
        if !self.histogram.is_empty() {
            out.u64(self.histogram.len() as u64);
            self.histogram.iter().for_each(|bound| out.f64(*bound));
        }
        let by = |by: &By, out: &mut Writer| match by {
            By::Value => out.u8(0),
            By::Label(name) => {
                out.u8(1);
                out.bytes(name.as_bytes());
            }
        };
        if let Some(distinct) = &self.distinct {
            by(distinct, out);
        }
        if let Some(top) = &self.top {
            out.u64(top.k as u64);
            by(&top.by, out);
            out.u8(top.of as u8);
        }
    }
}

/// The columns; each is empty when nothing of it is asked for.
#[derive(Clone, Default)]
pub(in crate::window) struct More {
    /// Whether slots take no events, only slots whose times lie before or after theirs.
    sealed: bool,
    chains: Vec<Chain>,
    /// Instead of chains in slots that take no events.
    summaries: Vec<Option<Summary>>,
    /// For each slot the count of each bucket, of values above the bound before and up to its own.
    buckets: Vec<u64>,
    distinct: Vec<Distinct>,
    tops: Vec<Greatest>,
}

impl More {
    /// Columns of slots that take no events.
    pub fn sealed() -> Self {
        Self { sealed: true, ..Self::default() }
    }

    /// Columns of the same kind without slots.
    pub fn none(&self) -> Self {
        Self { sealed: self.sealed, ..Self::default() }
    }

    /// Forgets all slots.
    pub fn clear(&mut self) {
        *self = self.none();
    }

    /// Forgets the slots from `slots` on.
    pub fn truncate(&mut self, wanted: &Wanted, slots: usize) {
        let Self { sealed: _, chains, summaries, buckets, distinct, tops } = self;
        chains.truncate(slots);
        summaries.truncate(slots);
        buckets.truncate(slots * wanted.histogram.len());
        distinct.truncate(slots);
        tops.truncate(slots);
    }

    /// Exchanges a slot with one of `other`, which is of the same kind.
    pub fn swap(&mut self, wanted: &Wanted, slot: usize, other: &mut Self, other_slot: usize) {
        fn swap<T>(column: &mut [T], slot: usize, other: &mut [T], other_slot: usize) {
            if let Some((one, two)) = column.get_mut(slot).zip(other.get_mut(other_slot)) {
                std::mem::swap(one, two);
            }
        }
        swap(&mut self.chains, slot, &mut other.chains, other_slot);
        swap(&mut self.summaries, slot, &mut other.summaries, other_slot);
        let width = wanted.histogram.len();
        let theirs = &mut other.buckets[other_slot * width..(other_slot + 1) * width];
        self.buckets[slot * width..(slot + 1) * width].swap_with_slice(theirs);
        swap(&mut self.distinct, slot, &mut other.distinct, other_slot);
        swap(&mut self.tops, slot, &mut other.tops, other_slot);
    }

    pub fn push(&mut self, wanted: &Wanted) {
        match (wanted.chain(), self.sealed) {
            (true, false) => self.chains.push(Chain::default()),
            (true, true) => self.summaries.push(None),
            (false, _) => {}
        }
        self.buckets.resize(self.buckets.len() + wanted.histogram.len(), 0);
        if wanted.distinct.is_some() {
            self.distinct.push(Distinct::default());
        }
        if wanted.top.is_some() {
            self.tops.push(Greatest::default());
        }
    }

    #[inline(never)]
    pub fn add(&mut self, wanted: &Wanted, slot: usize, time: i64, value: f64, labels: Option<&Labels>) {
        debug_assert!(!self.sealed, "a slot that only joins others takes no events");
        if let Some(chain) = self.chains.get_mut(slot) {
            chain.add(time, value);
        }
        let width = wanted.histogram.len();
        let bucket = wanted.histogram.partition_point(|bound| *bound < value);
        if bucket < width {
            self.buckets[slot * width + bucket] += 1;
        }
        if let Some(distinct) = self.distinct.get_mut(slot) {
            let hash = match &wanted.distinct {
                Some(By::Value) => Some(hash_of_number(value)),
                _ => labels.and_then(|labels| labels.distinct),
            };
            hash.into_iter().for_each(|hash| distinct.add(hash));
        }
        if let Some((greatest, top)) = self.tops.get_mut(slot).zip(wanted.top.as_ref()) {
            let amount = match top.of {
                Amount::Count => 1.0,
                Amount::Sum => value.max(0.0),
            };
            let mut add = |name: &Name| greatest.add(name, amount, capacity(top.k));
            match &top.by {
                By::Value => add(&Name::of_number(value)),
                By::Label(_) => labels.and_then(|labels| labels.top.as_ref()).into_iter().for_each(add),
            }
        }
    }

    pub fn merge(&mut self, wanted: &Wanted, slot: usize, other: &Self, other_slot: usize) {
        let theirs = other.chains.get(other_slot);
        if let Some(summary) = self.summaries.get_mut(slot) {
            let other = theirs.map_or_else(|| other.summaries[other_slot].clone(), |chain| chain.summary(wanted.hold_us));
            match (summary, other) {
                (Some(summary), Some(other)) => summary.join(&other, wanted.hold_us),
                (summary @ None, other) => *summary = other,
                (Some(_), None) => {}
            }
        } else if let Some(chain) = self.chains.get_mut(slot) {
            chain.merge(theirs.expect("slots that take events are merged with such slots"));
        }
        let width = wanted.histogram.len();
        let theirs = &other.buckets[other_slot * width..(other_slot + 1) * width];
        self.buckets[slot * width..(slot + 1) * width].iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
        if let Some(distinct) = self.distinct.get_mut(slot) {
            distinct.merge(&other.distinct[other_slot]);
        }
        if let Some((greatest, top)) = self.tops.get_mut(slot).zip(wanted.top.as_ref()) {
            greatest.merge(&other.tops[other_slot], capacity(top.k));
        }
    }

    pub fn read(&self, wanted: &Wanted, slot: usize, start: i64, end: i64, into: &mut Aggregates) {
        let summary = self.chains.get(slot).and_then(|chain| chain.summary(wanted.hold_us));
        if let Some(summary) = summary.or_else(|| self.summaries.get(slot).cloned().flatten()) {
            into.increase = summary.increase().filter(|n| wanted.increase && n.is_finite());
            into.rate = summary.rate().filter(|n| wanted.rate && n.is_finite());
            into.availability = summary.availability(start, end, wanted.hold_us);
        }
        let width = wanted.histogram.len();
        let mut count = 0;
        into.histogram.extend(wanted.histogram.iter().zip(&self.buckets[slot * width..]).map(|(le, bucket)| {
            count += bucket;
            Bucket { le: *le, count }
        }));
        into.distinct = self.distinct.get(slot).map(Distinct::count);
        if let Some((greatest, top)) = self.tops.get(slot).zip(wanted.top.as_ref()) {
            into.top = greatest.ranked(top.k);
        }
    }

    pub fn write(&self, out: &mut Writer) {
        self.chains.iter().for_each(|chain| chain.write(out));
        for summary in &self.summaries {
            out.u8(u8::from(summary.is_some()));
            summary.iter().for_each(|summary| summary.write(out));
        }
        self.buckets.iter().for_each(|count| out.u64(*count));
        self.distinct.iter().for_each(|distinct| distinct.write(out));
        self.tops.iter().for_each(|greatest| greatest.write(out));
    }

    /// Reads so many slots of a kind that has none yet.
    pub fn fill(&mut self, wanted: &Wanted, slots: usize, input: &mut Reader<'_>) -> Result<()> {
        let more = self;
        for _ in (0..slots).filter(|_| wanted.chain()) {
            if more.sealed {
                let there = input.u8()? != 0;
                more.summaries.push(there.then(|| Summary::read(input)).transpose()?);
            } else {
                more.chains.push(Chain::read(input)?);
            }
        }
        for _ in 0..slots * wanted.histogram.len() {
            more.buckets.push(input.u64()?);
        }
        for _ in (0..slots).filter(|_| wanted.distinct.is_some()) {
            more.distinct.push(Distinct::read(input)?);
        }
        if let Some(top) = &wanted.top {
            for _ in 0..slots {
                more.tops.push(Greatest::read(input, capacity(top.k))?);
            }
        }
        Ok(())
    }
}
