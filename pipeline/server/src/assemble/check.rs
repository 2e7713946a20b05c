//! Whether the servers and receivers of a configuration are there and usable: one `match` arm for each kind.

use floodmark_connectors::findings::Finding;
use floodmark_connectors::logs::jetstream;
use floodmark_connectors::stores::{mongodb, postgres};

use super::receivers;
use crate::config::{Config, LogKind, SinkKind};

/// What was found of the component with this name.
pub type Found = (String, Vec<Finding>);

/// Looks at every server and receiver that the configuration names; changes and sends nothing.
pub async fn check(config: &Config) -> Vec<Found> {
    let mut found = Vec::new();
    match &config.log {
        LogKind::Embedded(_) => {}
        LogKind::Jetstream(settings) => found.push(("log".to_owned(), jetstream::check(settings, config.partitions.get()).await)),
    }
    for (id, sink) in &config.sinks {
        let findings = match &sink.kind {
            SinkKind::Embedded(_) => continue,
            SinkKind::Mongodb(settings) => mongodb::Store::check(settings).await,
            SinkKind::Postgres(settings) => postgres::Store::check(settings).await,
        };
        found.push((format!("sinks.{id}"), findings));
    }
    for (id, receiver) in &config.receivers {
        found.push((format!("receivers.{id}"), vec![receivers::look(id, &receiver.kind, &config.log).await]));
    }
    found
}
