//! What the desk gives becomes rows; what is old goes.

use floodmark_core::Result;
use floodmark_core::alert::desk::{AlertRecord, Changes, IncidentRecord};
use floodmark_schemas::{Notification, Timestamp};
use rusqlite::{OptionalExtension, ToSql, Transaction, params};

use super::rows::{kept, labels, name, read, written};
use crate::stores::embedded::error::Doing;

/// How many incidents, and how many of what belongs to none, are deleted at once: others who write wait that long.
const DELETED_AT_ONCE: usize = 500;

pub(super) fn write(transaction: &Transaction<'_>, changes: &Changes) -> Result<()> {
    let Changes { incidents, alerts, steps, notifications, decisions, silences, notes, answers } = changes;
    incidents.values().try_for_each(|record| incident(transaction, record))?;
    alerts.values().try_for_each(|record| alert(transaction, record))?;
    for step in steps {
        let sql = "INSERT INTO alert_step VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        let of = &step.alert;
        put(transaction, sql, params![of.id, of.version, of.step, step.position.cast_signed(), written(of)])?;
    }
    notifications.iter().try_for_each(|told| notification(transaction, told))?;
    for decision in decisions {
        let sql = "INSERT INTO alert_decision (incident, time_us, data) VALUES (?1, ?2, ?3)";
        put(transaction, sql, params![decision.incident, decision.time.micros(), written(decision)])?;
    }
    for silence in silences.values() {
        let sql = "INSERT OR REPLACE INTO silence VALUES (?1, ?2, ?3, ?4)";
        put(transaction, sql, params![silence.id, silence.ends.micros(), silence.over, written(silence)])?;
    }
    for (of, note) in notes {
        match note {
            Some(note) => put(transaction, "INSERT OR REPLACE INTO alert_note VALUES (?1, ?2)", params![of, note])?,
            None => put(transaction, "DELETE FROM alert_note WHERE name = ?1", params![of])?,
        }
    }
    for answer in answers {
        let sql = "UPDATE alert_request SET answer = ?2 WHERE number = ?1";
        put(transaction, sql, params![answer.request.cast_signed(), written(answer)])?;
    }
    Ok(())
}

fn incident(transaction: &Transaction<'_>, record: &IncidentRecord) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO incident VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let of = &record.incident;
    let resolved = of.resolved.map(Timestamp::micros);
    let values = params![of.id, of.title, of.severity as i64, of.opened.micros(), resolved, record.done, written(record)];
    put(transaction, sql, values)
}

fn alert(transaction: &Transaction<'_>, record: &AlertRecord) -> Result<()> {
    let stored = if record.incident.is_none() { in_incident(transaction, &record.alert.id)? } else { None };
    let record = &stored.map_or_else(|| record.clone(), |stored| kept(record, stored));
    let sql = "INSERT OR REPLACE INTO alert VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let of = &record.alert;
    let values = params![
        of.id,
        of.rule,
        of.source,
        name(&of.state),
        of.state.is_active(),
        of.severity as i64,
        of.began.micros(),
        of.time.micros(),
        record.incident,
        labels(record),
        record.live,
        written(record)
    ];
    put(transaction, sql, values)
}

/// The alert as it is there, if it is in an incident.
fn in_incident(transaction: &Transaction<'_>, id: &str) -> Result<Option<AlertRecord>> {
    let (doing, sql) = ("storing alerts", "SELECT data FROM alert WHERE id = ?1 AND incident IS NOT NULL");
    let stored = transaction.prepare_cached(sql).doing(doing)?.query_row([id], |row| row.get::<_, String>(0)).optional();
    stored.doing(doing)?.map(|data| read(&data)).transpose()
}

fn notification(transaction: &Transaction<'_>, told: &Notification) -> Result<()> {
    let sql = "INSERT INTO notification (id, incident, receiver, reply, reason, time_us, state, attempts, next_us, data) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', 0, ?6, ?7) ON CONFLICT (id) DO NOTHING";
    let Notification { id, receiver, reason, time, number, incident, .. } = told;
    put(transaction, sql, params![id, incident.id, receiver, number, name(reason), time.micros(), written(told)])
}

fn put(transaction: &Transaction<'_>, sql: &str, values: &[&dyn ToSql]) -> Result<()> {
    transaction.prepare_cached(sql).doing("storing alerts")?.execute(values).doing("storing alerts")?;
    Ok(())
}

/// Incidents that are done and were over before a time.
pub(super) const DONE: &str = "SELECT id FROM incident i WHERE done = 1 AND resolved_us < ?1 \
    AND NOT EXISTS (SELECT 1 FROM notification n WHERE n.incident = i.id AND n.state = 'waiting') LIMIT ?2";
/// Alerts of that time that are in no incident.
pub(super) const PASSED: &str = "SELECT id FROM alert WHERE incident IS NULL AND active = 0 AND time_us < ?1 AND began_us < ?1 LIMIT ?2";
const SILENCES: &str = "SELECT id FROM silence WHERE over = 1 AND ends_us < ?1 LIMIT ?2";
pub(super) const ANSWERED: &str = "SELECT number FROM alert_request WHERE answer IS NOT NULL AND time_us < ?1 LIMIT ?2";
/// Tests of receivers belong to no incident that is stored.
pub(super) const LONE: &str = "SELECT id FROM notification n WHERE state <> 'waiting' AND time_us < ?1 \
    AND NOT EXISTS (SELECT 1 FROM incident i WHERE i.id = n.incident) LIMIT ?2";

/// Deletes some of what was over before a time.
pub(super) fn forget(transaction: &Transaction<'_>, before: Timestamp) -> Result<u64> {
    let doing = "deleting old alerts";
    let some = params![before.micros(), super::rows::limit(DELETED_AT_ONCE)];
    let mut statement = transaction.prepare_cached(DONE).doing(doing)?;
    let ids = statement.query_map(some, |row| row.get(0)).doing(doing)?.collect::<rusqlite::Result<Vec<String>>>().doing(doing)?;
    let mut deleted = 0;
    let mut delete = |sql: &str, values: &[&dyn ToSql]| -> Result<()> {
        deleted += transaction.prepare_cached(sql).doing(doing)?.execute(values).doing(doing)? as u64;
        Ok(())
    };
    for id in ids {
        for sql in [
            "DELETE FROM alert_step WHERE alert IN (SELECT id FROM alert WHERE incident = ?1)",
            "DELETE FROM alert WHERE incident = ?1",
            "DELETE FROM notification_attempt WHERE notification IN (SELECT id FROM notification WHERE incident = ?1)",
            "DELETE FROM notification WHERE incident = ?1",
            "DELETE FROM alert_decision WHERE incident = ?1",
            "DELETE FROM incident WHERE id = ?1",
        ] {
            delete(sql, params![id])?;
        }
    }
    for (table, key, which) in [
        ("alert_step", "alert", PASSED),
        ("alert", "id", PASSED),
        ("silence", "id", SILENCES),
        ("alert_request", "number", ANSWERED),
        ("notification_attempt", "notification", LONE),
        ("notification", "id", LONE),
    ] {
        delete(&format!("DELETE FROM {table} WHERE {key} IN ({which})"), some)?;
    }
    Ok(deleted)
}
