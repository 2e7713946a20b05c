//! Operators from their settings: one `match` arm for each kind.

mod anomaly;
mod cascade;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_core::ports::Operator as OperatorPort;
use floodmark_core::upstream::Upstream;
use floodmark_core::window::{Shape, tzdb_version};
use floodmark_core::{Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::input::Input;
use floodmark_schemas::series::fnv1a;

use crate::config::{Anomaly, Emit, Operator, OperatorKind};

/// All operators of a configuration, whose event log has so many partitions.
pub(crate) fn job_plans(operators: &BTreeMap<String, Operator>, partitions: u32) -> Result<Vec<JobPlan>> {
    operators.keys().map(|id| job_plan(id, operators, partitions)).collect()
}

/// One of them, which may read another.
pub(crate) fn job_plan(id: &str, operators: &BTreeMap<String, Operator>, partitions: u32) -> Result<JobPlan> {
    plan(id, operators, partitions, operators.len())
}

/// The same operators, but those of scores give every one, also what their settings leave out. What they learn does not
/// depend on that, so the definition, and with it the ids, are the same.
pub(crate) fn giving_every_score(operators: &BTreeMap<String, Operator>, partitions: u32) -> Result<Vec<JobPlan>> {
    let plans = job_plans(operators, partitions)?;
    let every = |plan: &JobPlan| {
        let OperatorKind::Anomaly(settings) = &operators[&plan.operator].kind else { return Ok(plan.clone()) };
        let read = plans.iter().find(|read| settings.from.as_ref() == Some(&read.operator));
        let upstream =
            |read: &JobPlan| Upstream { operator: read.operator.clone(), version: read.version.clone(), jobs: read.input.jobs(partitions) };
        let settings = Anomaly { emit: Emit::All, ..settings.clone() };
        let version = u32::from_str_radix(&plan.version, 16).expect("it was written from such a number");
        Ok(JobPlan { make: anomaly::make(&plan.operator, version, &settings, read.map(upstream))?, ..plan.clone() })
    };
    plans.iter().map(every).collect()
}

/// Makes an operator of its version, on a partition.
type Make = Arc<dyn Fn(u32) -> Box<dyn OperatorPort> + Send + Sync>;

/// The operator that another one reads.
struct Read<'a> {
    kind: &'a OperatorKind,
    plan: JobPlan,
    upstream: Upstream,
}

fn plan(id: &str, operators: &BTreeMap<String, Operator>, partitions: u32, depth: usize) -> Result<JobPlan> {
    let broken = |what: &str| Error::broken(format!("setting up operator {id:?}: {what}"));
    let kind = &operators.get(id).ok_or_else(|| broken("there is none"))?.kind;
    let depth = depth.checked_sub(1).ok_or_else(|| broken("it reads itself"))?;
    let read = kind.from().map(|from| -> Result<_> {
        let plan = plan(from, operators, partitions, depth)?;
        let upstream = Upstream { operator: from.to_owned(), version: plan.version.clone(), jobs: plan.input.jobs(partitions) };
        Ok(Read { kind: &operators[from].kind, plan, upstream })
    });
    let read = read.transpose()?;
    let version = fnv1a(definition(kind, read.as_ref())?.as_bytes());
    let groups = kind.windows().is_some_and(|windows| windows.group_by.is_some());
    let input = match &read {
        None if groups => Input::Partitions,
        None => Input::Partition,
        Some(Read { plan, upstream, .. }) => Input::Operator {
            id: upstream.operator.clone(),
            version: upstream.version.clone(),
            level: plan.input.level() + 1,
            whole: groups || plan.input.jobs(partitions) < partitions,
        },
    };
    // Each is made once now, so that a definition that cannot work is told at the start.
    let make = match (kind, read) {
        (OperatorKind::Anomaly(settings), read) => anomaly::make(id, version, settings, read.map(|read| read.upstream))?,
        (_, Some(read)) => cascade::make(id, version, kind, read, matches!(&input, Input::Operator { whole: true, .. }))?,
        (_, None) => windows::make(id, version, kind)?,
    };
    Ok(JobPlan { operator: id.to_owned(), version: format!("{version:08x}"), input, make })
}

/// What results depend on: the settings, those of the operators before it, and of days, months and expressions that name a time
/// zone the rules of time zones.
fn definition(kind: &OperatorKind, read: Option<&Read<'_>>) -> Result<String> {
    let text = match kind {
        OperatorKind::Tumbling(settings) => serde_json::to_string(settings),
        OperatorKind::Hopping(settings) => serde_json::to_string(&("hopping", settings)),
        OperatorKind::Session(settings) => serde_json::to_string(&("session", settings)),
        OperatorKind::Calendar(settings) => serde_json::to_string(&("calendar", tzdb_version(), settings)),
        OperatorKind::Anomaly(settings) => serde_json::to_string(&("anomaly", settings)),
    };
    let mut text = text.map_err(|e| Error::broken("writing an operator's definition").because(e))?;
    if kind.selecting().selection()?.asks_zones() {
        text.push_str(tzdb_version());
    }
    Ok(read.map_or_else(|| text.clone(), |read| format!("{text} of {}", read.plan.version)))
}

/// The shape of windows and their length; `None` when there are no windows.
fn shape(kind: &OperatorKind) -> Option<(Shape, std::time::Duration)> {
    Some(match kind {
        OperatorKind::Tumbling(settings) => (Shape::Tumbling, settings.size.0),
        OperatorKind::Hopping(settings) => (Shape::Hopping { slide: settings.slide.0 }, settings.size.0),
        OperatorKind::Session(settings) => (Shape::Session, settings.gap.0),
        OperatorKind::Calendar(settings) => {
            let (unit, zone) = (settings.unit.core(), settings.timezone.zone().clone());
            (Shape::Calendar { unit, zone }, settings.unit.longest().0)
        }
        OperatorKind::Anomaly(_) => return None,
    })
}
