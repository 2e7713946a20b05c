//! The event log on NATS JetStream: two streams of a server or cluster that several processes share.
//!
//! # Streams
//! ```text
//! <PREFIX>_EVENTS     <prefix>.events.>                                        frames and ticks
//! <PREFIX>_OUTPUTS    <prefix>.outputs.>, <prefix>.snapshots.>, <prefix>.dead.>  commits, states, dead letters
//! ```
//! A position is the stream's sequence. The server deletes nothing by itself: [`Log::retain`] does, and a stream that has
//! reached its size refuses entries, so that sources wait ([`Config::size_max`]).
//!
//! # What holds
//! * An append goes out in the order of its entries. Of one subject only one entry is on its way, and where something is
//!   expected each names the one before it (`Nats-Expected-Last-Subject-Sequence`); different subjects do not wait for each
//!   other. The last entry goes out when all others are acknowledged. It is not atomic.
//! * An acknowledged entry survives kill -9 of any process. It survives a power failure when the server has `sync_interval:
//!   always`, or replicas that do not fail together.
//! * Readers check that nothing is left out and nothing comes twice, and begin anew behind what they gave when the server
//!   or their consumer is gone.
//! * Ids are remembered for the duplicate window, by the server's clock. A server that restarts remembers only the ids of
//!   entries it still holds.
//! * Log time is the server's clock: a server whose clock is set back sets log time back.

mod append;
mod check;
mod config;
mod connection;
mod difference;
mod error;
mod query;
mod reader;
mod restore;
mod retention;
mod streams;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Appended, Clock, Continuity, Entry, Expect, Log as LogPort, NewEntry, Position, Reader as ReaderPort, Size};

pub use check::check;
pub use config::{Config, Storage, Tls};
pub use connection::Connection;
pub(crate) use connection::options as connection_options;
pub use difference::Difference;
pub use restore::Restore;
pub use streams::{Applied, Spec, StreamInfo};

use crate::clock::SystemClock;
use query::Held;
use wire::Subjects;

/// An event log on one stream. Clones share the connection.
#[derive(Clone)]
pub struct Log {
    connection: Connection,
    /// The name of the stream.
    stream: Arc<str>,
    subjects: Subjects,
    clock: Arc<dyn Clock>,
}

impl Log {
    fn new(connection: Connection, spec: &Spec) -> Self {
        let stream = streams::name(&connection.config, spec.suffix()).into();
        let subjects = Subjects::new(&connection.config.prefix);
        Self { connection, stream, subjects, clock: Arc::new(SystemClock) }
    }

    /// The name of the stream.
    pub fn stream(&self) -> &str {
        &self.stream
    }
}

#[async_trait]
impl LogPort for Log {
    async fn append(&self, entries: Vec<NewEntry>, expect: Expect) -> Result<Vec<Appended>> {
        append::append(self, entries, &expect).await
    }

    async fn reader(&self, patterns: Vec<String>, after: Position) -> Result<Box<dyn ReaderPort>> {
        Ok(Box::new(reader::Reader::new(self.clone(), patterns, after)?))
    }

    async fn last(&self, subject: &str) -> Result<Option<Entry>> {
        wire::check_subject(subject)?;
        self.find(query::Which::Last(subject)).await
    }

    async fn get(&self, position: Position) -> Result<Option<Entry>> {
        // To the server 0 is "none given".
        if position == Position::START { Ok(None) } else { self.find(query::Which::At(position)).await }
    }

    async fn continuity(&self) -> Result<Continuity> {
        Ok(self.held().await?.continuity)
    }

    async fn purge(&self, subject: &str, before: Position) -> Result<u64> {
        wire::check_subject(subject)?;
        self.delete(Some(subject), before).await
    }

    async fn pending(&self, patterns: &[String], after: Position) -> Result<u64> {
        reader::pending(self, patterns, after).await
    }

    async fn size(&self) -> Result<Option<Size>> {
        let Held { bytes, bytes_max, .. } = self.held().await?;
        Ok(Some(Size { bytes, retention_bytes: Some(self.connection.config.retention_size.0), bytes_max }))
    }

    async fn retain(&self, keep_from: Position) -> Result<u64> {
        retention::retain(self, keep_from).await
    }
}
