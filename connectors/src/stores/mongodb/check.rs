//! What `floodmark check --connect` says about MongoDB.

use ::mongodb::Database;
use ::mongodb::bson::{Document, doc};
use floodmark_core::Result;

use super::config::Config;
use super::error::Doing;
use super::indexes::Difference;
use super::{connection, indexes, position};
use crate::findings::Finding;

/// The document by which writing is tried.
const TRIAL: &str = "floodmark check";

pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let faults = config.validate();
    if !faults.is_empty() {
        return faults
            .into_iter()
            .map(|fault| Finding::bad("settings", format!("{}: {}", fault.path.join("."), fault.what), fault.remedy))
            .collect();
    }
    let database = match connection::connect(config).await {
        Ok(database) => database,
        Err(e) => {
            let remedy = "start the server, or correct `uri`, `tls`, `user` and `password`";
            return vec![Finding::bad("server", e.chain(), remedy)];
        }
    };
    let mut findings = vec![Finding::good("server", format!("{} answers", config.uri))];
    match connection::check_version(&database, config).await {
        Ok(version) => findings.push(Finding::good("version", version)),
        Err(e) => {
            findings.push(Finding::bad("version", e.chain(), "upgrade the server to MongoDB 6.0 or newer"));
            return findings;
        }
    }
    findings.push(Finding::good("TLS", if config.tls.is_some() { "the connection is encrypted" } else { "not asked for" }));
    findings.push(match try_to_write(&database, config).await {
        Ok(()) => Finding::good("writing", format!("allowed in database {}", config.database)),
        Err(e) => {
            let remedy = format!("give the user the role readWrite on database {}", config.database);
            Finding::bad("writing", e.chain(), remedy)
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
        Err(e) => return vec![Finding::bad("indexes", e.chain(), "give the user the role readWrite on the database")],
    };
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    let mut expiry_changes = false;
    for (collection, difference) in differences.iter().flat_map(|(collection, all)| all.iter().map(move |one| (collection, one))) {
        match difference {
            Difference::Missing(name) => missing.push(format!("{collection}.{name}")),
            Difference::Expiry => expiry_changes = true,
            Difference::Other(found) => {
                let name = found.split(' ').next().unwrap_or_default();
                let remedy = format!("run db.{collection}.dropIndex({name:?}); `floodmark run` makes the right one");
                findings.push(Finding::bad("indexes", format!("{found} of {collection} is another index"), remedy));
            }
        }
    }
    if findings.is_empty() {
        let made = if missing.is_empty() { "all there".to_owned() } else { format!("`floodmark run` makes {}", missing.join(", ")) };
        findings.push(Finding::good("indexes", made));
    }
    let kept = match (config.ttl, expiry_changes) {
        (None, false) => "rollups and scores are kept for ever".to_owned(),
        (None, true) => "rollups and scores will be kept for ever after `floodmark run`, which ends their deletion".to_owned(),
        (Some(ttl), false) => format!("rollups are deleted {ttl} after the end of their window, scores {ttl} after their time"),
        (Some(ttl), true) => format!("`floodmark run` changes the deletion of rollups and scores to {ttl} after their time"),
    };
    findings.push(Finding::good("retention", kept));
    findings
}
