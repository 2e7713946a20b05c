//! Partitions of the raw events: made before the rows come, dropped when all in them is too old.
//!
//! A partition holds `width` of event time, aligned to 1970-01-01T00:00:00Z. None is made for times far ahead of the log, for
//! what retention would delete at once, or beyond [`PARTITIONS_MAX`]; such events are in `event_default`. When a partition is
//! made, what `event_default` holds of its time moves into it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::Transaction;
use floodmark_core::{Kind, Result};
use floodmark_schemas::Timestamp;
use tracing::{info, warn};

use super::error::Doing;
use super::schema::{self, Form};
use super::times::{Time, exact};
use super::{Store, begin, timescale};

/// The most partitions that one write makes; newest first. The next write makes the next.
const NEW_AT_ONCE: usize = 32;
/// The most partitions in all: the planner's time grows with their number.
const PARTITIONS_MAX: usize = 2_000;
/// How many partitions ahead of the log are made: a clock in 2099 gets none.
const AHEAD: i64 = 2;

/// What is known of the partitions.
#[derive(Default)]
pub(super) struct Partitions {
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Default)]
struct Known {
    /// End by begin, in microseconds.
    ranges: BTreeMap<i64, i64>,
    /// Slots that could not get one.
    given_up: BTreeSet<i64>,
    retained: Option<Timestamp>,
}

impl Known {
    /// The range around `time` that no partition holds, at most its slot.
    fn hole(&self, time: i64, width: i64) -> Option<(i64, i64)> {
        let slot = time.div_euclid(width).checked_mul(width)?;
        let before = self.ranges.range(..=time).next_back().map_or(i64::MIN, |(_, end)| *end);
        let after = self.ranges.range(time.saturating_add(1)..).next().map_or(i64::MAX, |(begin, _)| *begin);
        (before <= time).then(|| (slot.max(before), slot.saturating_add(width).min(after)))
    }
}

impl Store {
    /// Makes partitions for these event times, as far as it is good to make them. `log_time` is that of the newest entry.
    pub(super) async fn make_partitions(&self, times: &BTreeSet<i64>, log_time: Timestamp) -> Result<()> {
        if self.inner.form == Form::Hypertable || times.is_empty() {
            return Ok(());
        }
        let width = self.inner.config.partition.micros();
        let known = match self.known() {
            Some(known) => known,
            None => self.load_partitions().await?,
        };
        let latest = log_time.micros().saturating_add(AHEAD * width);
        let earliest = self.inner.config.retention.map_or(i64::MIN, |retention| log_time.micros().saturating_sub(retention.micros()));
        let mut missing: BTreeMap<i64, i64> = BTreeMap::new();
        for time in times.iter().copied().filter(|time| *time <= latest && exact(*time).is_some()) {
            let hole = known.hole(time, width).filter(|(begin, end)| *end > earliest && !known.given_up.contains(begin));
            missing.extend(hole.filter(|(begin, end)| exact(*begin).and(exact(*end)).is_some()));
        }
        let room = PARTITIONS_MAX.saturating_sub(known.ranges.len()).min(NEW_AT_ONCE);
        for (begin, end) in missing.into_iter().rev().take(room) {
            match self.make_partition(begin, end).await {
                Ok(()) => {}
                Err(e) if e.kind() == Kind::Unavailable => return Err(e),
                Err(e) => {
                    warn!(begins = %Timestamp::from_micros(begin), error = e.chain(), "partition could not be made, its events go into event_default");
                    self.remember(|known| known.given_up.insert(begin));
                }
            }
        }
        Ok(())
    }

    async fn make_partition(&self, begin_us: i64, end_us: i64) -> Result<()> {
        let (begins, ends) = (Timestamp::from_micros(begin_us), Timestamp::from_micros(end_us));
        let doing = format!("making the partition of {begins}");
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        schema::lock(&transaction, &self.inner.config).await?;
        let name = name(begins, ends);
        let sql = "INSERT INTO event_partition (name, begins, ends) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
        let fresh = transaction.execute(sql, &[&name, &Time(begins), &Time(ends)]).await.doing(&doing)? == 1;
        if fresh {
            attach(&transaction, &name, begins, ends).await.doing(&doing)?;
            transaction.commit().await.doing(&doing)?;
            info!(partition = name, "partition made");
        } else {
            drop(transaction);
        }
        self.remember(|known| known.ranges.insert(begin_us, end_us));
        Ok(())
    }

    /// Deletes the raw events that are older than the retention, seen from `log_time`: partitions as a whole, and what is too
    /// old in `event_default`. Does nothing without a retention, or when it did the same within the last ten minutes of log time.
    pub(super) async fn retain(&self, log_time: Timestamp) -> Result<()> {
        const EVERY_US: i64 = 600_000_000;
        let Some(retention) = self.inner.config.retention else { return Ok(()) };
        let retained = self.known().and_then(|known| known.retained);
        if retained.is_some_and(|retained| log_time.micros() < retained.micros().saturating_add(EVERY_US)) {
            return Ok(());
        }
        let before = Timestamp::from_micros(log_time.micros().saturating_sub(retention.micros()));
        match self.inner.form {
            Form::Hypertable => timescale::drop_chunks(&self.client().await?, before).await?,
            Form::Partitions => self.drop_before(before).await?,
        }
        self.remember(|known| known.retained = Some(log_time));
        Ok(())
    }

    async fn drop_before(&self, before: Timestamp) -> Result<()> {
        let doing = "dropping old partitions";
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        schema::lock(&transaction, &self.inner.config).await?;
        let old = "DELETE FROM event_partition WHERE ends <= $1 RETURNING name";
        let rows = transaction.query(old, &[&Time(before)]).await.doing(doing)?;
        for row in &rows {
            let name: String = row.get(0);
            transaction.batch_execute(&format!("DROP TABLE IF EXISTS {name}")).await.doing(doing)?;
            info!(partition = name, "partition dropped, older than the retention");
        }
        transaction.execute("DELETE FROM event_default WHERE time < $1", &[&Time(before)]).await.doing(doing)?;
        transaction.commit().await.doing(doing)?;
        drop(client);
        if !rows.is_empty() {
            self.load_partitions().await?;
        }
        Ok(())
    }

    async fn load_partitions(&self) -> Result<Known> {
        let client = self.client().await?;
        let rows = client.query("SELECT begins, ends FROM event_partition", &[]).await.doing("reading the partitions")?;
        let micros = |row: &tokio_postgres::Row, column| row.get::<_, Time>(column).0.micros();
        let ranges = rows.iter().map(|row| (micros(row, 0), micros(row, 1))).collect();
        let mut known = self.inner.partitions.known.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = Known { ranges, ..known.take().unwrap_or_default() };
        *known = Some(loaded.clone());
        Ok(loaded)
    }

    fn known(&self) -> Option<Known> {
        self.inner.partitions.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember<T>(&self, change: impl FnOnce(&mut Known) -> T) {
        if let Some(known) = &mut *self.inner.partitions.known.lock().unwrap_or_else(PoisonError::into_inner) {
            change(known);
        }
    }
}

/// `event_20261121` for a day, `event_20261121_0600` for a part of one, `event_at_<microseconds>` for what has no such name.
fn name(begins: Timestamp, ends: Timestamp) -> String {
    const DAY_US: i64 = 86_400_000_000;
    let text = begins.to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match (text.len(), ends.micros() - begins.micros()) {
        (20, width) if width % DAY_US == 0 && begins.micros() % DAY_US == 0 => format!("event_{}", &digits[..8]),
        (20, _) => format!("event_{}_{}", &digits[..8], &digits[8..12]),
        _ => format!("event_at_{}", begins.micros().to_string().replace('-', "m")),
    }
}

/// Makes a table, moves into it what the default partition holds of its time, and makes it a partition.
async fn attach(transaction: &Transaction<'_>, name: &str, begins: Timestamp, ends: Timestamp) -> Result<(), tokio_postgres::Error> {
    // As PostgreSQL writes them: it knows years before 1 too.
    let sql = "SELECT quote_literal($1::timestamptz::text), quote_literal($2::timestamptz::text)";
    let row = transaction.query_one(sql, &[&Time(begins), &Time(ends)]).await?;
    let (begins_text, ends_text): (String, String) = (row.get(0), row.get(1));
    transaction.batch_execute(&format!("CREATE TABLE {name} (LIKE event INCLUDING ALL EXCLUDING INDEXES)")).await?;
    let sql = format!(
        "WITH moved AS (DELETE FROM event_default WHERE time >= $1 AND time < $2 RETURNING *) INSERT INTO {name} SELECT * FROM moved"
    );
    transaction.execute(&sql, &[&Time(begins), &Time(ends)]).await?;
    transaction.batch_execute(&format!("ALTER TABLE event ATTACH PARTITION {name} FOR VALUES FROM ({begins_text}) TO ({ends_text})")).await
}
