//! Appending: entries go out in order, one of each subject at a time, the last one when all others are acknowledged.

use std::collections::HashMap;
use std::future::IntoFuture;

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use floodmark_core::ports::{Appended, Expect, NewEntry, Position};
use floodmark_core::{Error, Kind, Result};

use super::query::Which;
use super::wire::{self, Stored};
use super::{Log, error};

/// An entry on its way.
struct Sent {
    index: usize,
    subject: String,
    id: Option<String>,
    expected: Option<Position>,
    ack: PublishAckFuture,
}

/// Appends `entries`; see the port. Dropping it leaves what was sent on its way.
pub(super) async fn append(log: &Log, entries: Vec<NewEntry>, expect: &Expect) -> Result<Vec<Appended>> {
    let Some(last) = entries.len().checked_sub(1) else { return Ok(Vec::new()) };
    // All are looked at before the first is sent.
    for entry in &entries {
        wire::check_subject(&entry.subject)?;
        check_size(log, entry)?;
    }
    let chain = expect.each(&entries).map(|(first, expected)| (first.subject.clone(), expected)).collect();
    let losses = log.connection.connected().await?;
    let mut run = Run { log, losses, chain, on_the_way: HashMap::new(), appended: vec![None; entries.len()] };
    match run.all(entries, last).await {
        Ok(()) => Ok(run.appended.into_iter().map(|appended| appended.expect("all are settled")).collect()),
        Err(error) => Err(run.worst(error).await),
    }
}

pub(super) fn check_size(log: &Log, entry: &NewEntry) -> Result<()> {
    let headers: usize = entry.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let (size, max) = (entry.body.len() + headers, log.connection.client().max_payload());
    if size <= max {
        return Ok(());
    }
    let text = format!("appending an entry of {size} bytes to {}: the server takes {max}; raise its `max_payload`", entry.subject);
    Err(Error::rejected(text))
}

/// One append.
struct Run<'a> {
    log: &'a Log,
    /// How often the connection had been lost before the first entry went out.
    losses: u64,
    /// Where the last entry of a subject stands, of those where that matters.
    chain: HashMap<String, Position>,
    /// The entry of each subject that is not acknowledged.
    on_the_way: HashMap<String, Sent>,
    appended: Vec<Option<Appended>>,
}

impl Run<'_> {
    async fn all(&mut self, entries: Vec<NewEntry>, last: usize) -> Result<()> {
        for (index, entry) in entries.into_iter().enumerate() {
            if index == last {
                self.settle_all().await?;
            } else if let Some(sent) = self.on_the_way.remove(&entry.subject) {
                self.settle(sent).await?;
            }
            self.send(index, entry).await?;
        }
        self.settle_all().await
    }

    /// Sends an entry whose subject has none on its way.
    async fn send(&mut self, index: usize, entry: NewEntry) -> Result<()> {
        let headers = wire::encode(&entry, Stored::Now)?;
        let NewEntry { subject, id, body, .. } = entry;
        let mut publish = PublishMessage::build().payload(body);
        if let Some(headers) = headers {
            publish = publish.headers(headers);
        }
        let expected = self.chain.get(&subject).copied();
        if let Some(expected) = expected {
            publish = publish.expected_last_subject_sequence(expected.0);
        }
        let sent = self.log.connection.context.send_publish(self.log.subjects.to_wire(&subject), publish).await;
        let ack = sent.map_err(|e| error::unpublished(&subject, expected, e))?;
        self.on_the_way.insert(subject.clone(), Sent { index, subject, id, expected, ack });
        Ok(())
    }

    async fn settle(&mut self, sent: Sent) -> Result<()> {
        let Sent { index, subject, id, expected, ack } = sent;
        let ack = tokio::select! {
            biased;
            ack = ack.into_future() => ack.map_err(|e| error::unpublished(&subject, expected, e)),
            // The acknowledgement of what went out on a lost connection never comes.
            () = self.log.connection.link.lost(self.losses) => {
                let text = format!("appending to {subject}: the connection was lost; the entry may be stored or not");
                return Err(Error::unavailable(text));
            }
        };
        let appended = match ack {
            Ok(ack) if ack.stream == *self.log.stream => Appended { position: Position(ack.sequence), duplicate: ack.duplicate },
            Ok(ack) => {
                let text = format!("appending to {subject}: stream {} took it instead of {}", ack.stream, self.log.stream);
                return Err(Error::broken(format!("{text}; give that one other subjects")));
            }
            Err(conflict) if conflict.kind() == Kind::Conflict => match self.repeated(&subject, id, expected).await? {
                Some(position) => Appended { position, duplicate: true },
                None => return Err(conflict),
            },
            Err(error) => return Err(error),
        };
        if let Some(last) = self.chain.get_mut(&subject) {
            // A key that was used long ago stands before what is expected, and changes nothing.
            *last = (*last).max(appended.position);
        }
        self.appended[index] = Some(appended);
        Ok(())
    }

    /// Where the entry with this id stands directly behind the expected one. The server looks at the expectation before it
    /// looks at the id: to it a repetition is a conflict with what it repeats.
    async fn repeated(&self, subject: &str, id: Option<String>, expected: Option<Position>) -> Result<Option<Position>> {
        let (Some(id), Some(expected)) = (id, expected) else { return Ok(None) };
        let next = self.log.find(Which::Next(Position(expected.0 + 1), subject)).await?;
        Ok(next.filter(|entry| entry.id.as_deref() == Some(&id)).map(|entry| entry.position))
    }

    async fn settle_all(&mut self) -> Result<()> {
        let mut sent: Vec<Sent> = std::mem::take(&mut self.on_the_way).into_values().collect();
        sent.sort_unstable_by_key(|sent| sent.index);
        let mut outcome = Ok(());
        for sent in sent {
            let next = self.settle(sent).await;
            outcome = match (outcome, next) {
                (Ok(()), next) => next,
                (Err(first), Err(next)) => Err(worse(first, next)),
                (first, Ok(())) => first,
            };
        }
        outcome
    }

    /// The error of an append that has failed with `error`, when the others on their way may have failed too.
    async fn worst(&mut self, error: Error) -> Error {
        match self.settle_all().await {
            Ok(()) => error,
            Err(other) => worse(error, other),
        }
    }
}

/// Of two errors the one that a repetition does not cure: a rival on one subject matters more than a timeout on another.
fn worse(first: Error, second: Error) -> Error {
    if first.kind() == Kind::Unavailable && second.kind() != Kind::Unavailable { second } else { first }
}
