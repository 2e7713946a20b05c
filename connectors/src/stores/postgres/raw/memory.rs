//! What the sink remembers between writes: which frames it has seen and what rows of a series have in common.

use std::collections::BTreeMap;

use deadpool_postgres::{GenericClient, Transaction};
use floodmark_core::Result;
use floodmark_core::ports::Position;
use floodmark_core::watermark::{Freshness, Sources};
use floodmark_schemas::{FrameHeader, Series, subject};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tracing::{info, warn};

use crate::stores::postgres::error::Doing;
use crate::stores::postgres::fields::{Common, Refused};
use crate::stores::postgres::{position, series_ids};

/// How many series are remembered before all are forgotten: about 500 bytes each.
const SERIES_MAX: usize = 200_000;

/// True as long as the sink stands at `at`: what was seen moves only with the position.
#[derive(Default)]
pub(super) struct Memory {
    at: Option<Position>,
    /// By partition of the log and shard of the source: each writer has numbers of its own.
    seen: BTreeMap<(u32, Option<u32>), Sources>,
    /// By name of the writer and partition.
    touched: BTreeMap<(String, u32), (u64, u64)>,
    by_source: BTreeMap<String, SourceSeries>,
    /// Series whose rows are to be added by this write.
    pub(super) fresh: BTreeMap<i64, series_ids::Row>,
}

/// What is known of the series of one source, by spelling.
#[derive(Default)]
pub(super) struct SourceSeries {
    slots: HashMap<Box<[u8]>, u32, FixedState>,
    commons: Vec<Common>,
    checks: HashMap<i64, (), FixedState>,
}

impl Memory {
    /// Makes it true for where the sink stands, and says where that is.
    pub(super) async fn refresh(&mut self, client: &impl GenericClient, sink: &str, from: Position) -> Result<Position> {
        if self.at == Some(from) {
            return Ok(from);
        }
        *self = Self::default();
        // The position first: when somebody moves it in between, moving it from there fails, whatever was read.
        let position = position::of(client, sink).await?.position;
        let sql = "SELECT source, partition, epoch, number FROM frame_seen WHERE sink = $1";
        for row in client.query(sql, &[&sink]).await.doing("reading which frames were seen")? {
            let (writer, partition): (String, i32) = (row.get(0), row.get(1));
            let (epoch, number): (i64, i64) = (row.get(2), row.get(3));
            let (epoch, number) = (epoch.cast_unsigned(), number.cast_unsigned());
            let Some((source, shard)) = subject::parse_writer(&writer) else { continue };
            let header = FrameHeader { source: source.to_owned(), shard, epoch, number, ..FrameHeader::default() };
            self.seen.entry((partition.cast_unsigned(), shard)).or_default().see(&header, 0);
        }
        self.at = Some(position);
        Ok(position)
    }

    /// Whether the frame is to be written; takes note of it.
    pub(super) fn takes(&mut self, sink: &str, entry_subject: &str, header: &FrameHeader, position: Position) -> bool {
        let source = header.source.as_str();
        if source == subject::TICKER {
            return false;
        }
        let partition = subject::parse_events(entry_subject).map_or(0, |(partition, ..)| partition);
        let writer = subject::writer(source, header.shard);
        let sources = self.seen.entry((partition, header.shard)).or_default();
        match sources.freshness(header) {
            Freshness::Stale => {
                info!(
                    sink,
                    source = writer,
                    partition,
                    position = position.0,
                    number = header.number,
                    "frame was seen before, passed over"
                );
                return false;
            }
            Freshness::Fresh(0) => {}
            Freshness::Fresh(missing) => {
                warn!(sink, source = writer, partition, position = position.0, missing, "frames are missing in the log");
            }
        }
        sources.see(header, 0);
        self.touched.insert((writer, partition), (header.epoch, header.number));
        header.count > 0
    }

    /// Writes down what this write has seen.
    pub(super) async fn store(&mut self, transaction: &Transaction<'_>, sink: &str, to: Position) -> Result<()> {
        let doing = "writing down which frames were seen";
        let mut writers = Vec::new();
        let (mut partitions, mut epochs, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for ((writer, partition), (epoch, number)) in std::mem::take(&mut self.touched) {
            writers.push(writer);
            partitions.push(partition.cast_signed());
            epochs.push(epoch.cast_signed());
            numbers.push(number.cast_signed());
        }
        if !writers.is_empty() {
            let sql = "INSERT INTO frame_seen (sink, source, partition, epoch, number) \
                       SELECT $1, * FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[]) \
                       ON CONFLICT (sink, source, partition) DO UPDATE SET epoch = excluded.epoch, number = excluded.number";
            let statement = transaction.prepare_cached(sql).await.doing(doing)?;
            transaction.execute(&statement, &[&sink, &writers, &partitions, &epochs, &numbers]).await.doing(doing)?;
        }
        if !self.fresh.is_empty() {
            series_ids::upsert(transaction, &self.fresh).await?;
            self.fresh.clear();
        }
        self.at = Some(to);
        Ok(())
    }

    /// The series of a source.
    pub(super) fn series(&mut self, source: &str) -> (&mut SourceSeries, &mut BTreeMap<i64, series_ids::Row>) {
        if !self.by_source.contains_key(source) {
            self.by_source.insert(source.to_owned(), SourceSeries::default());
        }
        let series = self.by_source.get_mut(source).expect("it was put there");
        if series.commons.len() + series.checks.len() > SERIES_MAX {
            *series = SourceSeries::default();
        }
        (series, &mut self.fresh)
    }
}

impl SourceSeries {
    /// What rows of the series that is spelled so have in common.
    pub(super) fn common<E>(
        &mut self,
        spelling: &[u8],
        fresh: &mut BTreeMap<i64, series_ids::Row>,
        source: &str,
        series: impl FnOnce() -> Result<Series, E>,
    ) -> Result<Result<&Common, Refused>, E> {
        if let Some(slot) = self.slots.get(spelling) {
            return Ok(Ok(&self.commons[*slot as usize]));
        }
        let series = series()?;
        let key = series.key();
        let common = match Common::of_sample(source, &series, &key) {
            Ok(common) => common,
            Err(refused) => return Ok(Err(refused)),
        };
        fresh.insert(series_ids::id(source, &key), series_ids::Row { source: source.to_owned(), key, seen: None });
        self.slots.insert(spelling.into(), self.commons.len() as u32);
        self.commons.push(common);
        Ok(Ok(&self.commons[self.commons.len() - 1]))
    }

    /// Takes note of the series `up` of a check's target.
    pub(super) fn check(&mut self, fresh: &mut BTreeMap<i64, series_ids::Row>, source: &str, up: &Series) {
        let key = up.key();
        let id = series_ids::id(source, &key);
        if self.checks.insert(id, ()).is_none() {
            fresh.insert(id, series_ids::Row { source: source.to_owned(), key, seen: None });
        }
    }
}
