//! Writes what arrives into the event log, as sources and tickers do.

use std::collections::BTreeMap;

use bytes::Bytes;
use floodmark_core::Result;
use floodmark_core::ports::{Expect, Log, NewEntry};
use floodmark_schemas::frame::{self, EVENTS_MAX};
use floodmark_schemas::{Event, EventBatch, FrameHeader, Timestamp, subject};

use super::arrivals::{Arrived, arrivals, ticks};
use super::clock::TestClock;
use crate::config::{Source, Test};

/// Writes everything that a test says into `log`, whose clock is `clock`.
///
/// # Errors
/// Those of the log.
pub(super) async fn write(test: &Test, sources: &BTreeMap<String, Source>, log: &dyn Log, clock: &TestClock) -> Result<()> {
    let mut writer = Writer { log, clock, sources, numbers: BTreeMap::new() };
    let mut now = test.start;
    for (time, arrived) in arrivals(test) {
        for tick in ticks(test.start, now, time.plus_micros(-1)) {
            writer.tick(tick).await?;
        }
        now = time;
        writer.clock.set(time);
        for (source, arrived) in arrived {
            writer.arrive(&source, arrived).await?;
        }
        // What has arrived by a tick comes before it.
        if (time.micros() - test.start.micros()).rem_euclid(1_000_000) == 0 {
            writer.tick(time).await?;
        }
    }
    let end = now.plus_micros(test.advance.micros());
    for tick in ticks(test.start, now, end) {
        writer.tick(tick).await?;
    }
    clock.set(end);
    Ok(())
}

struct Writer<'a> {
    log: &'a dyn Log,
    clock: &'a TestClock,
    sources: &'a BTreeMap<String, Source>,
    /// The number of each source's newest frame.
    numbers: BTreeMap<String, u64>,
}

impl Writer<'_> {
    async fn arrive(&mut self, source: &str, Arrived { events, ended }: Arrived) -> Result<()> {
        for events in events.chunks(EVENTS_MAX) {
            self.frame(source, events).await?;
        }
        if ended {
            let header = FrameHeader { watermark: Some(Timestamp::MAX), ..self.header(source) };
            self.append(header, Bytes::new()).await?;
        }
        Ok(())
    }

    async fn frame(&mut self, source: &str, events: &[Event]) -> Result<()> {
        let batch: EventBatch = events.iter().cloned().collect();
        let (first, last) = (batch.times().iter().min().copied(), batch.times().iter().max().copied());
        let times = first.zip(last).map(|(first, last)| (Timestamp::from_micros(first), Timestamp::from_micros(last)));
        let header = FrameHeader { count: u32::try_from(events.len()).unwrap_or(u32::MAX), times, ..self.header(source) };
        let body = frame::encode(&batch, header.encoding, source, &id(&header));
        self.append(header, body).await
    }

    /// Live sources promise what they do in a running pipeline: nothing older than now less their disorder.
    async fn tick(&mut self, time: Timestamp) -> Result<()> {
        self.clock.set(time);
        let live = self.sources.iter().filter(|(_, source)| source.kind.is_live());
        let watermarks = live.map(|(id, source)| (id.clone(), time.plus_micros(-source.disorder.micros()))).collect();
        let header = FrameHeader { watermarks, ..self.header(subject::TICKER) };
        self.append(header, Bytes::new()).await
    }

    fn header(&mut self, source: &str) -> FrameHeader {
        let number = self.numbers.entry(source.to_owned()).or_default();
        *number += 1;
        let settings = self.sources.get(source);
        let encoding = settings.map(Source::frame_encoding).unwrap_or_default();
        let disorder_us = settings.map_or(0, |source| source.disorder.micros());
        FrameHeader { source: source.to_owned(), epoch: 1, number: *number, disorder_us, encoding, ..FrameHeader::default() }
    }

    async fn append(&self, header: FrameHeader, body: Bytes) -> Result<()> {
        let entry = NewEntry { subject: subject::events(0, &header.source), id: None, headers: header.to_headers(), body };
        self.log.append(vec![entry], Expect::Anything).await.map(drop)
    }
}

fn id(header: &FrameHeader) -> String {
    format!("{}.0.{}.{}", header.source, header.epoch, header.number)
}
