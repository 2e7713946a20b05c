//! The state of an anomaly operator as bytes.
//!
//! `FMA1`, the operator it belongs to, counts, progress of what it reads, sources with their lanes, series in the order of their
//! sources and keys, and the XXH3 hash (64 bits) of all that. `FMA2` when values are derived: with one more count. Numbers are little-endian and of fixed width, floating-point
//! numbers are kept bit by bit, texts stand after their length. What is empty in a series takes no room.

mod series;

use bytes::{Buf, BufMut};
use floodmark_schemas::Series;
use twox_hash::XxHash3_64;

use super::operator::{Anomaly, Counts};
use super::spec::Spec;
use crate::Result;
use crate::lanes::{Lanes, broken, early, get_bytes, get_text, put_bytes};

const MAGIC: &[u8; 4] = b"FMA1";
/// Of an operator that derives values. It wrote `FMA1` before there was a count of those that are undefined.
const MAGIC_DERIVED: &[u8; 4] = b"FMA2";
const HASH_BYTES: usize = 8;

pub(super) fn write(operator: &Anomaly) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096 + operator.watches.live() * 4096);
    let derives = operator.spec.selection.derived.is_some();
    out.put_slice(if derives { MAGIC_DERIVED } else { MAGIC });
    put_bytes(&mut out, &signature(&operator.spec));
    let Counts { events, overflow, missing, episodes, undefined } = operator.counts;
    [events, overflow, missing, episodes].into_iter().chain(derives.then_some(undefined)).for_each(|n| out.put_u64_le(n));
    put_bytes(&mut out, &serde_json::to_vec(&operator.progress).expect("numbers and texts are always JSON"));
    operator.lanes.put(&mut out);
    let series = operator.watches.sorted();
    out.put_u64_le(series.len() as u64);
    for (source, key, watch) in series {
        out.put_u32_le(source);
        put_bytes(&mut out, key.as_bytes());
        series::put(&mut out, watch);
    }
    let hash = XxHash3_64::oneshot(&out);
    out.put_u64_le(hash);
    out
}

pub(super) fn read(spec: &Spec, snapshot: &[u8]) -> Result<Anomaly> {
    let body = snapshot.len().checked_sub(HASH_BYTES).ok_or_else(|| broken("it ends early"))?;
    let (body, mut hash) = snapshot.split_at(body);
    if hash.try_get_u64_le().ok() != Some(XxHash3_64::oneshot(body)) {
        return Err(broken("its hash does not match: bytes are missing or changed"));
    }
    let (magic, mut input) = body.split_at_checked(MAGIC.len()).ok_or_else(|| broken("it ends early"))?;
    if ![MAGIC, MAGIC_DERIVED].iter().any(|known| known[..] == *magic) {
        return Err(broken("it is not one, or of a newer version"));
    }
    let operator = read_body(spec, magic == MAGIC_DERIVED, &mut input)?;
    if input.is_empty() { Ok(operator) } else { Err(broken("it goes on after its end")) }
}

fn read_body(spec: &Spec, counts_undefined: bool, input: &mut &[u8]) -> Result<Anomaly> {
    let mut operator = Anomaly::new(spec.clone())?;
    if get_bytes(input)? != signature(spec) {
        return Err(broken("it belongs to another operator, or to other settings of this one"));
    }
    let Counts { events, overflow, missing, episodes, undefined } = &mut operator.counts;
    for count in [events, overflow, missing, episodes].into_iter().chain(counts_undefined.then_some(undefined)) {
        *count = input.try_get_u64_le().map_err(early)?;
    }
    operator.progress = serde_json::from_slice(get_bytes(input)?).map_err(|e| broken("its progress cannot be read").because(e))?;
    operator.lanes = Lanes::get(input)?;
    for id in 0..input.try_get_u64_le().map_err(early)? {
        let source = input.try_get_u32_le().map_err(early)?;
        let key = get_text(input)?;
        let known = (source as usize) < operator.lanes.list().len() && Series::from_key(key).is_ok();
        if !known || u64::from(operator.watches.table.intern(source, key)) != id {
            return Err(broken("a series is not one, is there twice, or has no source"));
        }
        operator.watches.put(id as u32, series::get(input)?);
    }
    Ok(operator)
}

/// What the state only makes sense with: the version stands for the settings.
fn signature(spec: &Spec) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, spec.operator.as_bytes());
    out.put_u32_le(spec.version);
    out.put_u32_le(spec.partition);
    out
}
