//! The state of a rule as bytes.
//!
//! `FMR1`, the rule it belongs to, counts, progress of what it reads, how far it has listened, sources with their lanes, series in the
//! order of their sources and keys, and the XXH3 hash (64 bits) of all that. Numbers are little-endian and of fixed width, texts
//! stand after their length, and so does, as JSON, what only series with an alert remember.

use bytes::{Buf, BufMut};
use floodmark_schemas::Series;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::change::Points;
use super::condition::{Gauge, More};
use super::machine::{Busy, Machine};
use super::rule::{Counts, Rule};
use super::spec::Spec;
use super::watches::Watch;
use crate::Result;
use crate::lanes::{Lanes, broken, early, get_bytes, get_text, put_bytes};

const MAGIC: &[u8; 4] = b"FMR1";
const HASH_BYTES: usize = 8;

/// What few series remember.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Rest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    busy: Option<Busy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    history: Option<[u64; 4]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    points: Option<Points>,
}

pub(super) fn write(rule: &Rule) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096 + rule.watches.live() * 128);
    out.put_slice(MAGIC);
    put_bytes(&mut out, &signature(&rule.spec));
    let Counts { events, late, overflow, missing, undefined, unjudged } = rule.counts;
    [events, late, overflow, missing, undefined, unjudged].into_iter().for_each(|n| out.put_u64_le(n));
    put_bytes(&mut out, &serde_json::to_vec(&rule.progress).expect("numbers and texts are always JSON"));
    out.put_i64_le(rule.silence.listened);
    out.put_u8(u8::from(rule.silence.newest.is_some()));
    out.put_i64_le(rule.silence.newest.unwrap_or(0));
    out.put_u32_le(rule.silence.since.len() as u32);
    rule.silence.since.iter().for_each(|since| out.put_i64_le(*since));
    rule.lanes.put(&mut out);
    let series = rule.watches.sorted();
    out.put_u64_le(series.len() as u64);
    for (source, key, watch) in series {
        out.put_u32_le(source);
        put_bytes(&mut out, key.as_bytes());
        put_watch(&mut out, watch);
    }
    let hash = XxHash3_64::oneshot(&out);
    out.put_u64_le(hash);
    out
}

pub(super) fn read(spec: &Spec, snapshot: &[u8]) -> Result<Rule> {
    let body = snapshot.len().checked_sub(HASH_BYTES).ok_or_else(|| broken("it ends early"))?;
    let (body, mut hash) = snapshot.split_at(body);
    if hash.try_get_u64_le().ok() != Some(XxHash3_64::oneshot(body)) {
        return Err(broken("its hash does not match: bytes are missing or changed"));
    }
    let mut input = body.strip_prefix(MAGIC).ok_or_else(|| broken("it is not one of a rule, or of a newer version"))?;
    let rule = read_body(spec, &mut input)?;
    if input.is_empty() { Ok(rule) } else { Err(broken("it goes on after its end")) }
}

fn read_body(spec: &Spec, input: &mut &[u8]) -> Result<Rule> {
    let mut rule = Rule::new(spec.clone())?;
    if get_bytes(input)? != signature(spec) {
        return Err(broken("it belongs to another rule, or to other settings of this one"));
    }
    let Counts { events, late, overflow, missing, undefined, unjudged } = &mut rule.counts;
    for count in [events, late, overflow, missing, undefined, unjudged] {
        *count = input.try_get_u64_le().map_err(early)?;
    }
    rule.progress = serde_json::from_slice(get_bytes(input)?).map_err(|e| broken("its progress cannot be read").because(e))?;
    rule.silence.listened = input.try_get_i64_le().map_err(early)?;
    let is_known = input.try_get_u8().map_err(early)? != 0;
    rule.silence.newest = Some(input.try_get_i64_le().map_err(early)?).filter(|_| is_known);
    for _ in 0..input.try_get_u32_le().map_err(early)? {
        rule.silence.since.push(input.try_get_i64_le().map_err(early)?);
    }
    rule.lanes = Lanes::get(input)?;
    for id in 0..input.try_get_u64_le().map_err(early)? {
        let source = input.try_get_u32_le().map_err(early)?;
        let key = get_text(input)?;
        let known = (source as usize) < rule.lanes.list().len() && Series::from_key(key).is_ok();
        if !known || u64::from(rule.watches.table.intern(source, key)) != id {
            return Err(broken("a series is not one, is there twice, or has no source"));
        }
        rule.watches.put(id as u32, get_watch(input)?);
    }
    rule.schedule();
    Ok(rule)
}

/// What the state only makes sense with: the version stands for the settings.
fn signature(spec: &Spec) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, spec.rule.as_bytes());
    out.put_u32_le(spec.version);
    out.put_u32_le(spec.partition);
    out
}

fn put_watch(out: &mut Vec<u8>, watch: &Watch) {
    let (busy, last_began) = watch.machine.parts();
    [watch.newest, watch.heard, last_began].into_iter().for_each(|time| out.put_i64_le(time));
    out.put_u8(watch.gauge.met);
    out.put_u32_le(watch.gauge.streak);
    let more = watch.gauge.more.as_deref();
    let history = more.map(|more| more.history).filter(|history| *history != [0; 4]);
    let points = more.map(|more| more.points.clone()).filter(|points| *points != Points::default());
    let rest = Rest { busy: busy.cloned(), history, points };
    let text = if rest == Rest::default() { Vec::new() } else { serde_json::to_vec(&rest).expect("finite numbers and texts are JSON") };
    put_bytes(out, &text);
}

fn get_watch(input: &mut &[u8]) -> Result<Watch> {
    let mut time = || input.try_get_i64_le().map_err(early);
    let (newest, heard, last_began) = (time()?, time()?, time()?);
    let (met, streak) = (input.try_get_u8().map_err(early)?, input.try_get_u32_le().map_err(early)?);
    let rest: Rest = match get_bytes(input)? {
        [] => Rest::default(),
        text => serde_json::from_slice(text).map_err(|e| broken("a series cannot be read").because(e))?,
    };
    let more = (rest.history.is_some() || rest.points.is_some()).then(|| {
        let (history, points) = (rest.history.unwrap_or_default(), rest.points.unwrap_or_default());
        Box::new(More { history, points, known: None })
    });
    let machine = Machine::of(rest.busy, last_began);
    Ok(Watch { newest, heard, gauge: Gauge { met, streak, more }, machine, ..Watch::default() })
}
