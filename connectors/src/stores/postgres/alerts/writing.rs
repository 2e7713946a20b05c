//! What the desk gives becomes rows; what is old goes.

use std::collections::BTreeMap;

use deadpool_postgres::{GenericClient, Transaction};
use floodmark_core::Result;
use floodmark_core::alert::desk::{AlertRecord, Changes};
use floodmark_schemas::Timestamp;
use tokio_postgres::types::ToSql;

use super::WRITING;
use crate::stores::embedded::alerts::rows::{kept, labels, limit, name, read, written};
use crate::stores::postgres::error::Doing;
use crate::stores::postgres::text;

/// How many incidents, and how many of what belongs to none, are deleted at once: others who write wait that long.
const DELETED_AT_ONCE: usize = 500;

/// Many rows of a kind go in one statement.
pub(super) async fn write(transaction: &Transaction<'_>, changes: &Changes) -> Result<()> {
    incidents(transaction, changes).await?;
    alerts(transaction, changes).await?;
    told(transaction, changes).await?;
    rest(transaction, changes).await
}

/// Columns of rows, as arrays.
fn column<T, V>(rows: impl IntoIterator<Item = T>, value: impl Fn(T) -> V) -> Vec<V> {
    rows.into_iter().map(value).collect()
}

async fn incidents(transaction: &Transaction<'_>, changes: &Changes) -> Result<()> {
    let rows = || changes.incidents.values();
    let sql = "INSERT INTO incident SELECT * FROM unnest($1::text[], $2::text[], $3::int2[], $4::int8[], $5::int8[], $6::bool[], $7::text[]) \
               ON CONFLICT (id) DO UPDATE SET title = excluded.title, severity = excluded.severity, opened_us = excluded.opened_us, \
               resolved_us = excluded.resolved_us, done = excluded.done, data = excluded.data";
    let values: [&(dyn ToSql + Sync); 7] = [
        &column(rows(), |record| &record.incident.id),
        &column(rows(), |record| text::held(&record.incident.title)),
        &column(rows(), |record| record.incident.severity as i16),
        &column(rows(), |record| record.incident.opened.micros()),
        &column(rows(), |record| record.incident.resolved.map(Timestamp::micros)),
        &column(rows(), |record| record.done),
        &column(rows(), written),
    ];
    put(transaction, changes.incidents.len(), sql, &values).await
}

async fn alerts(transaction: &Transaction<'_>, changes: &Changes) -> Result<()> {
    let kept = in_incidents(transaction, changes).await?;
    let rows = || changes.alerts.iter().map(|(id, record)| kept.get(id).unwrap_or(record));
    let sql = "INSERT INTO alert SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::int2[], $7::int8[], \
               $8::int8[], $9::text[], $10::text[], $11::bool[], $12::text[]) ON CONFLICT (id) DO UPDATE SET rule = excluded.rule, \
               source = excluded.source, state = excluded.state, active = excluded.active, severity = excluded.severity, \
               began_us = excluded.began_us, time_us = excluded.time_us, incident = excluded.incident, labels = excluded.labels, \
               live = excluded.live, data = excluded.data";
    let values: [&(dyn ToSql + Sync); 12] = [
        &column(rows(), |record| &record.alert.id),
        &column(rows(), |record| &record.alert.rule),
        &column(rows(), |record| &record.alert.source),
        &column(rows(), |record| name(&record.alert.state)),
        &column(rows(), |record| record.alert.state.is_active()),
        &column(rows(), |record| record.alert.severity as i16),
        &column(rows(), |record| record.alert.began.micros()),
        &column(rows(), |record| record.alert.time.micros()),
        &column(rows(), |record| record.incident.as_ref()),
        &column(rows(), labels),
        &column(rows(), |record| record.live),
        &column(rows(), written),
    ];
    put(transaction, changes.alerts.len(), sql, &values).await?;
    let rows = || &changes.steps;
    let sql =
        "INSERT INTO alert_step SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::text[]) ON CONFLICT DO NOTHING";
    let values: [&(dyn ToSql + Sync); 5] = [
        &column(rows(), |step| &step.alert.id),
        &column(rows(), |step| &step.alert.version),
        &column(rows(), |step| i64::from(step.alert.step)),
        &column(rows(), |step| step.position.cast_signed()),
        &column(rows(), |step| written(&step.alert)),
    ];
    put(transaction, changes.steps.len(), sql, &values).await
}

/// Those that come without an incident and are there with one, as they are to be stored, by id.
async fn in_incidents(transaction: &Transaction<'_>, changes: &Changes) -> Result<BTreeMap<String, AlertRecord>> {
    let without = changes.alerts.iter().filter(|(_, record)| record.incident.is_none());
    let ids: Vec<&String> = without.map(|(id, _)| id).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = "SELECT id, data FROM alert WHERE id = ANY($1::text[]) AND incident IS NOT NULL";
    let statement = transaction.prepare_cached(sql).await.doing(WRITING)?;
    let rows = transaction.query(&statement, &[&ids]).await.doing(WRITING)?;
    let stored = rows.iter().map(|row| {
        let id: String = row.get(0);
        let record = kept(&changes.alerts[&id], read(row.get(1))?);
        Ok((id, record))
    });
    stored.collect()
}

async fn told(transaction: &Transaction<'_>, changes: &Changes) -> Result<()> {
    let rows = || &changes.notifications;
    let sql = "INSERT INTO notification (id, incident, receiver, reply, reason, time_us, state, attempts, next_us, data) \
               SELECT id, incident, receiver, reply, reason, time_us, 'waiting', 0, time_us, data FROM unnest($1::text[], $2::text[], \
               $3::text[], $4::int8[], $5::text[], $6::int8[], $7::text[]) WITH ORDINALITY \
               AS t (id, incident, receiver, reply, reason, time_us, data, place) ORDER BY place ON CONFLICT (id) DO NOTHING";
    let values: [&(dyn ToSql + Sync); 7] = [
        &column(rows(), |told| &told.id),
        &column(rows(), |told| &told.incident.id),
        &column(rows(), |told| &told.receiver),
        &column(rows(), |told| i64::from(told.number)),
        &column(rows(), |told| name(&told.reason)),
        &column(rows(), |told| told.time.micros()),
        &column(rows(), written),
    ];
    put(transaction, changes.notifications.len(), sql, &values).await?;
    let rows = || &changes.decisions;
    let sql = "INSERT INTO alert_decision (incident, time_us, data) SELECT incident, time_us, data \
               FROM unnest($1::text[], $2::int8[], $3::text[]) WITH ORDINALITY AS t (incident, time_us, data, place) ORDER BY place";
    let values: [&(dyn ToSql + Sync); 3] =
        [&column(rows(), |of| &of.incident), &column(rows(), |of| of.time.micros()), &column(rows(), written)];
    put(transaction, changes.decisions.len(), sql, &values).await
}

async fn rest(transaction: &Transaction<'_>, changes: &Changes) -> Result<()> {
    let rows = || changes.silences.values();
    let sql = "INSERT INTO silence SELECT * FROM unnest($1::text[], $2::int8[], $3::bool[], $4::text[]) \
               ON CONFLICT (id) DO UPDATE SET ends_us = excluded.ends_us, over = excluded.over, data = excluded.data";
    let values: [&(dyn ToSql + Sync); 4] = [
        &column(rows(), |silence| &silence.id),
        &column(rows(), |silence| silence.ends.micros()),
        &column(rows(), |silence| silence.over),
        &column(rows(), written),
    ];
    put(transaction, changes.silences.len(), sql, &values).await?;
    let kept: Vec<_> = changes.notes.iter().filter_map(|(name, note)| Some((name, note.as_ref()?))).collect();
    let sql = "INSERT INTO alert_note SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT (name) DO UPDATE SET data = excluded.data";
    put(transaction, kept.len(), sql, &[&column(&kept, |(name, _)| *name), &column(&kept, |(_, note)| *note)]).await?;
    let gone: Vec<&String> = changes.notes.iter().filter(|(_, note)| note.is_none()).map(|(name, _)| name).collect();
    put(transaction, gone.len(), "DELETE FROM alert_note WHERE name = ANY($1::text[])", &[&gone]).await?;
    let rows = || &changes.answers;
    let sql =
        "UPDATE alert_request r SET answer = t.answer FROM unnest($1::int8[], $2::text[]) AS t (number, answer) WHERE r.number = t.number";
    let values: [&(dyn ToSql + Sync); 2] = [&column(rows(), |answer| answer.request.cast_signed()), &column(rows(), written)];
    put(transaction, changes.answers.len(), sql, &values).await
}

async fn put(transaction: &Transaction<'_>, rows: usize, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<()> {
    if rows > 0 {
        let statement = transaction.prepare_cached(sql).await.doing(WRITING)?;
        transaction.execute(&statement, values).await.doing(WRITING)?;
    }
    Ok(())
}

/// Deletes some of what was over before a time.
pub(super) async fn forget(transaction: &Transaction<'_>, before: Timestamp) -> Result<u64> {
    let doing = "deleting old alerts";
    let (before, some) = (before.micros(), limit(DELETED_AT_ONCE));
    let sql = "SELECT id FROM incident i WHERE done AND resolved_us < $1 \
               AND NOT EXISTS (SELECT FROM notification n WHERE n.incident = i.id AND n.state = 'waiting') LIMIT $2";
    let ids: Vec<String> = transaction.query(sql, &[&before, &some]).await.doing(doing)?.iter().map(|row| row.get(0)).collect();
    let mut deleted = 0;
    for sql in [
        "DELETE FROM alert_step WHERE alert IN (SELECT id FROM alert WHERE incident = ANY($1::text[]))",
        "DELETE FROM alert WHERE incident = ANY($1::text[])",
        "DELETE FROM notification_attempt WHERE notification IN (SELECT id FROM notification WHERE incident = ANY($1::text[]))",
        "DELETE FROM notification WHERE incident = ANY($1::text[])",
        "DELETE FROM alert_decision WHERE incident = ANY($1::text[])",
        "DELETE FROM incident WHERE id = ANY($1::text[])",
    ] {
        deleted += transaction.execute(sql, &[&ids]).await.doing(doing)?;
    }
    // Alerts that never fired, and tests of receivers, belong to no incident that is stored.
    for (table, children, child, which) in [
        ("alert", "alert_step", "alert", "incident IS NULL AND NOT active AND time_us < $1 AND began_us < $1"),
        (
            "notification",
            "notification_attempt",
            "notification",
            "state <> 'waiting' AND time_us < $1 AND NOT EXISTS (SELECT FROM incident i WHERE i.id = incident)",
        ),
    ] {
        let found = transaction.query(&format!("SELECT id FROM {table} WHERE {which} LIMIT $2"), &[&before, &some]).await.doing(doing)?;
        let ids: Vec<String> = found.iter().map(|row| row.get(0)).collect();
        deleted += transaction.execute(&format!("DELETE FROM {children} WHERE {child} = ANY($1::text[])"), &[&ids]).await.doing(doing)?;
        deleted += transaction.execute(&format!("DELETE FROM {table} WHERE id = ANY($1::text[])"), &[&ids]).await.doing(doing)?;
    }
    for sql in [
        "DELETE FROM silence WHERE id IN (SELECT id FROM silence WHERE over AND ends_us < $1 LIMIT $2)",
        "DELETE FROM alert_request WHERE number IN (SELECT number FROM alert_request WHERE answer IS NOT NULL AND time_us < $1 LIMIT $2)",
    ] {
        deleted += transaction.execute(sql, &[&before, &some]).await.doing(doing)?;
    }
    Ok(deleted)
}
