//! Anomaly operators from their settings.

use std::sync::Arc;

use floodmark_core::anomaly::{self, Spec};
use floodmark_core::ports::Operator as OperatorPort;
use floodmark_core::{Error, Result};
use floodmark_engine::JobPlan;
use floodmark_engine::input::Input;
use floodmark_schemas::series::fnv1a;

use crate::config::{Anomaly, Counters, Emit};

/// Scores of events, on every partition.
pub(super) fn job_plan(id: &str, settings: &Anomaly) -> Result<JobPlan> {
    if let Some(from) = &settings.from {
        return Err(Error::broken(format!("setting up operator {id:?}: it cannot read operator {from:?} yet")));
    }
    let definition =
        serde_json::to_string(&("anomaly", settings)).map_err(|e| Error::broken("writing an operator's definition").because(e))?;
    let version = fnv1a(definition.as_bytes());
    let spec = spec(id, version, settings);
    // Made once now, so that a definition that cannot work is told at the start.
    anomaly::Anomaly::new(spec.clone())?;
    let make = move |partition| -> Box<dyn OperatorPort> {
        Box::new(anomaly::Anomaly::new(Spec { partition, ..spec.clone() }).expect("the same spec was accepted above"))
    };
    Ok(JobPlan { operator: id.to_owned(), version: format!("{version:08x}"), input: Input::Partition, make: Arc::new(make) })
}

/// Everything but the rollups that it may read.
fn spec(id: &str, version: u32, settings: &Anomaly) -> Spec {
    Spec {
        version,
        threshold: settings.sensitivity.threshold(),
        emit: match settings.emit {
            Emit::All => anomaly::Emit::All,
            Emit::Notable => anomaly::Emit::Notable,
        },
        counters: match settings.counters {
            Counters::Auto => anomaly::Counters::Auto,
            Counters::All => anomaly::Counters::All,
            Counters::None => anomaly::Counters::None,
        },
        metrics: settings.metrics.clone(),
        sources: settings.sources.clone(),
        series_max: settings.series_max as usize,
        forget_after: settings.forget_after.0,
        ..Spec::new(id, 0)
    }
}
