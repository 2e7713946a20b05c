//! Which events of a frame count: each is tried alone.

use floodmark_core::Result;
use floodmark_core::ports::{Entry, Position};
use floodmark_core::project::samples_of;
use floodmark_engine::JobPlan;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Encoding, Event, EventBatch, FrameHeader, Payload, Timestamp, frame};

use super::{Behind, Place, Target};

/// Tries events for one window.
pub(super) struct Trial<'a> {
    pub(super) plan: &'a JobPlan,
    pub(super) partition: u32,
    pub(super) target: &'a Target,
}

impl Trial<'_> {
    /// The events of a frame that count for the window, but for those that `outputs` says were late.
    pub(super) fn behind(&self, entry: &Entry, outputs: &[Output]) -> Result<Vec<Behind>> {
        let Target { source, window, .. } = self.target;
        let Ok(header) = FrameHeader::from_headers(&entry.headers) else { return Ok(Vec::new()) };
        let overlaps = header.times.is_some_and(|(min, max)| max >= window.start && min < window.end);
        if header.source != *source || !overlaps {
            return Ok(Vec::new());
        }
        let late = |index: u32| {
            outputs.iter().any(|output| matches!(output, Output::Late(late) if late.index == index && late.series == self.target.series))
        };
        let mut behind = Vec::new();
        for (event, index) in events(&header, entry)?.into_iter().zip(0..) {
            let inside = event.time >= window.start && event.time < window.end;
            if !inside || !self.may_count(&event) || late(index) {
                continue;
            }
            let (time, place) = (event.time, Place { position: entry.position.0, index });
            let projected = samples_of(&event).find(|(series, _)| *series == self.target.series).map(|(_, value)| value);
            if let Some(alone) = self.alone(event, &header)? {
                let value = [alone.last, alone.first, alone.sum, alone.mean, alone.max, alone.min].into_iter().flatten().next();
                behind.push(Behind { place, time, log_time: entry.time, value: value.or(projected) });
            }
        }
        Ok(behind)
    }

    /// Whether the labels allow it: a look that spares most trials.
    fn may_count(&self, event: &Event) -> bool {
        let labels = match &event.payload {
            Payload::Sample(sample) => sample.series.labels.clone(),
            Payload::Check(check) => check.series("", "").labels,
            Payload::Record(_) => return true,
        };
        let wanted = &self.target.series.labels;
        // A check gives a series for each phase.
        wanted.iter().all(|(name, value)| labels.get(name).map_or(name == "phase", |found| found == value))
    }

    /// What comes out for the window when this event is all there is.
    fn alone(&self, event: Event, header: &FrameHeader) -> Result<Option<Aggregates>> {
        let (source, time, disorder_us) = (header.source.clone(), event.time, header.disorder_us);
        let batch: EventBatch = std::iter::once(event).collect();
        let one = FrameHeader { source, epoch: 1, number: 1, count: 1, times: Some((time, time)), disorder_us, ..FrameHeader::default() };
        let end = FrameHeader { number: 2, count: 0, times: None, watermark: Some(Timestamp::MAX), ..one.clone() };
        let entry = |position: u64, header: &FrameHeader, body| Entry {
            position: Position(position),
            time,
            subject: floodmark_schemas::subject::events(self.partition, &header.source),
            id: None,
            headers: header.to_headers(),
            body,
        };
        let (mut operator, mut outputs) = ((self.plan.make)(self.partition), Vec::new());
        operator.apply(&entry(1, &one, frame::encode(&batch, Encoding::Json, &one.source, "1")), &mut outputs)?;
        operator.apply(&entry(2, &end, Default::default()), &mut outputs)?;
        Ok(outputs.into_iter().find_map(|output| match output {
            Output::Rollup(rollup) if rollup.series == self.target.series && self.target.holds(rollup.window) => Some(rollup.aggregates),
            _ => None,
        }))
    }
}

fn events(header: &FrameHeader, entry: &Entry) -> Result<Vec<Event>> {
    let id = entry.id.clone().unwrap_or_else(|| entry.position.to_string());
    Ok(frame::decode(header.encoding, &entry.body, &header.source, &id)?)
}

/// The frame without one of its events.
pub(super) fn without(mut entry: Entry, index: u32) -> Result<Entry> {
    let mut header = FrameHeader::from_headers(&entry.headers)?;
    let all = events(&header, &entry)?;
    let kept: EventBatch = all.into_iter().zip(0..).filter(|(_, at)| *at != index).map(|(event, _)| event).collect();
    header.count = u32::try_from(kept.len()).unwrap_or(u32::MAX);
    let ends = kept.times().iter().min().zip(kept.times().iter().max());
    header.times = ends.map(|(min, max)| (Timestamp::from_micros(*min), Timestamp::from_micros(*max)));
    entry.body = if kept.is_empty() { Default::default() } else { frame::encode(&kept, header.encoding, &header.source, "without") };
    entry.headers = header.to_headers();
    Ok(entry)
}
