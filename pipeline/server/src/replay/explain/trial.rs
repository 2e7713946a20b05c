//! Which events of a frame count: each is tried alone.

use floodmark_core::Result;
use floodmark_core::ports::{Entry, Position};
use floodmark_core::project::samples_of;
use floodmark_engine::JobPlan;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Aggregates, Encoding, Event, EventBatch, FrameHeader, Payload, Timestamp, frame};

use super::{Behind, Place, Target};

/// Tries events for one window, or for the scores of one series.
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
            let projected = samples_of(&event).find(|(series, _)| *series == *self.target.series).map(|(_, value)| value);
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

    /// The events of a frame that are judged for the series: a score of it comes out. Counters need a second reading, so
    /// each event is given twice, the second time a microsecond later.
    pub(super) fn judged(&self, entry: &Entry) -> Result<Vec<Behind>> {
        let Ok(header) = FrameHeader::from_headers(&entry.headers) else { return Ok(Vec::new()) };
        let mut judged = Vec::new();
        for (event, index) in events(&header, entry)?.into_iter().zip(0..).filter(|(event, _)| self.may_count(event)) {
            let (time, place) = (event.time, Place { position: entry.position.0, index });
            let reading = samples_of(&event).find(|(series, _)| *series == *self.target.series).map(|(_, value)| value);
            let again = Event { time: time.plus_micros(1), ..event.clone() };
            let outputs = self.outputs_of(vec![event, again], &header)?;
            let of_series = outputs.into_iter().find_map(|output| match output {
                Output::Score(score) if score.series == self.target.series => Some(score.value),
                _ => None,
            });
            judged.extend(of_series.map(|value| Behind { place, time, log_time: entry.time, value: reading.or(Some(value)) }));
        }
        Ok(judged)
    }

    /// What comes out for the window when this event is all there is.
    fn alone(&self, event: Event, header: &FrameHeader) -> Result<Option<Aggregates>> {
        let outputs = self.outputs_of(vec![event], header)?;
        Ok(outputs.into_iter().find_map(|output| match output {
            Output::Rollup(rollup) if rollup.series == self.target.series && self.target.holds(rollup.window) => Some(rollup.aggregates),
            _ => None,
        }))
    }

    /// What comes out when these events are all there is.
    fn outputs_of(&self, events: Vec<Event>, header: &FrameHeader) -> Result<Vec<Output>> {
        let (source, disorder_us) = (header.source.clone(), header.disorder_us);
        let ends = events.iter().map(|event| event.time).min().zip(events.iter().map(|event| event.time).max());
        let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let all = FrameHeader { source, epoch: 1, number: 1, count, times: ends, disorder_us, ..FrameHeader::default() };
        let end = FrameHeader { number: 2, count: 0, times: None, watermark: Some(Timestamp::MAX), ..all.clone() };
        let time = ends.map_or(Timestamp::MIN, |(_, latest)| latest);
        let entry = |position: u64, header: &FrameHeader, body| Entry {
            position: Position(position),
            time,
            subject: floodmark_schemas::subject::events(self.partition, &header.source),
            id: None,
            headers: header.to_headers(),
            body,
        };
        let batch: EventBatch = events.into_iter().collect();
        let (mut operator, mut outputs) = ((self.plan.make)(self.partition), Vec::new());
        operator.apply(&entry(1, &all, frame::encode(&batch, Encoding::Json, &all.source, "1")), &mut outputs)?;
        operator.apply(&entry(2, &end, Default::default()), &mut outputs)?;
        Ok(outputs)
    }
}

pub(super) fn events(header: &FrameHeader, entry: &Entry) -> Result<Vec<Event>> {
    let id = entry.id.clone().unwrap_or_else(|| entry.position.to_string());
    Ok(frame::decode(header.encoding, &entry.body, &header.source, &id)?)
}
