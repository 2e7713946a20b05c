//! Windows of events from their settings.

use std::sync::Arc;

use floodmark_core::ports::Operator as OperatorPort;
use floodmark_core::window::Spec;
use floodmark_core::{BySource, Error, Result};

use super::{Make, shape};
use crate::config::OperatorKind;

/// Windows, by source.
pub(super) fn make(id: &str, version: u32, kind: &OperatorKind) -> Result<Make> {
    let spec = spec(id, version, kind).ok_or_else(|| Error::broken(format!("setting up operator {id:?}: it has no windows")))?;
    BySource::new(spec.clone())?;
    Ok(Arc::new(move |partition| -> Box<dyn OperatorPort> {
        Box::new(BySource::new(Spec { partition, ..spec.clone() }).expect("the same spec was accepted above"))
    }))
}

fn spec(id: &str, version: u32, kind: &OperatorKind) -> Option<Spec> {
    let ((shape, size), settings) = (shape(kind)?, kind.windows()?);
    Some(settings.computed.apply(Spec {
        version,
        shape,
        allowed_lateness: settings.allowed_lateness.0,
        idle_timeout: settings.idle_timeout.0,
        metrics: settings.metrics.cloned(),
        sources: settings.sources.cloned(),
        series_max: settings.series_max as usize,
        group_by: settings.group_by.cloned(),
        ..Spec::new(id, 0, size)
    }))
}
