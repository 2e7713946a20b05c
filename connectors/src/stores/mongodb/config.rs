//! The settings of the MongoDB store.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Fault, Secret, Span};

/// Keeps rollups in MongoDB 6 or newer. More in docs/guides/mongodb.md.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the servers are: `mongodb://host:port,..` or `mongodb+srv://name`, with options but without user and password.
    #[serde(default = "uri")]
    pub uri: String,
    /// The database. MongoDB makes it with the first rollup.
    #[serde(default = "database")]
    pub database: String,
    /// The collection of the rollups. The positions of the sinks stand in another with `_position` behind this name.
    #[serde(default = "collection")]
    pub collection: String,
    /// The collection of the scores. By default `scores`, or with another `collection` that name with `_scores` behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores_collection: Option<String>,
    /// Who connects; absent when the server asks for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where the password is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The database in which the user was made.
    #[serde(default = "auth_database")]
    pub auth_database: String,
    /// Protects the connection by TLS. An empty table trusts the usual authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Rollups whose window ended longer ago, and scores of older values, are deleted by the server. Without it they are kept for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Span>,
    /// The most connections at once to each server.
    #[serde(default = "pool_max")]
    pub pool_max: u32,
    /// How long connecting, or finding a server that takes writes, may take.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
    /// How long one write may take until a majority of the servers has it on disk.
    #[serde(default = "write_timeout")]
    pub write_timeout: Span,
}

/// How the connection is protected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates (PEM) that may sign the server's, in place of the usual authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The certificate to show to the server and its key, in one file (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_key: Option<PathBuf>,
}

fn uri() -> String {
    "mongodb://127.0.0.1:27017".to_owned()
}

fn database() -> String {
    "floodmark".to_owned()
}

fn collection() -> String {
    "rollups".to_owned()
}

fn auth_database() -> String {
    "admin".to_owned()
}

fn pool_max() -> u32 {
    8
}

fn connect_timeout() -> Span {
    Span::secs(10)
}

fn write_timeout() -> Span {
    Span::secs(30)
}

/// MongoDB keeps `expireAfterSeconds` in 32 bits.
const TTL_SECS_MAX: u64 = i32::MAX as u64;
/// The most bytes of a name of a database.
const DATABASE_BYTES_MAX: usize = 63;
/// What a database's name cannot hold on every platform: <https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions>.
const NOT_IN_DATABASES: &str = "/\\. \"$*<>:|?\0";

impl Default for Config {
    fn default() -> Self {
        Self {
            uri: uri(),
            database: database(),
            collection: collection(),
            scores_collection: None,
            user: None,
            password: None,
            auth_database: auth_database(),
            tls: None,
            ttl: None,
            pool_max: pool_max(),
            connect_timeout: connect_timeout(),
            write_timeout: write_timeout(),
        }
    }
}

impl Config {
    /// The collection of the scores.
    pub fn scores(&self) -> String {
        let beside = || if self.collection == collection() { "scores".to_owned() } else { format!("{}_scores", self.collection) };
        self.scores_collection.clone().unwrap_or_else(beside)
    }

    /// What cannot work. Reads no secret and connects to nothing.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.uri_fault().into_iter().collect();
        let names = [("database", &self.database), ("auth_database", &self.auth_database)];
        for (key, name) in names {
            if name.is_empty() || name.len() > DATABASE_BYTES_MAX || name.contains(|c| NOT_IN_DATABASES.contains(c)) {
                let what = format!("{name:?} cannot be the name of a database");
                faults.push(Fault::of(key, what, "write 1 to 63 letters, digits, - and _"));
            }
        }
        let collections = [("collection", Some(&self.collection)), ("scores_collection", self.scores_collection.as_ref())];
        for (key, name) in collections.into_iter().filter_map(|(key, name)| Some((key, name?))) {
            if name.is_empty() || name.starts_with("system.") || name.contains(['$', '\0']) {
                faults.push(Fault::of(key, format!("{name:?} cannot be the name of a collection"), "write letters, digits, - and _"));
            }
        }
        let positions = super::position::collection(&self.collection);
        if let Some(name) = self.scores_collection.as_ref().filter(|name| **name == self.collection || **name == positions) {
            faults.push(Fault::of(
                "scores_collection",
                format!("{name:?} holds something else already"),
                "give the scores one of their own",
            ));
        }
        match (&self.user, &self.password) {
            (Some(_), None) => faults.push(Fault::of("password", "a user has no password", "say where it is: { env = \"NAME\" }")),
            (None, Some(_)) => faults.push(Fault::of("user", "a password has no user", "name the user, or leave the password out")),
            _ => {}
        }
        let zero = [
            ("pool_max", self.pool_max == 0, "8"),
            ("connect_timeout", self.connect_timeout.0.is_zero(), "10s"),
            ("write_timeout", self.write_timeout.0.is_zero(), "30s"),
        ];
        for (key, _, usual) in zero.into_iter().filter(|(_, zero, _)| *zero) {
            faults.push(Fault::of(key, "nothing could be done", format!("write more than 0; {usual} is usual")));
        }
        if let Some(ttl) = self.ttl
            && (ttl.0.subsec_nanos() != 0 || ttl.0.is_zero() || ttl.0.as_secs() > TTL_SECS_MAX)
        {
            let what = format!("MongoDB cannot delete after {ttl}");
            faults.push(Fault::of("ttl", what, "write whole seconds, at most 24855d, or leave it out to keep rollups for ever"));
        }
        faults
    }

    /// What is wrong with the uri. It is not repeated: it may hold a password.
    fn uri_fault(&self) -> Option<Fault> {
        let fault = |what: &str, remedy: &str| Some(Fault::of("uri", what, remedy));
        let rest = self.uri.strip_prefix("mongodb://").or_else(|| self.uri.strip_prefix("mongodb+srv://"));
        let Some(rest) = rest else {
            return fault("it does not begin with mongodb:// or mongodb+srv://", "write it like mongodb://127.0.0.1:27017");
        };
        let (hosts, options) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
        if hosts.contains('@') {
            return fault("it holds a user or password", "take them out and set `user` and `password = { env = \"NAME\" }`");
        }
        if hosts.is_empty() {
            return fault("it names no server", "write it like mongodb://127.0.0.1:27017");
        }
        let options = options.trim_start_matches('?').rsplit('?').next().unwrap_or_default();
        for option in options.split('&') {
            let name = option.split('=').next().unwrap_or_default().to_ascii_lowercase();
            let setting = match name.as_str() {
                "tls" | "ssl" => "tls = {}",
                "tlscafile" => "tls = { ca = \"FILE\" }",
                "tlscertificatekeyfile" => "tls = { certificate_key = \"FILE\" }",
                "authsource" => "auth_database",
                "maxpoolsize" => "pool_max",
                "connecttimeoutms" | "serverselectiontimeoutms" => "connect_timeout",
                "w" | "j" | "journal" | "wtimeoutms" => "write_timeout: writes always wait for a majority",
                _ => continue,
            };
            return fault(&format!("its option {name} is a setting of its own"), &format!("take it out and use {setting}"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, faulty: &[&str]) {
        let config: Config = toml::from_str(toml).unwrap();
        let faults: Vec<String> = config.validate().into_iter().map(|fault| fault.path.join(".")).collect();
        assert_eq!(faults, faulty, "{toml}");
    }

    #[test]
    fn an_empty_table_is_a_server_on_this_machine() {
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
        check("", &[]);
    }

    #[test]
    fn settings_that_cannot_work_are_found_at_once() {
        check("uri = 'mongodb://a:1,b:2/?replicaSet=rs0'\nttl = '30d'\ntls = { ca = 'ca.pem' }", &[]);
        check("uri = 'mongodb+srv://cluster.example.com'\nuser = 'u'\npassword = { env = 'P' }", &[]);
        check("uri = 'http://a'", &["uri"]);
        check("uri = 'mongodb://'", &["uri"]);
        check("uri = 'mongodb://h/?tls=true'", &["uri"]);
        check("uri = 'mongodb://h?replicaSet=a&AuthSource=b'", &["uri"]);
        check("uri = 'mongodb://u:secret@h/'\ndatabase = 'a b'\ncollection = 'system.x'", &["uri", "database", "collection"]);
        check("user = 'u'", &["password"]);
        check("password = { env = 'P' }", &["user"]);
        check(
            "pool_max = 0\nconnect_timeout = '0s'\nwrite_timeout = '0s'\nttl = '1500ms'",
            &["pool_max", "connect_timeout", "write_timeout", "ttl"],
        );
        check("ttl = '25000d'", &["ttl"]);
    }

    #[test]
    fn a_password_in_the_uri_is_refused_and_not_repeated() {
        let config = Config { uri: "mongodb://u:secret@h".to_owned(), ..Config::default() };
        let text = config.validate()[0].to_string();
        assert_eq!(text, "`uri`: it holds a user or password (take them out and set `user` and `password = { env = \"NAME\" }`)");
    }
}
