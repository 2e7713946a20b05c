//! The source that tells how well other sources are covered: it reads the event log, keeps [`Books`], and hands over a report of each source
//! once an interval.
//!
//! It is a source as others are: one process runs it by lease, its reports are events with a cursor in the log, and whoever takes over goes
//! on where the last report stands. So the time in which nobody ran is told by the next who does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::coverage::{Books, Expected, Outcome, Report, Resume};
use floodmark_core::ports::{Entry, Ingest, Limit, Log, Position, Source};
use floodmark_core::{Error, Result, alert};
use floodmark_schemas::frame::{Decoder, Visitor};
use floodmark_schemas::{Event, EventBatch, FrameHeader, Payload, Reason, subject};
use serde::{Deserialize, Serialize};

use crate::status::Statuses;
use crate::telemetry::PollMeters;

/// The ticks of so many processes are read: one that ticks is enough to tell the time.
const TICKERS: u32 = 8;

/// What is to be covered, and how it is told.
#[derive(Clone)]
pub struct Plan {
    /// From one report of a source to the next.
    pub every: Duration,
    /// What is due, by source.
    pub sources: BTreeMap<String, Vec<Expected>>,
    /// The event log.
    pub events: Arc<dyn Log>,
    /// Where it is shown how sources stand.
    pub statuses: Statuses,
}

/// Tells how well sources are covered.
pub struct Coverage {
    plan: Plan,
    decoders: BTreeMap<String, Decoder>,
    meters: BTreeMap<String, PollMeters>,
}

/// Where it resumes: what was reported, and from which position on the log has to be read again for what is not settled yet.
#[derive(Serialize, Deserialize)]
struct Cursor {
    from: u64,
    #[serde(flatten)]
    books: Resume,
}

impl Coverage {
    /// Prepares to read. Reads nothing yet.
    pub fn new(plan: Plan) -> Self {
        let meters = plan.sources.keys().map(|id| (id.clone(), PollMeters::new(id))).collect();
        Self { plan, decoders: BTreeMap::new(), meters }
    }

    /// The books, after which position they read on, and where the log stands now.
    async fn resume(&self, cursor: Option<String>) -> Result<(Books, Position, Position)> {
        let mut books = Books::new(self.plan.every, self.plan.sources.clone());
        let tail = self.plan.events.continuity().await?.tail;
        let cursor = cursor.and_then(|text| match serde_json::from_str::<Cursor>(&text) {
            Ok(cursor) => Some(cursor).filter(|cursor| cursor.from <= tail.0),
            Err(error) => {
                tracing::warn!(%error, "cursor of coverage cannot be read, polls are counted from now on");
                None
            }
        });
        let Some(cursor) = cursor else { return Ok((books, tail, tail)) };
        books.resume(&cursor.books);
        Ok((books, Position(cursor.from), tail))
    }

    fn patterns(&self) -> Vec<String> {
        let ticks = (0..TICKERS).map(|slot| subject::events(0, &subject::ticker(slot)));
        ticks.chain(self.plan.sources.keys().flat_map(|id| subject::events_of_source(id))).collect()
    }

    /// Takes the polls of an entry into the books.
    fn take(&mut self, entry: &Entry, books: &mut Books) -> Result<()> {
        let header = FrameHeader::from_headers(&entry.headers)?;
        if header.count == 0 || !self.plan.sources.contains_key(&header.source) {
            return Ok(());
        }
        let mut polls = Polls { anything: books.takes_anything(&header.source), found: BTreeSet::new() };
        let decoder = self.decoders.entry(header.source.clone()).or_default();
        decoder.visit(header.encoding, &entry.body, &mut polls).map_err(|e| {
            let doing = format!("reading frame {} of source {} at position {}", header.number, header.source, entry.position);
            Error::rejected(doing).because(e)
        })?;
        for (target, time, outcome) in polls.found {
            books.tell(&header.source, &target, time, entry.time.micros(), outcome);
        }
        Ok(())
    }

    fn count(&self, reports: &[Report]) {
        for report in reports {
            if let Some(meters) = self.meters.get(&report.source) {
                meters.reported(report);
            }
        }
    }
}

#[async_trait]
impl Source for Coverage {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        let (mut books, mut position, began) = self.resume(ingest.cursor()).await?;
        let mut reader = self.plan.events.reader(self.patterns(), position).await?;
        // Where the log stood at each report that may have to be read again after.
        let mut marks = VecDeque::from([(i64::MIN, position)]);
        loop {
            let entries = reader.next(Limit::default()).await?;
            for entry in &entries {
                if entry.position > began {
                    books.begin(entry.time.micros());
                }
                for reports in books.advance(entry.time.micros()) {
                    let Some(at) = reports.first().map(|report| report.at) else { continue };
                    marks.push_back((at, position));
                    while marks.get(1).is_some_and(|(mark, _)| *mark <= books.told_since(at)) {
                        marks.pop_front();
                    }
                    let from = marks.front().map_or(position, |(_, position)| *position).0;
                    let cursor = Cursor { from, books: Resume { at, ..books.resumable() } };
                    let cursor = serde_json::to_string(&cursor).expect("texts and numbers are always JSON");
                    self.count(&reports);
                    ingest.send(EventBatch::from_iter(reports.iter().flat_map(Report::events)), Some(cursor)).await?;
                }
                if let Err(error) = self.take(entry, &mut books) {
                    // Jobs tell of it; for coverage it is as if nothing had come.
                    tracing::debug!(error = error.chain(), "a frame cannot be read, its polls are not counted");
                }
                position = entry.position;
            }
            if let Some(last) = entries.last() {
                books.standings(last.time.micros()).for_each(|(id, standing)| self.plan.statuses.polls(id, standing));
            }
        }
    }
}

/// The polls of a frame.
struct Polls {
    /// Whether any event is a poll, of the target without a name.
    anything: bool,
    found: BTreeSet<(String, i64, Outcome)>,
}

impl Visitor for Polls {
    fn series(&mut self, _: &str) -> u32 {
        0
    }

    fn sample(&mut self, _: u32, time: i64, _: u32, _: f64) {
        if self.anything {
            self.found.insert((String::new(), time, Outcome::Done));
        }
    }

    fn event(&mut self, _: u32, event: Event) {
        let (target, outcome) = match event.payload {
            Payload::Check(check) if check.reason == Some(Reason::Missed) => return,
            Payload::Check(check) => {
                let outcome = if alert::is_up(&check).is_some() { Outcome::Done } else { Outcome::Failed };
                (check.target, outcome)
            }
            Payload::Sample(_) | Payload::Record(_) if self.anything => (String::new(), Outcome::Done),
            Payload::Sample(_) | Payload::Record(_) => return,
        };
        let target = if self.anything { String::new() } else { target };
        self.found.insert((target, event.time.micros(), outcome));
    }
}
