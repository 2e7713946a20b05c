//! The sources and their lanes in a snapshot.

use crate::Result;
use crate::watermark::{Lane, Progress, Sources};
use crate::window::bytes::{Reader, Writer, broken};

/// Whether every source has one lane, in `partition`.
pub(super) fn are_plain(sources: &Sources, partition: u32) -> bool {
    let own = |(source, progress): (u32, &Progress)| progress.lane == Lane { source, shard: None, partition };
    sources.list().len() == sources.names().len() && (0..).zip(sources.list()).all(own)
}

pub(super) fn write(out: &mut Writer, sources: &Sources, plain: bool) {
    out.u64(sources.names().len() as u64);
    if plain {
        for (name, progress) in sources.names().iter().zip(sources.list()) {
            out.bytes(name.as_bytes());
            write_progress(out, progress);
        }
        return;
    }
    sources.names().iter().for_each(|name| out.bytes(name.as_bytes()));
    out.u64(sources.list().len() as u64);
    for progress in sources.list() {
        let Lane { source, shard, partition } = progress.lane;
        out.u32(source);
        out.u8(u8::from(shard.is_some()));
        out.u32(shard.unwrap_or(0));
        out.u32(partition);
        write_progress(out, progress);
    }
}

pub(super) fn read(input: &mut Reader<'_>, sources: &mut Sources, partition: u32, plain: bool) -> Result<()> {
    for number in 0..input.len(1)? as u32 {
        if sources.name(input.text()?) != number {
            return Err(broken("a source stands in it twice"));
        }
        if plain {
            sources.add(read_progress(input, Lane { source: number, shard: None, partition })?);
        }
    }
    for _ in 0..if plain { 0 } else { input.len(1)? } {
        let (source, sharded, shard, partition) = (input.u32()?, input.u8()?, input.u32()?, input.u32()?);
        let lane = Lane { source, shard: (sharded != 0).then_some(shard), partition };
        if source as usize >= sources.names().len() || !sources.add(read_progress(input, lane)?) {
            return Err(broken("a lane stands in it twice, or has no source"));
        }
    }
    Ok(())
}

fn write_progress(out: &mut Writer, progress: &Progress) {
    out.u64(progress.epoch);
    out.u8(u8::from(progress.number.is_some()) | u8::from(progress.ended) << 1);
    out.u64(progress.number.unwrap_or(0));
    [progress.reached, progress.watermark, progress.seen].into_iter().for_each(|time| out.i64(time));
}

fn read_progress(input: &mut Reader<'_>, lane: Lane) -> Result<Progress> {
    let epoch = input.u64()?;
    let flags = input.u8()?;
    let number = Some(input.u64()?).filter(|_| flags & 1 != 0);
    let (reached, watermark, seen) = (input.i64()?, input.i64()?, input.i64()?);
    Ok(Progress { lane, epoch, number, reached, watermark, seen, ended: flags & 2 != 0 })
}
