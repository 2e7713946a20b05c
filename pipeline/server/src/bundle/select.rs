//! Which entries of the event log go into a bundle.
//!
//! Of the alert's source all frames from some time on, as JSON; of others only that time passed. Of the ticks so many that no silence is
//! longer than it was, and those around the steps of the alert.

use floodmark_core::Result;
use floodmark_core::ports::{Entry, Limit, Log, Position};
use floodmark_schemas::{Alert, Encoding, EventBatch, FrameHeader, Timestamp, frame, subject};

/// Ticks that lie closer together are left out where nothing happens. Silence counts a minute of any gap between two entries.
const SPARSE_US: i64 = 50_000_000;
/// How far around a step all ticks are kept.
const AROUND_US: i64 = 3_000_000;

/// What is looked for.
pub(super) struct Selecting<'a> {
    /// The subjects that the operators at the bottom read.
    pub(super) patterns: Vec<String>,
    /// The alert's source.
    pub(super) source: &'a str,
    /// Its steps.
    pub(super) steps: &'a [Alert],
}

/// How many ticks are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ticks {
    Few,
    All,
}

impl Selecting<'_> {
    fn ends(&self) -> Timestamp {
        self.steps.last().map_or(Timestamp::MIN, |step| step.noticed)
    }

    /// The first entry whose frame reaches up to a time; the first of all when there is none.
    pub(super) async fn first(&self, log: &dyn Log, from: Timestamp) -> Result<Position> {
        let mut first = None;
        self.each(log, Position::START, |entry| {
            let header = FrameHeader::from_headers(&entry.headers).ok().filter(|header| header.source == self.source);
            if header.and_then(|header| header.times).is_some_and(|(_, last)| last >= from) {
                first.get_or_insert(entry.position);
            }
        })
        .await?;
        Ok(first.unwrap_or(Position(1)))
    }

    /// The entries from a position up to the newest step.
    pub(super) async fn entries(&self, log: &dyn Log, from: Position, ticks: Ticks) -> Result<Vec<Entry>> {
        let mut taken: Vec<Entry> = Vec::new();
        let mut newest = i64::MIN;
        self.each(log, Position(from.0.saturating_sub(1)), |entry| {
            let Ok(header) = FrameHeader::from_headers(&entry.headers) else { return };
            let is_own = header.source == self.source;
            let time = entry.time.micros();
            let is_near = || self.steps.iter().any(|step| (step.noticed.micros() - time).abs() <= AROUND_US);
            if !is_own && ticks == Ticks::Few && time.saturating_sub(newest) < SPARSE_US && !is_near() {
                return;
            }
            newest = time;
            taken.push(if is_own { own(entry, header) } else { tick(entry, header, self.source) });
        })
        .await?;
        Ok(taken)
    }

    async fn each(&self, log: &dyn Log, after: Position, mut take: impl FnMut(Entry)) -> Result<()> {
        let (limit, ends) = (Limit { until: Some(log.continuity().await?.tail), ..Limit::default() }, self.ends());
        let mut reader = log.reader(self.patterns.clone(), after).await?;
        loop {
            let entries = reader.next(limit).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                if entry.time > ends {
                    return Ok(());
                }
                take(entry);
            }
        }
    }
}

/// A frame of the source, with its events as JSON. Where the source resumes is nobody's business.
fn own(entry: Entry, header: FrameHeader) -> Entry {
    let id = entry.id.clone().unwrap_or_default();
    let body = match header.encoding {
        Encoding::Json => entry.body,
        Encoding::Arrow(_) => match frame::decode(header.encoding, &entry.body, &header.source, &id) {
            Ok(events) if !events.is_empty() => {
                frame::encode(&events.into_iter().collect::<EventBatch>(), Encoding::Json, &header.source, &id)
            }
            _ => bytes::Bytes::new(),
        },
    };
    let headers = FrameHeader { cursor: None, encoding: Encoding::Json, ..header }.to_headers();
    Entry { headers, body, id: None, ..entry }
}

/// That time passed, and what was promised for the source.
fn tick(entry: Entry, mut header: FrameHeader, source: &str) -> Entry {
    let subject = match subject::parse_events(&entry.subject) {
        Some((partition, ..)) => subject::events(partition, &subject::ticker(0)),
        None => entry.subject,
    };
    let is_tick = subject::is_ticker(&header.source);
    header.watermarks.retain(|(writer, _)| is_tick && subject::parse_writer(writer).is_some_and(|(name, _)| name == source));
    let name = if is_tick { header.source } else { subject::ticker(0) };
    let kept =
        FrameHeader { source: name, epoch: header.epoch, number: header.number, watermarks: header.watermarks, ..FrameHeader::default() };
    Entry { subject, headers: kept.to_headers(), body: bytes::Bytes::new(), id: None, ..entry }
}
