//! The state of a window operator as bytes.
//!
//! `FMW1`, the spec it belongs to, watermark, counts, sources, series, panes, and the XXH3 hash (64 bits) of all that.
//! Series are numbered in the order in which panes and their slots name them and others are left out, so that the bytes
//! depend on what the state means and not on how it came about. Floating-point numbers are kept bit by bit.

use sketches_ddsketch::DDSketch;
use twox_hash::XxHash3_64;

use super::{
    accumulators::{Accumulators, Basic, Ends, Layout, Spread},
    bytes::{Reader, Writer, broken},
    pane::Pane,
    spec::Spec,
    tumbling::{Counts, Tumbling, WindowClock},
};
use crate::{Result, watermark::Progress};

const MAGIC: &[u8; 4] = b"FMW1";
const HASH_BYTES: usize = 8;
const UNSEEN: u32 = u32::MAX;

pub(super) fn write(operator: &Tumbling) -> Vec<u8> {
    // The greatest that a slot without sketch and a series with a key of 100 bytes take: growing would copy it all again.
    let slots: usize = operator.panes.list().iter().map(|pane| pane.series.len()).sum();
    let mut out = Writer(Vec::with_capacity(4096 + slots * 88 + operator.panes.live() * 112));
    out.0.extend_from_slice(MAGIC);
    out.bytes(&signature(&operator.spec));
    out.i64(operator.clock.watermark);
    let Counts { events, late, future, overflow, missing } = operator.counts;
    [events, late, future, overflow, missing].into_iter().for_each(|n| out.u64(n));
    out.u64(operator.sources.list().len() as u64);
    operator.sources.list().iter().for_each(|source| write_source(&mut out, source));

    let mut numbers = vec![UNSEEN; operator.table.len()];
    let mut order = Vec::with_capacity(operator.panes.live());
    for id in operator.panes.list().iter().flat_map(|pane| &pane.series) {
        if numbers[*id as usize] == UNSEEN {
            numbers[*id as usize] = order.len() as u32;
            order.push(*id);
        }
    }
    out.u64(order.len() as u64);
    for id in order {
        out.u32(operator.table.source(id));
        out.bytes(operator.table.key(id).as_bytes());
    }
    out.u64(operator.panes.list().len() as u64);
    operator.panes.list().iter().for_each(|pane| write_pane(&mut out, pane, &numbers));
    let hash = XxHash3_64::oneshot(&out.0);
    out.u64(hash);
    out.0
}

pub(super) fn read(spec: &Spec, snapshot: &[u8]) -> Result<Tumbling> {
    let body = snapshot.len().checked_sub(HASH_BYTES).ok_or_else(|| broken("it ends early"))?;
    let (body, hash) = snapshot.split_at(body);
    if Reader(hash).u64()? != XxHash3_64::oneshot(body) {
        return Err(broken("its hash does not match: bytes are missing or changed"));
    }
    let mut input = Reader(body.strip_prefix(MAGIC).ok_or_else(|| broken("it is not one, or of a newer version"))?);
    if input.bytes()? != signature(spec) {
        return Err(broken("it belongs to an operator with other settings"));
    }
    let mut operator = Tumbling::new(spec.clone())?;
    let WindowClock { size, lateness, .. } = operator.clock;
    operator.clock = WindowClock::at(size, lateness, input.i64()?);
    let Counts { events, late, future, overflow, missing } = &mut operator.counts;
    for count in [events, late, future, overflow, missing] {
        *count = input.u64()?;
    }
    for _ in 0..input.len(1)? {
        let progress = read_source(&mut input)?;
        if operator.sources.find(&progress.name).is_some() {
            return Err(broken("a source stands in it twice"));
        }
        operator.sources.add(progress);
    }
    for number in 0..input.len(1)? {
        let source = input.u32()?;
        let key = input.text()?;
        let known = (source as usize) < operator.sources.list().len() && floodmark_schemas::Series::from_key(key).is_ok();
        if !known || operator.table.intern(source, key) as usize != number {
            return Err(broken("a series is not one, is there twice, or has no source"));
        }
    }
    operator.panes.fit(operator.table.len());
    for _ in 0..input.len(1)? {
        read_pane(&mut input, &mut operator)?;
    }
    if input.0.is_empty() { Ok(operator) } else { Err(broken("it goes on after its end")) }
}

/// What the state only makes sense with.
fn signature(spec: &Spec) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes(spec.operator.as_bytes());
    out.u32(spec.version);
    out.u32(spec.partition);
    out.u64(spec.size.as_micros() as u64);
    out.u64(spec.allowed_lateness.as_micros() as u64);
    let layout = Layout::of(spec);
    out.u8(u8::from(layout.spread) | u8::from(layout.ends) << 1 | u8::from(layout.sketch) << 2);
    out.0
}

fn write_source(out: &mut Writer, source: &Progress) {
    out.bytes(source.name.as_bytes());
    out.u64(source.epoch);
    out.u8(u8::from(source.number.is_some()) | u8::from(source.ended) << 1);
    out.u64(source.number.unwrap_or(0));
    [source.reached, source.watermark, source.seen].into_iter().for_each(|time| out.i64(time));
}

fn read_source(input: &mut Reader<'_>) -> Result<Progress> {
    let name = input.text()?.to_owned();
    let epoch = input.u64()?;
    let flags = input.u8()?;
    let number = Some(input.u64()?).filter(|_| flags & 1 != 0);
    let (reached, watermark, seen) = (input.i64()?, input.i64()?, input.i64()?);
    Ok(Progress { name, epoch, number, reached, watermark, seen, ended: flags & 2 != 0 })
}

fn write_pane(out: &mut Writer, pane: &Pane, numbers: &[u32]) {
    out.i64(pane.index);
    out.u64(pane.series.len() as u64);
    pane.series.iter().for_each(|id| out.u32(numbers[*id as usize]));
    out.u32s(&pane.emitted);
    let accumulators = &pane.accumulators;
    for Basic { count, sum, min, max } in &accumulators.basic {
        out.u64(*count);
        [*sum, *min, *max].into_iter().for_each(|n| out.f64(n));
    }
    for Spread { mean, m2 } in &accumulators.spread {
        out.f64(*mean);
        out.f64(*m2);
    }
    for Ends { first_time, first, last_time, last } in &accumulators.ends {
        out.i64(*first_time);
        out.f64(*first);
        out.i64(*last_time);
        out.f64(*last);
    }
    for sketch in &accumulators.sketches {
        out.bytes(&sketch.to_java_bytes());
    }
}

fn read_pane(input: &mut Reader<'_>, operator: &mut Tumbling) -> Result<()> {
    let index = input.i64()?;
    if operator.panes.list().back().is_some_and(|last| last.index >= index) {
        return Err(broken("its windows are not in order"));
    }
    let series = input.u32s()?;
    if series.iter().any(|number| *number as usize >= operator.table.len()) {
        return Err(broken("a window names a series that is not there"));
    }
    let emitted = input.u32s()?;
    if emitted.len() > series.len() {
        return Err(broken("a window has more revisions than series"));
    }
    let layout = Layout::of(&operator.spec);
    let mut accumulators = Accumulators::new(layout);
    let slots = 0..series.len();
    for _ in slots.clone() {
        let (count, sum, min, max) = (input.u64()?, input.f64()?, input.f64()?, input.f64()?);
        accumulators.basic.push(Basic { count, sum, min, max });
    }
    for _ in slots.clone().filter(|_| layout.spread) {
        accumulators.spread.push(Spread { mean: input.f64()?, m2: input.f64()? });
    }
    for _ in slots.clone().filter(|_| layout.ends) {
        let (first_time, first, last_time, last) = (input.i64()?, input.f64()?, input.i64()?, input.f64()?);
        accumulators.ends.push(Ends { first_time, first, last_time, last });
    }
    for _ in slots.filter(|_| layout.sketch) {
        let sketch = DDSketch::from_java_bytes(input.bytes()?).map_err(|e| broken("a sketch cannot be read").because(e))?;
        accumulators.sketches.push(sketch);
    }
    operator.panes.restore(index, series, accumulators, emitted).ok_or_else(|| broken("a series stands in a window twice"))
}
