//! The configuration of a log on NATS JetStream.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Fault, Secret, Size, Span};

/// A log on a NATS server with JetStream, 2.12.12 or newer. Several processes may use it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The servers, as `"nats://host:port"` or `"tls://host:port"`; others of their cluster are found by themselves.
    pub servers: Vec<String>,
    /// What names of streams and subjects begin with. Installations that share an account need one each.
    pub prefix: String,
    /// On how many servers each stream is kept: 1, 3 or 5.
    pub replicas: u8,
    /// Where the server keeps the streams. What is in memory is gone when the server stops.
    pub storage: Storage,
    /// How long entries are kept.
    pub retention_age: Span,
    /// How much space each of the two streams may take; the oldest entries go first, but none that is still needed.
    pub retention_size: Size,
    /// The size at which a stream takes no more entries and sources wait. A quarter more than `retention_size` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_max: Option<Size>,
    /// For how long a repeated entry is recognised by its id.
    pub duplicate_window: Span,
    /// The user, with `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password of `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A token instead of a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// The seed of an NKey instead of a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nkey: Option<Secret>,
    /// A file with a JWT and its seed (`.creds`) instead of a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
    /// How connections are encrypted. With it, a server that does not encrypt is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// How long the work of a process that has died or hangs stays undone, before another process takes it over.
    pub lease: Span,
    /// How long one attempt to connect may take.
    pub connect_timeout: Span,
    /// How long an answer of the server may take.
    pub request_timeout: Span,
}

/// Where streams are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// In files.
    File,
    /// In memory.
    Memory,
}

/// How connections are encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// A PEM file with the authorities that may have signed the server's certificate; those of the system by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// A PEM file with the certificate that is shown to the server; with `key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// A PEM file with the private key of `certificate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Whether encryption starts before the server's greeting: its `handshake_first`.
    pub first: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".to_owned()],
            prefix: "floodmark".to_owned(),
            replicas: 1,
            storage: Storage::File,
            retention_age: Span::secs(7 * 86_400),
            retention_size: Size(10 << 30),
            size_max: None,
            duplicate_window: Span::secs(120),
            user: None,
            password: None,
            token: None,
            nkey: None,
            credentials: None,
            tls: None,
            lease: Span::secs(10),
            connect_timeout: Span::secs(5),
            request_timeout: Span::secs(5),
        }
    }
}

impl Config {
    /// The size at which a stream takes no more.
    pub fn size_max(&self) -> Size {
        self.size_max.unwrap_or(Size(self.retention_size.0.saturating_add(self.retention_size.0 / 4)))
    }

    /// What cannot work. Reads no secret and no file.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = self.faults_of_servers();
        if self.prefix.is_empty() || self.prefix.len() > 32 || !self.prefix.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            let what = format!("{:?} cannot begin the names of streams", self.prefix);
            faults.push(Fault::of("prefix", what, "use 1 to 32 of a-z, 0-9 and '-'"));
        }
        if ![1, 3, 5].contains(&self.replicas) {
            let what = format!("{} copies have no majority that tells which is right", self.replicas);
            faults.push(Fault::of("replicas", what, "write 1, 3 or 5"));
        }
        faults.extend(self.faults_of_limits());
        faults.extend(self.faults_of_identity());
        if let Some(tls) = &self.tls
            && tls.certificate.is_some() != tls.key.is_some()
        {
            let (there, missing) = if tls.key.is_some() { ("key", "certificate") } else { ("certificate", "key") };
            faults.push(Fault::of("tls", format!("`{there}` is there without `{missing}`"), format!("set `{missing}` too")).key(there));
        }
        if self.lease < Span::secs(1) || self.lease > Span::secs(600) {
            let what = format!("a lease of {} does not work", self.lease);
            faults.push(Fault::of("lease", what, "write 1s to 10m, for example \"10s\""));
        }
        for (key, span) in [("connect_timeout", self.connect_timeout), ("request_timeout", self.request_timeout)] {
            if span.0.is_zero() {
                faults.push(Fault::of(key, "nothing could be answered in time", "write for example \"5s\""));
            }
        }
        faults
    }

    fn faults_of_servers(&self) -> Vec<Fault> {
        const EXAMPLE: &str = "write for example \"nats://127.0.0.1:4222\"";
        if self.servers.is_empty() {
            return vec![Fault::of("servers", "there is no server to connect to", EXAMPLE)];
        }
        let fault = |(i, server): (usize, &String)| {
            let (what, remedy) = match url::Url::parse(server) {
                // The address itself is not repeated: it holds a secret.
                Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                    ("a name or a secret does not stand in an address".to_owned(), "use `user` and `password`, or `token`")
                }
                Ok(url) if ["nats", "tls"].contains(&url.scheme()) && url.has_host() && ["", "/"].contains(&url.path()) => return None,
                _ => (format!("{server:?} is not the address of a NATS server"), EXAMPLE),
            };
            Some(Fault::of("servers", what, remedy).entry(i))
        };
        self.servers.iter().enumerate().filter_map(fault).collect()
    }

    fn faults_of_limits(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.retention_age.0.is_zero() {
            faults.push(Fault::of("retention_age", "nothing would be kept", "write for example \"7d\""));
        } else if self.duplicate_window > self.retention_age {
            let what =
                format!("duplicates cannot be recognised for {} when entries are kept for {}", self.duplicate_window, self.retention_age);
            faults.push(Fault::of("duplicate_window", what, "make it at most `retention_age`"));
        }
        if self.duplicate_window < Span::millis(100) {
            let what = "what is repeated because an answer was lost would be stored twice";
            faults.push(Fault::of("duplicate_window", what, "write for example \"2m\""));
        }
        if self.retention_size < Size(1 << 20) {
            faults.push(Fault::of("retention_size", format!("{} is too little for a log", self.retention_size), "give it 1MiB or more"));
        } else if self.size_max() < self.retention_size {
            let what = format!("{} is less than `retention_size`, {}", self.size_max(), self.retention_size);
            faults.push(Fault::of("size_max", what, "make it a quarter more than `retention_size`"));
        } else if i64::try_from(self.size_max().0).is_err() {
            faults.push(Fault::of(
                "size_max",
                format!("{} is more than a stream can have", self.size_max()),
                "write for example \"12GiB\"",
            ));
        }
        faults
    }

    fn faults_of_identity(&self) -> Vec<Fault> {
        let ways = [
            ("user", self.user.is_some() || self.password.is_some()),
            ("token", self.token.is_some()),
            ("nkey", self.nkey.is_some()),
            ("credentials", self.credentials.is_some()),
        ];
        let used: Vec<&str> = ways.into_iter().filter_map(|(key, used)| used.then_some(key)).collect();
        if let [first, second, ..] = used[..] {
            return vec![Fault::of(second, format!("`{first}` already says who connects"), "keep one of them")];
        }
        match (&self.user, &self.password) {
            (Some(_), None) => vec![Fault::of("user", "its password is missing", "set `password`")],
            (None, Some(_)) => vec![Fault::of("password", "it belongs to nobody", "set `user`")],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &[&str]) {
        let config: Config = serde_json::from_str(json).unwrap();
        let found: Vec<String> = config.validate().iter().map(Fault::to_string).collect();
        assert_eq!(found, expected, "{json}");
    }

    #[test]
    fn what_can_work_is_accepted() {
        check("{}", &[]);
        check(r#"{"servers":["nats://a:4222","tls://b.example:4222","nats://[::1]:4222"],"replicas":3,"prefix":"plant-2"}"#, &[]);
        check(r#"{"user":"u","password":{"env":"P"}}"#, &[]);
        check(r#"{"tls":{"ca":"ca.pem","certificate":"c.pem","key":"k.pem","first":true},"nkey":{"file":"seed"}}"#, &[]);
        let config: Config = serde_json::from_str(r#"{"retention_size":"8MiB"}"#).unwrap();
        assert_eq!(config.size_max(), Size(10 << 20));
    }

    #[test]
    fn each_error_names_the_setting_and_the_remedy() {
        check(r#"{"servers":[]}"#, &[r#"`servers`: there is no server to connect to (write for example "nats://127.0.0.1:4222")"#]);
        check(
            r#"{"servers":["nats://h:1","http://h","h:4222","nats://h/x"]}"#,
            &[
                r#"`servers.1`: "http://h" is not the address of a NATS server (write for example "nats://127.0.0.1:4222")"#,
                r#"`servers.2`: "h:4222" is not the address of a NATS server (write for example "nats://127.0.0.1:4222")"#,
                r#"`servers.3`: "nats://h/x" is not the address of a NATS server (write for example "nats://127.0.0.1:4222")"#,
            ],
        );
        check(
            r#"{"prefix":"a.b","replicas":2}"#,
            &[
                r#"`prefix`: "a.b" cannot begin the names of streams (use 1 to 32 of a-z, 0-9 and '-')"#,
                "`replicas`: 2 copies have no majority that tells which is right (write 1, 3 or 5)",
            ],
        );
        check(
            r#"{"retention_age":"1m","duplicate_window":"2m","retention_size":"10MiB","size_max":"9MiB"}"#,
            &[
                "`duplicate_window`: duplicates cannot be recognised for 2m when entries are kept for 1m (make it at most `retention_age`)",
                "`size_max`: 9MiB is less than `retention_size`, 10MiB (make it a quarter more than `retention_size`)",
            ],
        );
        check(
            r#"{"duplicate_window":"0s","request_timeout":"0s","tls":{"key":"k"}}"#,
            &[
                r#"`duplicate_window`: what is repeated because an answer was lost would be stored twice (write for example "2m")"#,
                "`tls.key`: `key` is there without `certificate` (set `certificate` too)",
                r#"`request_timeout`: nothing could be answered in time (write for example "5s")"#,
            ],
        );
        check(r#"{"token":{"env":"T"},"nkey":{"env":"N"}}"#, &["`nkey`: `token` already says who connects (keep one of them)"]);
        check(r#"{"user":"u"}"#, &["`user`: its password is missing (set `password`)"]);
        check(r#"{"password":{"env":"P"}}"#, &["`password`: it belongs to nobody (set `user`)"]);
    }

    #[test]
    fn a_secret_in_an_address_is_refused_and_not_repeated() {
        for server in ["nats://user:hunter2@h:4222", "nats://hunter2@h:4222"] {
            check(
                &format!(r#"{{"servers":["{server}"]}}"#),
                &["`servers.0`: a name or a secret does not stand in an address (use `user` and `password`, or `token`)"],
            );
        }
    }
}
