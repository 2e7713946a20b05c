//! Where each unit of work stands: for people who ask what runs where, and how far it is.

use std::collections::BTreeMap;

use floodmark_core::Result;
use floodmark_core::ports::{Log, Position};
use floodmark_schemas::{Definition, JobEntry, Timestamp, subject};
use futures_util::future::try_join_all;
use serde::Serialize;

use super::{JobPlan, Pipeline, SinkPlan, SourcePlan, unit};
use crate::desk::AlertPlan;
use crate::sink_runner::Reads;

/// One unit as seen now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its name, as of its lease: `job.<operator>.<partition>`, `sink.<id>`, `alerts`, `source.<id>` or `source.<id>.<shard>`,
    /// `ticker.<place>`, `retention`.
    pub unit: String,
    /// The member that runs it; absent when nobody does, or there is only one process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Jobs: up to where what they read is committed. Sinks and alerts: the position in the store. Sources: their newest frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Where the log that it reads or writes ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<u64>,
    /// Jobs, sinks and alerts: how many entries it still has to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// Jobs: log time of the newest commit. Sinks, alerts and sources: log time of the entry at the position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Jobs: whether the results of its definition are still computed anew, beside those that count.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rebuilding: bool,
}

impl Pipeline {
    /// Where each unit stands, sources first, then jobs, sinks, alerts, ticks and retention. Only asks; nothing runs by it.
    ///
    /// # Errors
    /// `Unavailable`; `Broken` when an entry of a job cannot be read.
    pub async fn standings(&self) -> Result<Vec<Standing>> {
        let mut owners = self.leases.view().await?.owners;
        let (events, outputs) = (&*self.logs.events, &*self.logs.outputs);
        let tails = [events.continuity().await?.tail, outputs.continuity().await?.tail];
        let mut all = Vec::new();
        for plan in &self.sources {
            all.push(self.source(plan, &mut owners, tails[0]).await?);
        }
        for plan in &self.jobs {
            let tail = match plan.input.reads() {
                Reads::Events => tails[0],
                Reads::Outputs => tails[1],
            };
            for partition in 0..plan.input.jobs(self.partitions) {
                all.push(self.job(plan, partition, &mut owners, tail).await?);
            }
        }
        for plan in &self.sinks {
            let (log, tail) = match plan.reads {
                Reads::Events => (events, tails[0]),
                Reads::Outputs => (outputs, tails[1]),
            };
            all.push(sink(plan, log, &mut owners, tail).await?);
        }
        if let Some(plan) = &self.alerts {
            all.push(alerts(plan, outputs, &mut owners, tails[1]).await?);
        }
        // What is left are ticks, retention, and what another configuration runs.
        all.extend(owners.into_iter().map(|(unit, owner)| Standing { unit, owner: Some(owner), ..Standing::default() }));
        Ok(all)
    }

    async fn source(&self, plan: &SourcePlan, owners: &mut BTreeMap<String, String>, tail: Position) -> Result<Standing> {
        let writer = plan.spec.writer();
        // At once: many shards in many partitions would take long one after the other.
        let subjects: Vec<String> = (0..self.partitions).map(|partition| subject::events(partition, &writer)).collect();
        let entries = try_join_all(subjects.iter().map(|subject| self.logs.events.last(subject))).await?;
        let newest = entries.into_iter().flatten().map(|entry| (entry.position.0, entry.time)).max();
        let unit = unit::source(&writer);
        let owner = owners.remove(&unit);
        let (position, time) = newest.unzip();
        Ok(Standing { unit, owner, position, tail: Some(tail.0), time, ..Standing::default() })
    }

    async fn job(&self, plan: &JobPlan, partition: u32, owners: &mut BTreeMap<String, String>, tail: Position) -> Result<Standing> {
        let newest = self.logs.outputs.last(&subject::outputs(&plan.operator, partition)).await?;
        let read = |body: &[u8]| {
            let doing = || format!("reading an entry of job {}/{partition}", plan.operator);
            serde_json::from_slice::<JobEntry>(body).map_err(|e| floodmark_core::Error::broken(doing()).because(e))
        };
        let definition = newest.as_ref().and_then(|entry| Definition::of(&entry.headers));
        let rebuilding = definition.is_some_and(|definition| definition.rebuilding);
        let committed = match newest {
            None => None,
            Some(entry) => match read(&entry.body)? {
                JobEntry::Commit(commit) => Some((commit.in_position, entry.time)),
                JobEntry::Claim(claim) => match self.logs.outputs.get(Position(claim.commit)).await? {
                    Some(entry) => match read(&entry.body)? {
                        JobEntry::Commit(commit) => Some((commit.in_position, entry.time)),
                        JobEntry::Claim(_) => None,
                    },
                    None => None,
                },
            },
        };
        let (position, time) = committed.unzip();
        let (log, patterns) = (plan.input.log(&self.logs), plan.input.patterns(partition));
        let lag = log.pending(&patterns, Position(position.unwrap_or(0))).await?;
        let unit = unit::job(&plan.operator, partition);
        let owner = owners.remove(&unit);
        Ok(Standing { unit, owner, position, tail: Some(tail.0), lag: Some(lag), time, rebuilding })
    }
}

async fn sink(plan: &SinkPlan, log: &dyn Log, owners: &mut BTreeMap<String, String>, tail: Position) -> Result<Standing> {
    reader(unit::sink(&plan.id), &plan.patterns, plan.sink.position().await?, log, owners, tail).await
}

async fn alerts(plan: &AlertPlan, log: &dyn Log, owners: &mut BTreeMap<String, String>, tail: Position) -> Result<Standing> {
    reader(unit::ALERTS.to_owned(), &plan.patterns(), plan.store.standing().await?.position, log, owners, tail).await
}

/// One that takes these entries of a log and has come to a position.
async fn reader(
    unit: String,
    patterns: &[String],
    position: Position,
    log: &dyn Log,
    owners: &mut BTreeMap<String, String>,
    tail: Position,
) -> Result<Standing> {
    let lag = log.pending(patterns, position).await?;
    let time = log.get(position).await?.map(|entry| entry.time);
    let owner = owners.remove(&unit);
    Ok(Standing { unit, owner, position: Some(position.0), tail: Some(tail.0), lag: Some(lag), time, rebuilding: false })
}
