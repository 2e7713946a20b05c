//! What a stream of NATS JetStream holds, read as any other client would.

use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::Stream;
use floodmark_core::ports::{Entry, Position};
use floodmark_schemas::{Headers, Timestamp};
use futures_util::StreamExt;

use super::eventually::within;

/// A stream of the server at `url`.
///
/// # Panics
/// When the server or the stream is not there.
pub async fn stream(url: &str, name: &str) -> Stream {
    let client = within("a connection to NATS", async_nats::connect(url)).await.expect("the server runs");
    async_nats::jetstream::new(client).get_stream(name).await.unwrap_or_else(|e| panic!("stream {name}: {e}"))
}

/// The newest position that the stream ever gave.
///
/// # Panics
/// When the server or the stream is not there.
pub async fn tail(url: &str, name: &str) -> u64 {
    stream(url, name).await.get_info().await.expect("the server answers").state.last_sequence
}

/// All entries of a stream, in order.
///
/// # Panics
/// When the stream cannot be read.
pub async fn entries(url: &str, name: &str) -> Vec<Entry> {
    let stream = stream(url, name).await;
    let held = stream.get_info().await.expect("the server answers").state.messages;
    let mut entries = Vec::new();
    if held == 0 {
        return entries;
    }
    let consumer = stream.create_consumer(OrderedConfig::default()).await.expect("a consumer can be made");
    let mut messages = consumer.messages().await.expect("a consumer can be read");
    loop {
        let message = within("the next message", messages.next()).await.expect("it reads for ever").expect("messages come");
        let info = message.info().expect("a message of a stream says where it stands");
        let (position, time, pending) = (Position(info.stream_sequence), info.published.unix_timestamp_nanos() / 1_000, info.pending);
        let mut headers = Headers::default();
        for (name, values) in message.headers.iter().flat_map(async_nats::HeaderMap::iter) {
            headers.set(name.as_ref(), values.first().map_or("", |value| value.as_str()));
        }
        entries.push(Entry {
            position,
            time: Timestamp::from_micros(i64::try_from(time).expect("it was stored in our days")),
            subject: message.subject.to_string(),
            id: headers.get("Nats-Msg-Id").map(str::to_owned),
            headers,
            body: message.payload.clone(),
        });
        if pending == 0 {
            return entries;
        }
    }
}
