//! Operators from their settings: one `match` arm for each kind.

mod anomaly;

use std::sync::Arc;

use floodmark_core::ports::Operator as OperatorPort;
use floodmark_core::window::{Aggregate as CoreAggregate, AggregateSet, Spec};
use floodmark_core::{BySource, Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::input::Input;
use floodmark_schemas::series::fnv1a;

use crate::config::{Aggregate, Operator, OperatorKind, Tumbling};

/// An operator to run on every partition.
pub(crate) fn job_plan(id: &str, operator: &Operator) -> Result<JobPlan> {
    let settings = match &operator.kind {
        OperatorKind::Tumbling(settings) => settings,
        OperatorKind::Anomaly(settings) => return anomaly::job_plan(id, settings),
    };
    let definition = serde_json::to_string(settings).map_err(|e| Error::broken("writing an operator's definition").because(e))?;
    let version = fnv1a(definition.as_bytes());
    let spec = tumbling_spec(id, version, settings);
    // Made once now, so that a definition that cannot work is told at the start.
    BySource::new(spec.clone())?;
    let make = move |partition| -> Box<dyn OperatorPort> {
        Box::new(BySource::new(Spec { partition, ..spec.clone() }).expect("the same spec was accepted above"))
    };
    Ok(JobPlan { operator: id.to_owned(), version: format!("{version:08x}"), input: Input::Partition, make: Arc::new(make) })
}

fn tumbling_spec(id: &str, version: u32, settings: &Tumbling) -> Spec {
    Spec {
        version,
        allowed_lateness: settings.allowed_lateness.0,
        idle_timeout: settings.idle_timeout.0,
        aggregates: settings.aggregates.iter().map(core_aggregate).collect::<AggregateSet>(),
        quantiles: settings.quantiles.iter().map(|quantile| quantile.get()).collect(),
        metrics: settings.metrics.clone(),
        sources: settings.sources.clone(),
        series_max: settings.series_max as usize,
        ..Spec::new(id, 0, settings.size.0)
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
