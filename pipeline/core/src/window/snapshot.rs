//! The state of a window operator as bytes.
//!
//! `FMW1`, the spec it belongs to, watermark, counts, sources, series, panes, and the XXH3 hash (64 bits) of all that;
//! `FMW2` when there are shards or several partitions: names of sources, then their lanes, in place of sources.
//! Series are numbered in the order in which panes and their slots name them and others are left out, so that the bytes
//! depend on what the state means and not on how it came about. Floating-point numbers are kept bit by bit.

use twox_hash::XxHash3_64;

use super::{
    accumulators::{Accumulators, Layout},
    bytes::{Reader, Writer, broken},
    pane::Pane,
    spec::Spec,
    tumbling::{Counts, Tumbling, WindowClock},
};
use crate::{
    Result,
    watermark::{Lane, Progress},
};

/// Every source has one lane, in the operator's own partition.
const MAGIC: &[u8; 4] = b"FMW1";
/// Sources with any lanes.
const MAGIC_LANES: &[u8; 4] = b"FMW2";
const HASH_BYTES: usize = 8;
const UNSEEN: u32 = u32::MAX;

pub(super) fn write(operator: &Tumbling) -> Vec<u8> {
    // The greatest that a slot without sketch and a series with a key of 100 bytes take: growing would copy it all again.
    let slots: usize = operator.panes.list().iter().map(|pane| pane.series.len()).sum();
    let mut out = Writer(Vec::with_capacity(4096 + slots * 88 + operator.panes.live() * 112));
    let plain = is_plain(operator);
    out.0.extend_from_slice(if plain { MAGIC } else { MAGIC_LANES });
    out.bytes(&signature(&operator.spec));
    out.i64(operator.clock.watermark);
    let Counts { events, late, future, overflow, missing } = operator.counts;
    [events, late, future, overflow, missing].into_iter().for_each(|n| out.u64(n));
    out.u64(operator.sources.names().len() as u64);
    if plain {
        operator.sources.names().iter().zip(operator.sources.list()).for_each(|(name, progress)| {
            out.bytes(name.as_bytes());
            write_progress(&mut out, progress);
        });
    } else {
        operator.sources.names().iter().for_each(|name| out.bytes(name.as_bytes()));
        out.u64(operator.sources.list().len() as u64);
        operator.sources.list().iter().for_each(|progress| {
            write_lane(&mut out, progress.lane);
            write_progress(&mut out, progress);
        });
    }

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
    let (magic, body) = body.split_at_checked(MAGIC.len()).ok_or_else(|| broken("it ends early"))?;
    let lanes = magic == MAGIC_LANES;
    if !lanes && magic != MAGIC {
        return Err(broken("it is not one, or of a newer version"));
    }
    let mut input = Reader(body);
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
    read_sources(&mut input, &mut operator, lanes)?;
    for number in 0..input.len(1)? {
        let source = input.u32()?;
        let key = input.text()?;
        let known = (source as usize) < operator.sources.names().len() && floodmark_schemas::Series::from_key(key).is_ok();
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
    Layout::of(spec).write(&mut out);
    out.0
}

/// Whether the first form can say it: it is kept, so that states of the same meaning keep their bytes.
fn is_plain(operator: &Tumbling) -> bool {
    let lanes = operator.sources.list();
    let own = |(source, progress): (u32, &Progress)| progress.lane == Lane { source, shard: None, partition: operator.spec.partition };
    lanes.len() == operator.sources.names().len() && (0..).zip(lanes).all(own)
}

fn write_lane(out: &mut Writer, lane: Lane) {
    out.u32(lane.source);
    out.u8(u8::from(lane.shard.is_some()));
    out.u32(lane.shard.unwrap_or(0));
    out.u32(lane.partition);
}

fn write_progress(out: &mut Writer, progress: &Progress) {
    out.u64(progress.epoch);
    out.u8(u8::from(progress.number.is_some()) | u8::from(progress.ended) << 1);
    out.u64(progress.number.unwrap_or(0));
    [progress.reached, progress.watermark, progress.seen].into_iter().for_each(|time| out.i64(time));
}

fn read_sources(input: &mut Reader<'_>, operator: &mut Tumbling, lanes: bool) -> Result<()> {
    let sources = &mut operator.sources;
    for number in 0..input.len(1)? as u32 {
        if sources.name(input.text()?) != number {
            return Err(broken("a source stands in it twice"));
        }
        if !lanes {
            let lane = Lane { source: number, shard: None, partition: operator.spec.partition };
            sources.add(read_progress(input, lane)?);
        }
    }
    for _ in 0..if lanes { input.len(1)? } else { 0 } {
        let (source, sharded, shard, partition) = (input.u32()?, input.u8()?, input.u32()?, input.u32()?);
        let lane = Lane { source, shard: (sharded != 0).then_some(shard), partition };
        if source as usize >= sources.names().len() || !sources.add(read_progress(input, lane)?) {
            return Err(broken("a lane stands in it twice, or has no source"));
        }
    }
    Ok(())
}

fn read_progress(input: &mut Reader<'_>, lane: Lane) -> Result<Progress> {
    let epoch = input.u64()?;
    let flags = input.u8()?;
    let number = Some(input.u64()?).filter(|_| flags & 1 != 0);
    let (reached, watermark, seen) = (input.i64()?, input.i64()?, input.i64()?);
    Ok(Progress { lane, epoch, number, reached, watermark, seen, ended: flags & 2 != 0 })
}

fn write_pane(out: &mut Writer, pane: &Pane, numbers: &[u32]) {
    out.i64(pane.index);
    out.u64(pane.series.len() as u64);
    pane.series.iter().for_each(|id| out.u32(numbers[*id as usize]));
    out.u32s(&pane.emitted);
    pane.accumulators.write(out);
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
    let accumulators = Accumulators::read_bytes(operator.panes.layout().clone(), series.len(), input)?;
    operator.panes.restore(index, series, accumulators, emitted).ok_or_else(|| broken("a series stands in a window twice"))
}
