//! The settings of the PostgreSQL store.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Fault, Secret, Span};

/// Keeps raw events, dead letters and the series in PostgreSQL 13 or newer. More in docs/guides/postgres.md.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server's name or address; a path that begins with `/` is the directory of its Unix socket.
    #[serde(default = "host")]
    pub host: String,
    /// The server's port.
    #[serde(default = "port")]
    pub port: u16,
    /// The database. It must exist and have the encoding UTF8.
    #[serde(default = "name")]
    pub database: String,
    /// Who connects.
    #[serde(default = "name")]
    pub user: String,
    /// Where the password is found; absent when the server asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The schema that holds the tables. It is made when it is not there.
    #[serde(default = "name")]
    pub schema: String,
    /// How the connection is protected. Without this: `disable` on this machine, `verify` on others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Certificates (PEM) that may sign the server's, in place of those that this machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The certificate (PEM) to show to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The key (PEM) of `certificate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// The most connections at once.
    #[serde(default = "pool_max")]
    pub pool_max: usize,
    /// How long connecting, or waiting for a free connection, may take.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
    /// How long the server may work on one statement.
    #[serde(default = "statement_timeout")]
    pub statement_timeout: Span,
    /// How much event time one partition of the raw events holds: whole hours or days.
    #[serde(default = "partition")]
    pub partition: Span,
    /// Raw events older than this are deleted, a whole partition at a time. Without it they are kept for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Span>,
    /// Chunks older than this are compressed. Only where the extension TimescaleDB keeps the raw events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compress_after: Option<Span>,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// Not at all.
    Disable,
    /// TLS when the server has it, without asking who it is.
    Prefer,
    /// TLS, without asking who the server is.
    Require,
    /// TLS with a certificate that is trusted and carries the name `host`.
    Verify,
}

fn host() -> String {
    "127.0.0.1".to_owned()
}

fn port() -> u16 {
    5432
}

fn name() -> String {
    "floodmark".to_owned()
}

fn pool_max() -> usize {
    8
}

fn connect_timeout() -> Span {
    Span::secs(10)
}

fn statement_timeout() -> Span {
    Span::secs(60)
}

fn partition() -> Span {
    Span::secs(86_400)
}

const HOUR: Duration = Duration::from_secs(3_600);
/// Wider partitions would delete nothing for too long.
const PARTITION_MAX: Duration = Duration::from_secs(366 * 86_400);
/// The most characters of a PostgreSQL identifier.
const IDENTIFIER_MAX: usize = 63;

impl Config {
    /// What cannot work. Reads no secret and connects to nothing.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (key, text) in [("host", &self.host), ("database", &self.database), ("user", &self.user)] {
            if text.is_empty() || text.contains('\0') {
                faults.push(Fault::of(key, "it is empty", "leave it out for the usual one, or name one"));
            }
        }
        let first = |c: char| c.is_ascii_lowercase() || c == '_';
        let plain = self.schema.starts_with(first) && self.schema.chars().all(|c| first(c) || c.is_ascii_digit());
        if !plain || self.schema.len() > IDENTIFIER_MAX || self.schema.starts_with("pg_") {
            let remedy = "write at most 63 small letters, digits and _, beginning with a letter and not with pg_";
            faults.push(Fault::of("schema", format!("{:?} is not a plain name", self.schema), remedy));
        }
        let zero = [
            ("pool_max", self.pool_max == 0, "8"),
            ("connect_timeout", self.connect_timeout.0.is_zero(), "10s"),
            ("statement_timeout", self.statement_timeout.0.is_zero(), "60s"),
        ];
        for (key, _, usual) in zero.into_iter().filter(|(_, zero, _)| *zero) {
            faults.push(Fault::of(key, "nothing could be done", format!("write more than 0; {usual} is usual")));
        }
        let width = self.partition.0;
        if width < HOUR || width > PARTITION_MAX || !width.as_nanos().is_multiple_of(HOUR.as_nanos()) {
            let what = format!("a partition of {} is not of whole hours", self.partition);
            faults.push(Fault::of("partition", what, "write whole hours or days from \"1h\" to \"366d\"; \"1d\" is usual"));
        }
        if self.retention.is_some_and(|retention| retention.0 < width) {
            faults.push(Fault::of(
                "retention",
                "it is shorter than a partition",
                "keep at least one partition, or make partitions smaller",
            ));
        }
        self.tls_faults(&mut faults);
        faults
    }

    fn tls_faults(&self, faults: &mut Vec<Fault>) {
        if self.certificate.is_some() != self.key.is_some() {
            let missing = if self.key.is_none() { "key" } else { "certificate" };
            faults.push(Fault::of(missing, "a certificate and its key belong together", "name both files, or neither"));
        }
        let (tls, files) = (self.tls(), [("ca", &self.ca), ("certificate", &self.certificate)]);
        for (key, _) in files.into_iter().filter(|(_, file)| file.is_some() && tls == Tls::Disable) {
            faults.push(Fault::of(key, "it is not used, because tls is \"disable\" here", "write tls = \"verify\""));
        }
        if self.ca.is_some() && matches!(tls, Tls::Prefer | Tls::Require) {
            faults.push(Fault::of(
                "ca",
                "it is not used: only tls = \"verify\" looks at the server's certificate",
                "write tls = \"verify\"",
            ));
        }
        if self.host.starts_with('/') && matches!(tls, Tls::Require | Tls::Verify) {
            faults.push(Fault::of("tls", "there is no TLS over a Unix socket", "leave it out"));
        }
    }

    /// How the connection is protected when all is said.
    pub fn tls(&self) -> Tls {
        let local = self.host.starts_with('/')
            || self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.tls.unwrap_or(if local { Tls::Disable } else { Tls::Verify })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: host(),
            port: port(),
            database: name(),
            user: name(),
            password: None,
            schema: name(),
            tls: None,
            ca: None,
            certificate: None,
            key: None,
            pool_max: pool_max(),
            connect_timeout: connect_timeout(),
            statement_timeout: statement_timeout(),
            partition: partition(),
            retention: None,
            compress_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, faulty: &[&str]) {
        let config: Config = toml::from_str(toml).unwrap();
        let keys: Vec<String> = config.validate().iter().map(|fault| fault.path.join(".")).collect();
        assert_eq!(keys, faulty, "{toml}");
    }

    #[test]
    fn settings_that_cannot_work_are_found() {
        check("", &[]);
        check("partition = \"6h\"\nretention = \"30d\"", &[]);
        check("schema = \"Raw; DROP\"", &["schema"]);
        check("schema = \"pg_mine\"", &["schema"]);
        check("user = \"\"\npool_max = 0", &["user", "pool_max"]);
        check("partition = \"90m\"", &["partition"]);
        check("partition = \"400d\"", &["partition"]);
        check("retention = \"1h\"", &["retention"]);
        check("certificate = \"c.pem\"\ntls = \"verify\"", &["key"]);
        check("ca = \"ca.pem\"", &["ca"]);
        check("ca = \"ca.pem\"\nhost = \"db.example\"", &[]);
        check("ca = \"ca.pem\"\nhost = \"db.example\"\ntls = \"require\"", &["ca"]);
        check("host = \"/run/postgresql\"\ntls = \"verify\"", &["tls"]);
    }

    #[test]
    fn other_machines_are_verified_unless_said_otherwise() {
        for (host, expected) in
            [("127.0.0.1", Tls::Disable), ("::1", Tls::Disable), ("/run/pg", Tls::Disable), ("10.0.0.1", Tls::Verify), ("db", Tls::Verify)]
        {
            assert_eq!(Config { host: host.to_owned(), ..Config::default() }.tls(), expected, "{host}");
        }
    }
}
