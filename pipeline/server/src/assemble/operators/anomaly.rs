//! Anomaly operators from their settings.

use std::sync::Arc;

use floodmark_core::Result;
use floodmark_core::anomaly::{self, Rollups, Spec};
use floodmark_core::ports::Operator as OperatorPort;
use floodmark_core::upstream::Upstream;

use super::Make;
use crate::config::{Anomaly, Counters, Emit};

/// Scores of events, or of the rollups of another operator: of one of its jobs each.
pub(super) fn make(id: &str, version: u32, settings: &Anomaly, upstream: Option<Upstream>) -> Result<Make> {
    let aggregate = settings.aggregate.clone().unwrap_or_else(|| "mean".to_owned());
    let from = upstream.map(|upstream| Rollups { upstream: Upstream { jobs: 1, ..upstream }, aggregate });
    let spec = Spec { from, ..spec(id, version, settings)? };
    anomaly::Anomaly::new(spec.clone())?;
    Ok(Arc::new(move |partition| -> Box<dyn OperatorPort> {
        Box::new(anomaly::Anomaly::new(Spec { partition, ..spec.clone() }).expect("the same spec was accepted above"))
    }))
}

/// Everything but the rollups that it may read.
fn spec(id: &str, version: u32, settings: &Anomaly) -> Result<Spec> {
    Ok(Spec {
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
        selection: settings.selecting().selection()?,
        series_max: settings.series_max as usize,
        forget_after: settings.forget_after.0,
        ..Spec::new(id, 0)
    })
}
