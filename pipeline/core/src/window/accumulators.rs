//! Accumulators in columns: what is not asked for is not there.

use std::sync::Arc;

use floodmark_schemas::{Aggregates, Series};
use sketches_ddsketch::{Config, DDSketch};

use super::aggregates::{Aggregate, AggregateSet, By, Labels, More, Wanted};
use super::bytes::Writer;
pub(super) use super::numbers::{Basic, Ends, Numbers, Spread};
use super::spec::Spec;

/// What is read out of slots.
#[derive(Debug)]
struct Asked {
    aggregates: AggregateSet,
    /// Levels, with their names.
    quantiles: Vec<(String, f64)>,
    more: Wanted,
}

/// Which columns there are, and what is read out of them. A clone shares.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub spread: bool,
    pub ends: bool,
    pub sketch: bool,
    more: bool,
    asked: Arc<Asked>,
}

impl Layout {
    pub fn of(spec: &Spec) -> Self {
        let has = |aggregate| spec.aggregates.has(aggregate);
        let quantiles = spec.quantiles.iter().map(|q| (q.to_string(), *q)).collect();
        let more = Wanted::of(spec);
        Self {
            spread: has(Aggregate::Stddev),
            ends: has(Aggregate::First) || has(Aggregate::Last) || has(Aggregate::Delta),
            sketch: !spec.quantiles.is_empty(),
            more: more.any(),
            asked: Arc::new(Asked { aggregates: spec.aggregates, quantiles, more }),
        }
    }

    /// Whether slots of several series must know which labels a value came with.
    pub fn asks_labels(&self) -> bool {
        [self.distinct(), self.top()].into_iter().flatten().any(|by| *by != By::Value)
    }

    /// What they must know of the labels of a series.
    pub fn labels(&self, series: &Series) -> Labels {
        Labels::of(series, self.distinct(), self.top())
    }

    fn distinct(&self) -> Option<&By> {
        self.asked.more.distinct.as_ref()
    }

    fn top(&self) -> Option<&By> {
        self.asked.more.top.as_ref().map(|top| &top.by)
    }

    /// The aggregates that numbers give.
    #[inline]
    pub fn read(&self, Numbers { basic, spread, ends }: &Numbers) -> Aggregates {
        let count = basic.count as f64;
        let pick = |aggregate, value: f64| (self.asked.aggregates.has(aggregate) && value.is_finite()).then_some(value);
        Aggregates {
            count: basic.count,
            sum: pick(Aggregate::Sum, basic.sum),
            mean: pick(Aggregate::Mean, basic.sum / count),
            min: pick(Aggregate::Min, basic.min),
            max: pick(Aggregate::Max, basic.max),
            stddev: pick(Aggregate::Stddev, (spread.m2 / count).sqrt()),
            first: pick(Aggregate::First, ends.first),
            last: pick(Aggregate::Last, ends.last),
            delta: pick(Aggregate::Delta, ends.last - ends.first),
            ..Aggregates::default()
        }
    }

    /// What accumulators only make sense with.
    pub fn write(&self, out: &mut Writer) {
        let flags = u8::from(self.spread) | u8::from(self.ends) << 1 | u8::from(self.sketch) << 2;
        self.asked.more.write(flags, out);
    }
}

/// The accumulators of a pane: one slot a series. Columns that the layout leaves out stay empty.
#[derive(Clone)]
pub(super) struct Accumulators {
    pub layout: Layout,
    pub basic: Vec<Basic>,
    pub spread: Vec<Spread>,
    pub ends: Vec<Ends>,
    pub sketches: Vec<DDSketch>,
    /// Boxed, because most have none.
    pub more: Option<Box<More>>,
}

impl Accumulators {
    pub fn new(layout: Layout) -> Self {
        let more = layout.more.then(Box::default);
        Self { layout, basic: Vec::new(), spread: Vec::new(), ends: Vec::new(), sketches: Vec::new(), more }
    }

    /// What is asked of the columns of aggregates that need more than a few numbers.
    pub(super) fn wanted(&self) -> &Wanted {
        &self.layout.asked.more
    }

    /// Slots that take merges of slots whose times lie one after the other, and no events: they need not keep what a late
    /// event between two others would ask for. Their memory does not depend on how many events there were.
    pub fn sealed(layout: Layout) -> Self {
        let more = layout.more.then(|| Box::new(More::sealed()));
        Self { more, ..Self::new(layout) }
    }

    /// Forgets all slots and keeps their memory.
    pub fn clear(&mut self) {
        let Self { layout: _, basic, spread, ends, sketches, more } = self;
        basic.clear();
        spread.clear();
        ends.clear();
        sketches.clear();
        more.iter_mut().for_each(|more| more.clear());
    }

    /// Adds an empty slot at the end.
    pub fn push(&mut self) {
        self.basic.push(Basic::default());
        if self.layout.spread {
            self.spread.push(Spread::default());
        }
        if self.layout.ends {
            self.ends.push(Ends::default());
        }
        if self.layout.sketch {
            self.sketches.push(DDSketch::new(Config::defaults()));
        }
        if let Some(more) = &mut self.more {
            more.push(&self.layout.asked.more);
        }
    }

    /// Forgets what is in a slot.
    pub fn reset(&mut self, slot: usize) {
        let mut empty = Self { more: self.more.as_ref().map(|more| Box::new(more.none())), ..Self::new(self.layout.clone()) };
        empty.push();
        self.swap(slot, &mut empty, 0);
    }

    /// Forgets the slots from `slots` on.
    pub fn truncate(&mut self, slots: usize) {
        let Self { layout, basic, spread, ends, sketches, more } = self;
        basic.truncate(slots);
        spread.truncate(slots);
        ends.truncate(slots);
        sketches.truncate(slots);
        more.iter_mut().for_each(|more| more.truncate(&layout.asked.more, slots));
    }

    /// Exchanges a slot with one of `other`. Both are of one layout and one kind.
    #[inline]
    pub fn swap(&mut self, slot: usize, other: &mut Self, other_slot: usize) {
        swap(&mut self.basic, slot, &mut other.basic, other_slot);
        if self.layout.spread {
            swap(&mut self.spread, slot, &mut other.spread, other_slot);
        }
        if self.layout.ends {
            swap(&mut self.ends, slot, &mut other.ends, other_slot);
        }
        if self.layout.sketch {
            swap(&mut self.sketches, slot, &mut other.sketches, other_slot);
        }
        if let Some((more, other)) = self.more.as_mut().zip(other.more.as_mut()) {
            more.swap(&self.layout.asked.more, slot, other, other_slot);
        }
    }

    /// Adds an event to a slot.
    #[inline]
    pub fn add(&mut self, slot: usize, time: i64, value: f64) {
        self.add_to_columns(slot, time, value);
        if let Some(more) = &mut self.more {
            more.add(&self.layout.asked.more, slot, time, value, None);
        }
    }

    /// Adds an event of a series with these labels to a slot that several series share. Only needed when
    /// [`Layout::asks_labels`]; otherwise it is [`Accumulators::add`].
    pub fn add_of(&mut self, slot: usize, time: i64, value: f64, labels: &Labels) {
        self.add_to_columns(slot, time, value);
        if let Some(more) = &mut self.more {
            more.add(&self.layout.asked.more, slot, time, value, Some(labels));
        }
    }

    #[inline]
    fn add_to_columns(&mut self, slot: usize, time: i64, value: f64) {
        let basic = &mut self.basic[slot];
        let first = basic.count == 0;
        basic.count += 1;
        basic.sum += value;
        basic.min = if value < basic.min { value } else { basic.min };
        basic.max = if value > basic.max { value } else { basic.max };
        if self.layout.spread {
            let spread = &mut self.spread[slot];
            let delta = value - spread.mean;
            spread.mean += delta / basic.count as f64;
            spread.m2 += delta * (value - spread.mean);
        }
        if self.layout.ends {
            let ends = &mut self.ends[slot];
            if first || time < ends.first_time {
                (ends.first_time, ends.first) = (time, value);
            }
            if time >= ends.last_time {
                (ends.last_time, ends.last) = (time, value);
            }
        }
        if self.layout.sketch {
            self.sketches[slot].add(value);
        }
    }

    /// Adds all that a slot of `other` holds to a slot, as if its events came after those that are here. Of equal times, too,
    /// those of `other` count as later. Both have one layout.
    ///
    /// Slots that take events are merged with such slots; [sealed](Accumulators::sealed) ones with either kind, as long as the
    /// times of one lie before those of the other.
    ///
    /// Count, minimum, maximum, first, last, delta, increase, rate, availability, histogram, distinct and quantiles are those
    /// of all events, whatever was merged in which order. So is the top, as long as no more names occur than it keeps. Sum and
    /// mean are the sum of the two sums, the standard deviation is by T. F. Chan, G. H. Golub and R. J. LeVeque,
    /// Updating formulae and a pairwise algorithm for computing sample variances, 1979: their last bits depend on the order.
    pub fn merge(&mut self, slot: usize, other: &Self, other_slot: usize) {
        if other.basic[other_slot].count == 0 {
            return;
        }
        let joined = self.numbers(slot).join(&other.numbers(other_slot), &self.layout);
        self.set_numbers(slot, &joined);
        if self.layout.sketch {
            self.sketches[slot].merge(&other.sketches[other_slot]).expect("all sketches have one configuration");
        }
        if let Some((more, other)) = self.more.as_mut().zip(other.more.as_ref()) {
            more.merge(&self.layout.asked.more, slot, other, other_slot);
        }
    }

    /// Whether slots are [`Numbers`] and nothing else.
    pub fn is_plain(&self) -> bool {
        !self.layout.sketch && self.more.is_none()
    }

    /// The numbers of a slot.
    #[inline]
    pub fn numbers(&self, slot: usize) -> Numbers {
        Numbers {
            basic: self.basic[slot],
            spread: if self.layout.spread { self.spread[slot] } else { Spread::default() },
            ends: if self.layout.ends { self.ends[slot] } else { Ends::default() },
        }
    }

    /// Replaces the numbers of a slot.
    #[inline]
    pub fn set_numbers(&mut self, slot: usize, numbers: &Numbers) {
        self.basic[slot] = numbers.basic;
        if self.layout.spread {
            self.spread[slot] = numbers.spread;
        }
        if self.layout.ends {
            self.ends[slot] = numbers.ends;
        }
    }

    /// Adds a slot at the end that has numbers and nothing else.
    #[inline]
    pub fn push_numbers(&mut self, numbers: &Numbers) {
        self.basic.push(numbers.basic);
        if self.layout.spread {
            self.spread.push(numbers.spread);
        }
        if self.layout.ends {
            self.ends.push(numbers.ends);
        }
    }

    /// Makes room for so many more slots.
    pub fn reserve(&mut self, slots: usize) {
        let has = |column: bool| if column { slots } else { 0 };
        self.basic.reserve_exact(slots);
        self.spread.reserve_exact(has(self.layout.spread));
        self.ends.reserve_exact(has(self.layout.ends));
    }

    /// The aggregates of a slot in the window from `start` to `end`. One that is not finite (a sum beyond the range of
    /// numbers) is left out: JSON cannot hold it.
    pub fn read(&self, slot: usize, start: i64, end: i64) -> Aggregates {
        let asked = &*self.layout.asked;
        let mut aggregates = self.layout.read(&self.numbers(slot));
        if let Some(sketch) = self.sketches.get(slot) {
            let level = |q: f64| sketch.quantile(q).expect("levels were checked to be from 0 to 1");
            let levels = asked.quantiles.iter().filter_map(|(name, q)| Some((name.clone(), level(*q)?)));
            aggregates.quantiles = levels.filter(|(_, value)| value.is_finite()).collect();
        }
        if let Some(more) = &self.more {
            more.read(&asked.more, slot, start, end, &mut aggregates);
        }
        aggregates
    }
}

#[inline]
fn swap<T>(column: &mut [T], slot: usize, other: &mut [T], other_slot: usize) {
    std::mem::swap(&mut column[slot], &mut other[other_slot]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slot of each part, as a layout with everything holds it.
    fn filled(parts: &[&[(i64, f64)]]) -> Accumulators {
        let spec = Spec { quantiles: vec![0.5], ..Spec::new("w", 0, std::time::Duration::from_secs(10)) };
        let mut accumulators = Accumulators::new(Layout::of(&spec));
        for (slot, events) in parts.iter().enumerate() {
            accumulators.push();
            events.iter().for_each(|(time, value)| accumulators.add(slot, *time, *value));
        }
        accumulators
    }

    fn read(events: &[(i64, f64)]) -> Aggregates {
        filled(&[events]).read(0, 0, 10)
    }

    #[test]
    fn aggregates_are_those_of_the_textbook() {
        let found = read(&[(3, 2.0), (1, 4.0), (2, 4.0), (9, 4.0), (5, 5.0), (6, 5.0), (7, 7.0), (8, 9.0)]);
        let quantiles = found.quantiles.clone();
        assert!((quantiles["0.5"] - 4.0).abs() <= 0.04, "{quantiles:?}");
        let (sum, mean) = (Some(40.0), Some(5.0));
        let (min, max, stddev, first, last) = (Some(2.0), Some(9.0), Some(2.0), Some(4.0), Some(4.0));
        assert_eq!(found, Aggregates { count: 8, sum, mean, min, max, stddev, first, last, quantiles, ..Aggregates::default() });
    }

    #[test]
    fn of_equal_times_the_first_is_first_and_the_last_is_last() {
        let found = read(&[(i64::MAX, 1.0), (i64::MAX, 2.0)]);
        assert_eq!((found.first, found.last), (Some(1.0), Some(2.0)));
        let found = read(&[(i64::MIN, 1.0), (i64::MIN, 2.0)]);
        assert_eq!((found.first, found.last), (Some(1.0), Some(2.0)));
    }

    #[test]
    fn a_sum_beyond_all_numbers_is_absent() {
        let found = read(&[(0, f64::MAX), (1, f64::MAX)]);
        assert_eq!((found.sum, found.mean, found.max), (None, None, Some(f64::MAX)));
    }

    #[test]
    fn merged_slots_are_one_slot_of_all_events() {
        let events: Vec<(i64, f64)> = (0..64).map(|n| (n / 3, f64::from(n as i32 * 37 % 64) / 4.0)).collect();
        let expected = read(&events);
        for split in 0..=events.len() {
            let (early, late) = events.split_at(split);
            let other = filled(&[&[], late]);
            for mut merged in [filled(&[early]), Accumulators::sealed(other.layout.clone())] {
                if merged.basic.is_empty() {
                    merged.push();
                    merged.merge(0, &filled(&[early]), 0);
                }
                merged.merge(0, &other, 1);
                merged.merge(0, &other, 0);
                let found = merged.read(0, 0, 10);
                let stddev = found.stddev.zip(expected.stddev).expect("there are values");
                assert!((stddev.0 - stddev.1).abs() < 1e-12, "{stddev:?}");
                assert_eq!(Aggregates { stddev: expected.stddev, ..found }, expected);
            }
        }
    }
}
