//! Deleting what is too old or too much.

use floodmark_core::Result;
use floodmark_core::ports::Position;
use floodmark_schemas::Timestamp;

use super::Log;
use super::query::{Held, Which};

/// Deletes what the configured age and size do not keep, but nothing at or after `keep_from`.
pub(super) async fn retain(log: &Log, keep_from: Position) -> Result<u64> {
    let config = &log.connection.config;
    let age_us = i64::try_from(config.retention_age.0.as_micros()).unwrap_or(i64::MAX);
    let oldest = Timestamp::from_micros(log.clock.now().micros().saturating_sub(age_us));
    let held = log.held().await?;
    let mut deleted = match first_since(log, held, oldest).await?.min(keep_from) {
        cut if cut > held.continuity.first => log.delete(None, cut).await?,
        _ => 0,
    };
    let mut held = if deleted > 0 { log.held().await? } else { held };
    // Entries differ in size: half of what seems to be too much goes in a step, so that not many more go than have to.
    while held.bytes > config.retention_size.0 && held.continuity.first < keep_from && held.entries > 0 {
        let excess = held.bytes - config.retention_size.0;
        let entries = (u128::from(excess) * u128::from(held.entries) / u128::from(held.bytes) / 2).max(1);
        let step = u64::try_from(entries).unwrap_or(u64::MAX);
        let cut = Position(held.continuity.first.0.saturating_add(step)).min(keep_from);
        deleted += log.delete(None, cut).await?;
        held = log.held().await?;
    }
    Ok(deleted)
}

/// The first position that is held and not older than `oldest`; behind the tail when all are older. Log time does not go
/// back, so steps that double find a younger entry and halves find the first one: few entries are looked at.
async fn first_since(log: &Log, held: Held, oldest: Timestamp) -> Result<Position> {
    let (first, end) = (held.continuity.first, Position(held.continuity.tail.0 + 1));
    // All before `old` are older; `young` is not, or is the end.
    let (mut old, mut young) = (first, end);
    let mut step = 1_u64;
    while old < young {
        let probe = if young == end {
            Position(old.0.saturating_add(step - 1)).min(Position(end.0 - 1))
        } else {
            Position(old.0 + (young.0 - old.0) / 2)
        };
        match log.find(Which::Next(probe, ">")).await? {
            Some(entry) if entry.position < young => {
                if entry.time < oldest {
                    old = Position(entry.position.0 + 1);
                } else {
                    young = probe;
                }
            }
            // Nothing is held between the two.
            _ => young = probe,
        }
        step = step.saturating_mul(2);
    }
    Ok(young)
}
