//! What `floodmark check --connect` finds at a NATS server.

use floodmark_core::Kind;

use super::{Config, Connection};
use crate::findings::Finding;
use crate::settings::Size;

/// Looks at the server and the streams of `config`; changes nothing.
pub async fn check(config: &Config, partitions: u32) -> Vec<Finding> {
    let servers = config.servers.join(", ");
    let connection = match Connection::open(config).await {
        Ok(connection) => connection,
        Err(e) if e.kind() == Kind::Unavailable => {
            return vec![Finding::bad("reachable", e.chain(), "start the server, or correct `servers`")];
        }
        // Its text says what to do.
        Err(e) => return vec![Finding::bad("usable", e.chain(), "see docs/guides/jetstream.md")],
    };
    let version = connection.server_version();
    let mut findings = vec![Finding::good("reachable", servers), Finding::good("version", format!("nats-server {version} with JetStream"))];
    findings.extend(streams(&connection, partitions).await);
    findings
}

async fn streams(connection: &Connection, partitions: u32) -> Vec<Finding> {
    const REMEDY: &str = "run `floodmark streams apply`";
    let streams = match connection.list(partitions).await {
        Ok(streams) => streams,
        Err(e) => return vec![Finding::bad("streams", e.chain(), "allow this user the JetStream API (`$JS.API.>`)")],
    };
    if streams.is_empty() {
        return vec![Finding::good("streams", "none yet: `floodmark run` makes them")];
    }
    let mut findings = Vec::new();
    for stream in streams {
        let what = format!("stream {}", stream.name);
        for difference in stream.differences.iter().filter(|difference| !difference.safe) {
            findings.push(Finding::bad(&what, difference.to_string(), REMEDY));
        }
        let full = stream.bytes_max.is_some_and(|max| stream.bytes >= max / 10 * 9);
        let size = |bytes| Size(bytes).to_string();
        let room = stream.bytes_max.map_or_else(|| "no limit".to_owned(), size);
        let detail = format!("{} entries, {} of {room}, {} copies", stream.entries, size(stream.bytes), stream.replicas);
        findings.push(match full {
            true => Finding::bad(what, format!("nearly full: {detail}"), "raise `size_max`, or find the reader that holds retention back"),
            false => Finding::good(what, detail),
        });
    }
    findings
}
