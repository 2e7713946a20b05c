//! What an error of PostgreSQL means for the caller.

use deadpool_postgres::PoolError;
use floodmark_core::{Error, Kind, Result};
use tokio_postgres::error::{DbError, SqlState};

use super::Config;

/// Gives an error of PostgreSQL its place and its kind.
pub(super) trait Doing<T> {
    /// Says what was being done.
    fn doing(self, doing: &str) -> Result<T>;
}

impl<T> Doing<T> for Result<T, tokio_postgres::Error> {
    fn doing(self, doing: &str) -> Result<T> {
        self.map_err(|e| {
            let kind = e.as_db_error().map_or(Kind::Unavailable, kind);
            Error::new(kind, doing).because(cause(e))
        })
    }
}

/// The classes of <https://www.postgresql.org/docs/current/errcodes-appendix.html>. What is not known stops.
fn kind(e: &DbError) -> Kind {
    let code = e.code().code();
    match (&code[..2], code) {
        // The session's own timeout, a lock, a server that is read-only because it is a standby.
        (_, "57014" | "55P03" | "25006" | "57P01" | "57P02" | "57P03" | "57P05") => Kind::Unavailable,
        // Connection, resources, transactions that met, disks.
        ("08" | "53" | "40" | "58", _) => Kind::Unavailable,
        // Data, constraints, limits, what a trigger says: this row will never be taken.
        ("22" | "23" | "54", _) | (_, "P0001") => Kind::Rejected,
        _ => Kind::Broken,
    }
}

/// What the server said with its detail and hint: the library's own text says only that there was an error.
fn cause(e: tokio_postgres::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match e.as_db_error() {
        Some(said) => text(said).into(),
        None => Box::new(e),
    }
}

fn text(e: &DbError) -> String {
    let mut text = format!("{} ({})", e.message(), e.code().code());
    for more in [e.detail(), e.hint()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(more);
    }
    text
}

/// The error of a connection that did not come about, with what to do.
pub(super) fn connecting(e: PoolError, config: &Config) -> Error {
    let Config { host, port, database, user, .. } = config;
    let doing = format!("connecting to PostgreSQL at {host}:{port} as {user:?}, database {database:?}");
    let e = match e {
        PoolError::Backend(e) => e,
        other => return Error::unavailable(doing).because(other),
    };
    let Some(said) = e.as_db_error() else {
        return if e.to_string().contains("TLS") {
            let remedy = "the server must offer TLS with a certificate that is trusted: set ca, or another tls";
            Error::broken(format!("{doing}: {remedy}")).because(e)
        } else if e.source_text().contains("password missing") {
            Error::broken(format!("{doing}: the server asks for a password: set password")).because(e)
        } else {
            Error::unavailable(doing).because(e)
        };
    };
    let role = format!("CREATE ROLE {} LOGIN PASSWORD '...'", quoted(user));
    let remedy = match *said.code() {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            format!("check user and password, the server's pg_hba.conf, or make the role: {role}")
        }
        SqlState::INVALID_CATALOG_NAME => {
            format!("make the database: CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0", quoted(database), quoted(user))
        }
        SqlState::INSUFFICIENT_PRIVILEGE => format!("let the role in: GRANT CONNECT ON DATABASE {} TO {}", quoted(database), quoted(user)),
        _ => return Error::new(kind(said), doing).because(text(said)),
    };
    Error::broken(format!("{doing}: {remedy}")).because(text(said))
}

trait SourceText {
    fn source_text(&self) -> String;
}

impl SourceText for tokio_postgres::Error {
    fn source_text(&self) -> String {
        std::error::Error::source(self).map(ToString::to_string).unwrap_or_default()
    }
}

/// An identifier as it stands in SQL.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
