//! The steps in their order.

use std::sync::Arc;
use std::time::Instant;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::jetstream::{Connection, Spec};
use floodmark_core::ports::{Clock, Log};
use floodmark_core::{Error, Result};
use floodmark_engine::SinkPlan;
use floodmark_schemas::Timestamp;

use super::copy::{Copied, copy};
use super::fill::fill;
use super::source::{Source, both};
use super::summary::{Differences, OfLog, Summary, seconds};
use super::target::Found;
use super::verify::verify;
use super::{agree, compare, letters, older, source, target};
use crate::assemble::logs::{self, OpenLogs};
use crate::assemble::stores::{self, OpenStores};
use crate::cli::{Failure, notice};
use crate::config::{Config, SinkKind};
use crate::data_dir::DataDir;

/// What is to be done.
pub struct Migration {
    /// The configuration whose log is in a data directory.
    pub from: Config,
    /// The configuration that names the servers.
    pub to: Config,
    /// Whether to go on with a migration that was interrupted.
    pub resume: bool,
}

/// Copies logs and stores, and compares them. May be dropped at any await; a later run goes on by `resume`.
///
/// # Errors
/// When the configurations do not fit each other, the source is in use, the target is not usable or not empty, or a server
/// does not answer. What differs is no error but stands in the summary.
pub async fn migrate(Migration { from, to, resume }: Migration) -> Result<Summary, Failure> {
    let began = Instant::now();
    let settings = agree::agree(&from, &to)?;
    let mut summary = Summary { warnings: agree::warnings(&from, &to)?, ..Summary::default() };
    summary.warnings.iter().for_each(|warning| notice(&format!("floodmark: {warning}\n")));
    let source = source::open(&from).await?;
    target::usable(&to).await?;
    let partitions = to.partitions.get();
    let connection = Connection::open(settings).await?;
    let found = target::found(&connection, partitions).await?;
    target::vacant(&connection, found, resume)?;
    for ((name, log), found) in both(&source.logs).into_iter().zip(found) {
        let one = one_log(name, &**log, &connection, partitions, found, &mut summary.differences).await;
        summary.logs.push(one.map_err(interrupted)?);
    }
    // Stores that are filled from wrong logs would be wrong.
    if summary.differences.count == 0 {
        stores_of(&source, &to, resume, &mut summary).await.map_err(interrupted)?;
    }
    summary.ok = summary.differences.count == 0;
    summary.seconds = seconds(began.elapsed());
    Ok(summary)
}

fn interrupted(e: Error) -> Failure {
    Failure::from(e).remedy("when that is solved, run it again with --resume: it goes on where it is")
}

async fn one_log(
    name: &str,
    log: &dyn Log,
    connection: &Connection,
    partitions: u32,
    found: Found,
    differences: &mut Differences,
) -> Result<OfLog> {
    let spec = if name == "events" { Spec::events() } else { Spec::outputs() };
    let copied = match found {
        Found::Whole => Copied::default(),
        Found::Nothing | Found::Part => copy(name, log, connection, &spec, partitions).await?,
    };
    let (stream, held) = (connection.log(&spec), log.continuity().await?);
    let compared = verify(name, log, &*stream, differences).await?;
    Ok(OfLog {
        log: name.to_owned(),
        stream: stream.stream().to_owned(),
        first: held.first.0,
        tail: held.tail.0,
        copied: copied.entries,
        bytes: copied.bytes,
        resumed_after: copied.resumed_after.map(|position| position.0),
        compared: compared.entries,
        copy_seconds: seconds(copied.took),
        compare_seconds: seconds(compared.took),
    })
}

/// Fills the target's stores and compares them with the old ones.
async fn stores_of(source: &Source, to: &Config, resume: bool, summary: &mut Summary) -> Result<()> {
    let data = DataDir::new(&to.data_dir);
    data.prepare(to.partitions.get())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let OpenLogs { logs, events, scan, leases } = logs::open(to, &data, &clock).await?;
    let open = OpenLogs { logs: logs.clone(), events, scan, leases };
    let target = stores::open(to, &data, &open).await?;
    empty(&target, source, resume).await?;
    let (old, new) = (&source.stores.answers, &target.answers);
    let copied = letters::copy(&*old.dead_letters, &logs, &target.sinks).await?;
    fill("filling the new stores from the log", &target.sinks, &logs).await?;

    let (stores, differences) = (&mut summary.stores, &mut summary.differences);
    let first = source.logs.outputs.continuity().await?.first;
    let missing = || older::Results::new(&target.sinks, &logs, first);
    stores.push(compare::rollups(old, new, missing(), differences).await?);
    stores.push(compare::scores(old, new, missing(), differences).await?);
    stores.push(compare::dead_letters(old, new, copied, differences).await?);
    let catalogs: Vec<&SinkPlan> = target.sinks.iter().filter(|plan| target.catalogs.contains(&plan.id)).collect();
    stores.push(compare::series(old, new, &catalogs, &logs, differences).await?);
    let kept_from = kept_from(to, &*source.logs.events).await?;
    stores.push(compare::raw(&*source.stores.events, &*target.events, &*source.logs.events, kept_from, differences).await?);
    Ok(())
}

/// Refuses stores that hold something else. One that both configurations share stands at the end of the log.
async fn empty(target: &OpenStores, source: &Source, resume: bool) -> Result<()> {
    for plan in &target.sinks {
        let (at, end) = (plan.sink.position().await?, super::fill::log_of(plan, &source.logs).continuity().await?.tail);
        if at.0 > 0 && at != end && !resume {
            let text = format!("filling the new stores: sink {} stands at {at} already, its store holds something else", plan.id);
            return Err(Error::broken(format!("{text}; name another database, or empty it")));
        }
    }
    Ok(())
}

/// The event time before which the target deletes raw events by itself.
async fn kept_from(to: &Config, events: &dyn Log) -> Result<Option<Timestamp>> {
    let retention = to.sinks.values().find_map(|sink| match &sink.kind {
        SinkKind::Postgres(settings) => Some(settings.retention),
        SinkKind::Embedded(_) | SinkKind::Mongodb(_) => None,
    });
    let Some(retention) = retention.flatten() else { return Ok(None) };
    let newest = events.get(events.continuity().await?.tail).await?;
    Ok(newest.map(|entry| entry.time.plus_micros(-retention.micros())))
}
