//! Windows of events from their settings.

use std::sync::Arc;

use floodmark_core::ports::Operator as OperatorPort;
use floodmark_core::window::Spec;
use floodmark_core::{BySource, Error, Result};

use super::{Make, shape};
use crate::config::OperatorKind;

/// Windows, by source.
pub(super) fn make(id: &str, version: u32, kind: &OperatorKind) -> Result<Make> {
    let spec = spec(id, version, kind)?;
    BySource::new(spec.clone())?;
    Ok(Arc::new(move |partition| -> Box<dyn OperatorPort> {
        Box::new(BySource::new(Spec { partition, ..spec.clone() }).expect("the same spec was accepted above"))
    }))
}

fn spec(id: &str, version: u32, kind: &OperatorKind) -> Result<Spec> {
    let (Some((shape, size)), Some(settings)) = (shape(kind), kind.windows()) else {
        return Err(Error::broken(format!("setting up operator {id:?}: it has no windows")));
    };
    Ok(settings.computed.apply(Spec {
        version,
        shape,
        allowed_lateness: settings.allowed_lateness.0,
        idle_timeout: settings.idle_timeout.0,
        metrics: settings.metrics.cloned(),
        sources: settings.sources.cloned(),
        selection: settings.selecting.selection()?,
        series_max: settings.series_max as usize,
        group_by: settings.group_by.cloned(),
        ..Spec::new(id, 0, size)
    }))
}
