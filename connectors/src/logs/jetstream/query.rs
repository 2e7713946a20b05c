//! Asking a stream: one entry, what it holds, deletion. Always the leader of the stream: others may lag behind.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{Info, PurgeResponse, RawMessage};
use floodmark_core::ports::{Continuity, Entry, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::Log;
use super::error::Answer;
use super::streams::CREATED;

/// One entry of a stream.
pub(super) enum Which<'a> {
    At(Position),
    /// The newest on exactly this subject.
    Last(&'a str),
    /// The first at or after a position that matches a pattern.
    Next(Position, &'a str),
}

/// What a stream holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) continuity: Continuity,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    /// At this it takes no more; `None` without limit.
    pub(super) bytes_max: Option<u64>,
}

impl From<&Info> for Held {
    fn from(info: &Info) -> Self {
        let state = &info.state;
        let tail = Position(state.last_sequence);
        let first = if state.messages == 0 { Position(tail.0 + 1) } else { Position(state.first_sequence) };
        let created = info.config.metadata.get(CREATED).and_then(|text| text.parse().ok()).map(Timestamp::from_micros);
        let created = created.unwrap_or_else(|| micros(info.created.unix_timestamp_nanos()));
        let bytes_max = u64::try_from(info.config.max_bytes).ok().filter(|max| *max > 0);
        Self { continuity: Continuity { created, first, tail }, entries: state.messages, bytes: state.bytes, bytes_max }
    }
}

/// Log time has microseconds.
pub(super) fn micros(nanos: i128) -> Timestamp {
    Timestamp::from_micros(i64::try_from(nanos.div_euclid(1_000)).unwrap_or(i64::MAX))
}

#[derive(Deserialize)]
struct Found {
    message: RawMessage,
}

impl Log {
    /// One entry, if it is there.
    pub(super) async fn find(&self, which: Which<'_>) -> Result<Option<Entry>> {
        let request = match which {
            Which::At(position) => json!({ "seq": position.0 }),
            Which::Last(subject) => json!({ "last_by_subj": self.subjects.to_wire(subject) }),
            Which::Next(position, pattern) => json!({ "seq": position.0, "next_by_subj": self.subjects.to_wire(pattern) }),
        };
        let doing = || format!("reading an entry of {}", self.stream);
        let subject = format!("STREAM.MSG.GET.{}", self.stream);
        let message = match self.connection.ask::<Found>(doing, subject, &request).await? {
            Answer::Refused(refusal) if refusal.error_code() == ErrorCode::NO_MESSAGE_FOUND => return Ok(None),
            answer => answer.given(doing)?.message,
        };
        let StreamMessage { subject, sequence, headers, payload, time } =
            message.try_into().map_err(|e: async_nats::Error| Error::unavailable(doing()).because(e))?;
        let stored = micros(time.unix_timestamp_nanos());
        Ok(self.subjects.entry(&subject, Some(&headers), payload, Position(sequence), stored))
    }

    /// What the stream holds.
    pub(super) async fn held(&self) -> Result<Held> {
        let doing = || format!("asking what {} holds", self.stream);
        let answer = self.connection.ask::<Info>(doing, format!("STREAM.INFO.{}", self.stream), &()).await?;
        Ok((&answer.given(doing)?).into())
    }

    /// Deletes what stands before `before`, of one subject or of all, and says how many entries went.
    pub(super) async fn delete(&self, subject: Option<&str>, before: Position) -> Result<u64> {
        // A purge of everything up to behind the tail would move the tail there.
        let before = before.min(Position(self.held().await?.continuity.tail.0 + 1));
        if before <= Position(1) {
            return Ok(0);
        }
        let mut request = json!({ "seq": before.0 });
        if let Some(subject) = subject {
            request["filter"] = self.subjects.to_wire(subject).into();
        }
        let doing = || format!("deleting entries of {}", self.stream);
        let answer = self.connection.ask::<PurgeResponse>(doing, format!("STREAM.PURGE.{}", self.stream), &request).await?;
        Ok(answer.given(doing)?.purged)
    }
}
