//! What `floodmark check --connect` says about MongoDB.

use ::mongodb::Database;
use ::mongodb::bson::{Document, doc};
use floodmark_core::Result;

use super::config::Config;
use super::error::Doing;
use super::indexes::Difference;
use super::{connection, indexes, position};

/// The document by which writing is tried.
const TRIAL: &str = "floodmark check";

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// How it is.
    pub verdict: Verdict,
}

/// How something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good; says what was found.
    Fine(String),
    /// Not good.
    Problem {
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

fn fine(what: &str, found: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), verdict: Verdict::Fine(found.into()) }
}

fn problem(what: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { what: what.to_owned(), verdict: Verdict::Problem { problem: problem.into(), remedy: remedy.into() } }
}

pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let faults = config.validate();
    if !faults.is_empty() {
        return faults
            .into_iter()
            .map(|fault| problem("settings", format!("{}: {}", fault.path.join("."), fault.what), fault.remedy))
            .collect();
    }
    let database = match connection::connect(config).await {
        Ok(database) => database,
        Err(e) => {
            let remedy = "start the server, or correct `uri`, `tls`, `user` and `password`";
            return vec![problem("server", e.chain(), remedy)];
        }
    };
    let mut findings = vec![fine("server", format!("{} answers", config.uri))];
    match connection::check_version(&database, config).await {
        Ok(version) => findings.push(fine("version", version)),
        Err(e) => {
            findings.push(problem("version", e.chain(), "upgrade the server to MongoDB 6.0 or newer"));
            return findings;
        }
    }
    findings.push(fine("TLS", if config.tls.is_some() { "the connection is encrypted" } else { "not asked for" }));
    findings.push(match try_to_write(&database, config).await {
        Ok(()) => fine("writing", format!("allowed in database {}", config.database)),
        Err(e) => {
            let remedy = format!("give the user the role readWrite on database {}", config.database);
            problem("writing", e.chain(), remedy)
        }
    });
    findings.extend(of_indexes(&database, config).await);
    findings
}

/// Writes a document beside the positions and takes it away again.
async fn try_to_write(database: &Database, config: &Config) -> Result<()> {
    let positions = database.collection::<Document>(&position::collection(&config.collection));
    let trial = doc! { "_id": TRIAL };
    positions.replace_one(trial.clone(), trial.clone()).upsert(true).await.doing("trying to write to MongoDB")?;
    positions.delete_one(trial).await.doing("trying to delete from MongoDB").map(|_| ())
}

async fn of_indexes(database: &Database, config: &Config) -> Vec<Finding> {
    let differences = match indexes::differences(database, config).await {
        Ok(differences) => differences,
        Err(e) => return vec![problem("indexes", e.chain(), "give the user the role readWrite on the database")],
    };
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    let mut expiry_changes = false;
    for difference in &differences {
        match difference {
            Difference::Missing(name) => missing.push(name.as_str()),
            Difference::Expiry => expiry_changes = true,
            Difference::Other(found) => {
                let name = found.split(' ').next().unwrap_or_default();
                let remedy = format!("run db.{}.dropIndex({name:?}); `floodmark run` makes the right one", config.collection);
                findings.push(problem("indexes", format!("{found} is another index"), remedy));
            }
        }
    }
    if findings.is_empty() {
        let made = if missing.is_empty() { "all there".to_owned() } else { format!("`floodmark run` makes {}", missing.join(", ")) };
        findings.push(fine("indexes", made));
    }
    let kept = match (config.ttl, expiry_changes) {
        (None, false) => "rollups are kept for ever".to_owned(),
        (None, true) => "rollups will be kept for ever after `floodmark run`, which ends their deletion".to_owned(),
        (Some(ttl), false) => format!("rollups are deleted {ttl} after the end of their window"),
        (Some(ttl), true) => format!("`floodmark run` changes the deletion of rollups to {ttl} after the end of their window"),
    };
    findings.push(fine("retention", kept));
    findings
}
