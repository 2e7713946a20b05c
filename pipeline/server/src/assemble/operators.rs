//! Operators from their settings: one `match` arm for each kind.

use std::sync::Arc;

use floodmark_core::ports::Operator as OperatorPort;
use floodmark_core::window::{Aggregate as CoreAggregate, AggregateSet, Shape, Spec, tzdb_version};
use floodmark_core::{BySource, Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::input::Input;
use floodmark_schemas::series::fnv1a;

use crate::config::{Aggregate, Operator, OperatorKind};

/// An operator to run, on every partition or, when it brings series together, over all of them.
pub(crate) fn job_plan(id: &str, operator: &Operator) -> Result<JobPlan> {
    let version = fnv1a(definition(&operator.kind)?.as_bytes());
    let spec = spec(id, version, &operator.kind);
    // Made once now, so that a definition that cannot work is told at the start.
    BySource::new(spec.clone())?;
    let input = if spec.group_by.is_some() { Input::Partitions } else { Input::Partition };
    let make = move |partition| -> Box<dyn OperatorPort> {
        Box::new(BySource::new(Spec { partition, ..spec.clone() }).expect("the same spec was accepted above"))
    };
    Ok(JobPlan { operator: id.to_owned(), version: format!("{version:08x}"), input, make: Arc::new(make) })
}

/// What results depend on. Days and months depend on the rules of time zones too.
fn definition(kind: &OperatorKind) -> Result<String> {
    let text = match kind {
        OperatorKind::Tumbling(settings) => serde_json::to_string(settings),
        OperatorKind::Hopping(settings) => serde_json::to_string(&("hopping", settings)),
        OperatorKind::Session(settings) => serde_json::to_string(&("session", settings)),
        OperatorKind::Calendar(settings) => serde_json::to_string(&("calendar", tzdb_version(), settings)),
    };
    text.map_err(|e| Error::broken("writing an operator's definition").because(e))
}

fn spec(id: &str, version: u32, kind: &OperatorKind) -> Spec {
    let (shape, size) = match kind {
        OperatorKind::Tumbling(settings) => (Shape::Tumbling, settings.size.0),
        OperatorKind::Hopping(settings) => (Shape::Hopping { slide: settings.slide.0 }, settings.size.0),
        OperatorKind::Session(settings) => (Shape::Session, settings.gap.0),
        OperatorKind::Calendar(settings) => {
            let (unit, zone) = (settings.unit.core(), settings.timezone.zone().clone());
            (Shape::Calendar { unit, zone }, settings.unit.longest().0)
        }
    };
    let settings = kind.windows();
    Spec {
        version,
        shape,
        allowed_lateness: settings.allowed_lateness.0,
        idle_timeout: settings.idle_timeout.0,
        aggregates: settings.aggregates.iter().map(core_aggregate).collect::<AggregateSet>(),
        quantiles: settings.quantiles.iter().map(|quantile| quantile.get()).collect(),
        metrics: settings.metrics.cloned(),
        sources: settings.sources.cloned(),
        series_max: settings.series_max as usize,
        group_by: settings.group_by.cloned(),
        ..Spec::new(id, 0, size)
    }
}

fn core_aggregate(aggregate: &Aggregate) -> CoreAggregate {
    match aggregate {
        Aggregate::Count => CoreAggregate::Count,
        Aggregate::Sum => CoreAggregate::Sum,
        Aggregate::Mean => CoreAggregate::Mean,
        Aggregate::Min => CoreAggregate::Min,
        Aggregate::Max => CoreAggregate::Max,
        Aggregate::Stddev => CoreAggregate::Stddev,
        Aggregate::First => CoreAggregate::First,
        Aggregate::Last => CoreAggregate::Last,
    }
}
