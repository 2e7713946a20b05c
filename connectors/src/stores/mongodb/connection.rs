//! The way to the server.

use ::mongodb::bson::{Bson, doc};
use ::mongodb::options::{ClientOptions, Credential, ServerAddress, Tls as TlsSwitch, TlsOptions};
use ::mongodb::{Client, Database};
use floodmark_core::{Error, Result};

use super::config::Config;
use super::error::{Doing, is_authentication};

/// The wire version of MongoDB 6.0: <https://github.com/mongodb/specifications/blob/master/source/wireversion-featurelist>.
const WIRE_VERSION_MIN: i64 = 17;

/// Connects and logs in.
///
/// # Errors
/// `Unavailable` when no server answers; `Broken` when the settings cannot work or the server refuses the user.
pub(super) async fn connect(config: &Config) -> Result<Database> {
    if let Some(fault) = config.validate().into_iter().next() {
        return Err(fault.into());
    }
    let options = options(config).await?;
    let servers = servers(&options);
    let client = Client::with_options(options).map_err(|e| Error::broken("preparing the connection to MongoDB").because(e))?;
    let database = client.database(&config.database);
    match database.run_command(doc! { "listCollections": 1, "nameOnly": true, "authorizedCollections": true }).await {
        Ok(_) => Ok(database),
        Err(e) if is_authentication(&e) => {
            let user = config.user.as_deref().unwrap_or_default();
            let remedy = "check `user`, `password` and `auth_database`, the database in which the user was made";
            let text = format!("logging in to MongoDB at {servers} as {user:?} of database {:?}; {remedy}", config.auth_database);
            Err(Error::broken(text).because(e))
        }
        Err(e) => Err(e).doing(&format!("connecting to MongoDB at {servers}")),
    }
}

async fn options(config: &Config) -> Result<ClientOptions> {
    let mut options = ClientOptions::parse(&config.uri).await.doing("reading the setting `uri` of MongoDB")?;
    options.app_name = Some("floodmark".to_owned());
    options.max_pool_size = Some(config.pool_max);
    options.connect_timeout = Some(config.connect_timeout.0);
    options.server_selection_timeout = Some(config.connect_timeout.0);
    // Whoever writes repeats by itself, from a position it has read again.
    options.retry_writes = Some(false);
    if let Some(user) = &config.user {
        let password = config.password.as_ref().map(|secret| secret.read()).transpose()?;
        let mut credential = Credential::builder().username(user.clone()).source(config.auth_database.clone()).build();
        credential.password = password.map(|password| password.expose().to_owned());
        options.credential = Some(credential);
    }
    if let Some(tls) = &config.tls {
        for file in tls.ca.iter().chain(&tls.certificate_key) {
            std::fs::metadata(file).map_err(|e| Error::broken(format!("reading {} for TLS to MongoDB", file.display())).because(e))?;
        }
        let mut given = TlsOptions::default();
        given.ca_file_path = tls.ca.clone();
        given.cert_key_file_path = tls.certificate_key.clone();
        options.tls = Some(TlsSwitch::Enabled(given));
    }
    Ok(options)
}

fn servers(options: &ClientOptions) -> String {
    options.hosts.iter().map(ServerAddress::to_string).collect::<Vec<_>>().join(", ")
}

/// Checks that the server is of a version that works; gives it.
///
/// # Errors
/// `Broken` when it is too old.
pub(super) async fn check_version(database: &Database, config: &Config) -> Result<String> {
    let hello = database.run_command(doc! { "hello": 1 }).await.doing("asking MongoDB who it is")?;
    let wire = hello.get("maxWireVersion").and_then(number).unwrap_or(0);
    let build = database.run_command(doc! { "buildInfo": 1 }).await.doing("asking MongoDB for its version")?;
    let version = build.get_str("version").unwrap_or("unknown").to_owned();
    supported(wire, &version, &config.uri).map(|()| version)
}

fn supported(wire: i64, version: &str, uri: &str) -> Result<()> {
    if wire >= WIRE_VERSION_MIN {
        return Ok(());
    }
    Err(Error::broken(format!(
        "the server at {uri} is MongoDB {version}; Floodmark needs 6.0 or newer: upgrade it or name another in `uri`"
    )))
}

fn number(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_before_6_are_refused_with_their_version() {
        let text = supported(13, "5.0.31", "mongodb://h").unwrap_err().chain();
        assert_eq!(text, "the server at mongodb://h is MongoDB 5.0.31; Floodmark needs 6.0 or newer: upgrade it or name another in `uri`");
        for (wire, version) in [(17, "6.0.19"), (21, "7.0.2"), (25, "8.0.0")] {
            supported(wire, version, "mongodb://h").unwrap();
        }
    }
}
