//! What is to be sent, and what came of it.

use deadpool_postgres::{GenericClient, Transaction};
use floodmark_core::Result;
use floodmark_core::ports::alerts::{Attempt, Depth, Outbox, Outcome, Outgoing};
use floodmark_schemas::Timestamp;
use tokio_postgres::types::ToSql;

use super::{READING, WRITING};
use crate::stores::embedded::alerts::rows::{limit, read, written};
use crate::stores::postgres::error::Doing;
use crate::stores::postgres::text;

/// Waiting notifications of a receiver before which none of the same incident waits.
const FIRST: &str = "FROM notification n WHERE receiver = $1 AND state = 'waiting' AND NOT EXISTS (SELECT FROM notification o \
     WHERE o.incident = n.incident AND o.receiver = n.receiver AND o.reply < n.reply AND o.state = 'waiting')";

pub(super) async fn due(client: &impl GenericClient, receiver: &str, now: Timestamp, most: usize) -> Result<Outbox> {
    let sql = format!("SELECT attempts, data {FIRST} AND next_us <= $2 ORDER BY number LIMIT $3");
    let statement = client.prepare_cached(&sql).await.doing(READING)?;
    let rows = client.query(&statement, &[&receiver, &now.micros(), &limit(most)]).await.doing(READING)?;
    let outgoing = |row: &tokio_postgres::Row| {
        let attempts = u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX);
        Ok(Outgoing { notification: read(row.get(1))?, attempts })
    };
    let due: Vec<Outgoing> = rows.iter().map(outgoing).collect::<Result<_>>()?;
    if due.len() >= most {
        return Ok(Outbox { due, next: None });
    }
    let sql = format!("SELECT min(next_us) {FIRST} AND next_us > $2");
    let statement = client.prepare_cached(&sql).await.doing(READING)?;
    let next: Option<i64> = client.query_one(&statement, &[&receiver, &now.micros()]).await.doing(READING)?.get(0);
    Ok(Outbox { due, next: next.map(Timestamp::from_micros) })
}

pub(super) async fn depths(client: &impl GenericClient) -> Result<Vec<Depth>> {
    let sql = "SELECT receiver, count(*), min(time_us) FROM notification WHERE state = 'waiting' GROUP BY receiver ORDER BY receiver";
    let statement = client.prepare_cached(sql).await.doing(READING)?;
    let rows = client.query(&statement, &[]).await.doing(READING)?;
    let depth = |row: &tokio_postgres::Row| {
        let (waiting, oldest) = (row.get::<_, i64>(1).cast_unsigned(), Timestamp::from_micros(row.get(2)));
        Depth { receiver: row.get(0), waiting, oldest }
    };
    Ok(rows.iter().map(depth).collect())
}

pub(super) async fn attempted(transaction: &Transaction<'_>, attempts: &[Attempt]) -> Result<()> {
    // Only a try that is new moves its notification: one that is repeated has moved it. Of several the last counts.
    let sql = "WITH tried AS (SELECT * FROM unnest($1::text[], $2::int8[], $3::int8[], $4::text[], $5::text[], $6::text[], $7::int8[]) \
               AS t (notification, number, time_us, outcome, answer, state, next_us)), \
               new AS (INSERT INTO notification_attempt SELECT notification, number, time_us, outcome, answer FROM tried \
               ON CONFLICT DO NOTHING RETURNING notification, number), \
               last AS (SELECT DISTINCT ON (notification) * FROM tried JOIN new USING (notification, number) \
               ORDER BY notification, number DESC) \
               UPDATE notification n SET state = t.state, attempts = t.number, next_us = t.next_us \
               FROM last t WHERE n.id = t.notification AND n.state = 'waiting'";
    let next = |attempt: &Attempt| match attempt.outcome {
        Outcome::Again { at } => at.micros(),
        _ => attempt.time.micros(),
    };
    let values: [&(dyn ToSql + Sync); 7] = [
        &attempts.iter().map(|attempt| &attempt.notification).collect::<Vec<_>>(),
        &attempts.iter().map(|attempt| i64::from(attempt.number)).collect::<Vec<_>>(),
        &attempts.iter().map(|attempt| attempt.time.micros()).collect::<Vec<_>>(),
        &attempts.iter().map(|attempt| written(&attempt.outcome)).collect::<Vec<_>>(),
        &attempts.iter().map(|attempt| text::held(&attempt.answer)).collect::<Vec<_>>(),
        &attempts.iter().map(|attempt| attempt.outcome.state().name()).collect::<Vec<_>>(),
        &attempts.iter().map(next).collect::<Vec<_>>(),
    ];
    let statement = transaction.prepare_cached(sql).await.doing(WRITING)?;
    transaction.execute(&statement, &values).await.doing(WRITING)?;
    Ok(())
}
