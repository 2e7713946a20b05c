//! The state of a window operator as bytes.
//!
//! `FMW1`, the spec it belongs to, watermark, counts, sources, series, panes, and the XXH3 hash (64 bits) of all that;
//! `FMW2` when there are shards or several partitions: names of sources, then their lanes, in place of sources; `FMW3` when
//! windows do not just tumble or series are grouped: as `FMW2`, with their shape after the spec, and what that shape keeps in
//! place of panes. Series are numbered in the order in which panes and their slots name them (hopping windows and sessions:
//! in which they came up) and others are left out, so that the bytes depend on what the state means and not on how it came
//! about. Floating-point numbers are kept bit by bit.

mod open;
mod sources;

use twox_hash::XxHash3_64;

use super::{
    accumulators::Layout,
    body::Body,
    books::Counts,
    bytes::{Reader, Writer, broken},
    calendar::Unit,
    operator::Windows,
    shape::Shape,
    spec::Spec,
};
use crate::Result;

/// How much the bytes can say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Tumbling windows of sources that have one lane each, in the operator's own partition.
    Plain,
    /// Tumbling windows of sources with any lanes.
    Lanes,
    /// Anything.
    Shaped,
}

impl Form {
    const ALL: [Self; 3] = [Self::Plain, Self::Lanes, Self::Shaped];

    fn magic(self) -> &'static [u8; 4] {
        match self {
            Self::Plain => b"FMW1",
            Self::Lanes => b"FMW2",
            Self::Shaped => b"FMW3",
        }
    }

    /// The least that will do, so that a state of the same meaning keeps its bytes.
    fn of(operator: &Windows) -> Self {
        match &operator.books.spec {
            spec if is_shaped(spec) => Self::Shaped,
            spec if sources::are_plain(&operator.books.sources, spec.partition) => Self::Plain,
            _ => Self::Lanes,
        }
    }
}

fn is_shaped(spec: &Spec) -> bool {
    spec.shape != Shape::Tumbling || spec.group_by.is_some()
}

const HASH_BYTES: usize = 8;
const UNSEEN: u32 = u32::MAX;

pub(super) fn write(operator: &Windows) -> Vec<u8> {
    let books = &operator.books;
    let mut out = Writer(Vec::with_capacity(4096 + open::bytes(&operator.body)));
    let form = Form::of(operator);
    out.0.extend_from_slice(form.magic());
    out.bytes(&signature(&books.spec));
    out.i64(operator.body.watermark());
    let Counts { events, late, future, overflow, missing, undefined } = books.counts;
    [events, late, future, overflow, missing].into_iter().for_each(|n| out.u64(n));
    if books.spec.selection.derived.is_some() {
        out.u64(undefined);
    }
    sources::write(&mut out, &books.sources, form == Form::Plain);

    let order = open::roster(&operator.body);
    let mut numbers = vec![UNSEEN; books.table.len()];
    order.iter().zip(0..).for_each(|(id, number)| numbers[*id as usize] = number);
    out.u64(order.len() as u64);
    for id in &order {
        out.u32(books.table.source(*id));
        out.bytes(books.table.key(*id).as_bytes());
    }
    open::write(&mut out, &operator.body, &order, &numbers);
    let hash = XxHash3_64::oneshot(&out.0);
    out.u64(hash);
    out.0
}

pub(super) fn read(spec: &Spec, snapshot: &[u8]) -> Result<Windows> {
    let body = snapshot.len().checked_sub(HASH_BYTES).ok_or_else(|| broken("it ends early"))?;
    let (body, hash) = snapshot.split_at(body);
    if Reader(hash).u64()? != XxHash3_64::oneshot(body) {
        return Err(broken("its hash does not match: bytes are missing or changed"));
    }
    let form = Form::ALL.into_iter().find(|form| body.starts_with(form.magic()));
    let form = form.ok_or_else(|| broken("it is not one, or of a newer version"))?;
    let mut input = Reader(&body[form.magic().len()..]);
    if input.bytes()? != signature(spec) {
        return Err(broken("it belongs to an operator with other settings"));
    }
    let mut operator = Windows::new(spec.clone())?;
    match (&mut operator.body, input.i64()?) {
        (Body::Aligned(windows), watermark) => windows.clock.set(watermark),
        (Body::Hopping(windows), watermark) => windows.set(watermark),
        (Body::Session(windows), watermark) => windows.set(watermark),
    }
    let books = &mut operator.books;
    let Counts { events, late, future, overflow, missing, undefined } = &mut books.counts;
    for count in [events, late, future, overflow, missing] {
        *count = input.u64()?;
    }
    if spec.selection.derived.is_some() {
        *undefined = input.u64()?;
    }
    sources::read(&mut input, &mut books.sources, spec.partition, form == Form::Plain)?;
    for number in 0..input.len(1)? {
        let source = input.u32()?;
        let key = input.text()?;
        let known = (source as usize) < books.sources.names().len() && floodmark_schemas::Series::from_key(key).is_ok();
        if !known || books.table.intern(source, key) as usize != number {
            return Err(broken("a series is not one, is there twice, or has no source"));
        }
    }
    operator.body.fit(books.table.len());
    open::read(&mut input, &mut operator.body, books.table.len())?;
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
    if is_shaped(spec) {
        match &spec.shape {
            Shape::Tumbling => out.u8(0),
            Shape::Hopping { slide } => {
                out.u8(1);
                out.u64(slide.as_micros() as u64);
            }
            Shape::Session => out.u8(2),
            Shape::Calendar { unit, zone } => {
                out.u8(3);
                out.u8(match unit {
                    Unit::Day => 0,
                    Unit::Week => 1,
                    Unit::Month => 2,
                });
                out.bytes(zone.name().as_bytes());
            }
        }
        let labels = spec.group_by.iter().flatten();
        out.u64(spec.group_by.as_ref().map_or(0, |labels| labels.len() as u64 + 1));
        labels.for_each(|label| out.bytes(label.as_bytes()));
    }
    if spec.selection.derived.is_some() {
        out.bytes(b"derived");
    }
    out.0
}
