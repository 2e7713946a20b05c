//! Frames that came again, or from a writer that was replaced: readers pass them over.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_core::Result;
use floodmark_core::ports::{Limit, Log, Position};
use floodmark_core::watermark::{Freshness, Sources};
use floodmark_schemas::{FrameHeader, subject};

/// Where such frames stand.
pub(super) struct Stale(BTreeSet<u64>);

impl Stale {
    /// Looks at the header of every frame of `events`.
    pub(super) async fn find(events: &dyn Log) -> Result<Self> {
        let mut reader = events.reader(vec![subject::EVENTS.to_owned()], Position::START).await?;
        let limit = Limit { until: Some(events.continuity().await?.tail), ..Limit::default() };
        let (mut writers, mut stale): (BTreeMap<(u32, Option<u32>), Sources>, _) = (BTreeMap::new(), BTreeSet::new());
        loop {
            let entries = reader.next(limit).await?;
            if entries.is_empty() {
                return Ok(Self(stale));
            }
            for entry in entries {
                let place = subject::parse_events(&entry.subject).map(|(partition, ..)| partition);
                let (Some(partition), Ok(header)) = (place, FrameHeader::from_headers(&entry.headers)) else { continue };
                let sources = writers.entry((partition, header.shard)).or_default();
                match sources.freshness(&header) {
                    Freshness::Stale => drop(stale.insert(entry.position.0)),
                    Freshness::Fresh(_) => drop(sources.see(&header, entry.time.micros())),
                }
            }
        }
    }

    /// Whether the frame at this position is one.
    pub(super) fn holds(&self, position: u64) -> bool {
        self.0.contains(&position)
    }
}
