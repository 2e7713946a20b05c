//! Windows of shorter windows from their settings.

use std::sync::Arc;

use floodmark_core::cascade::{Asked, Cascade, Spec};
use floodmark_core::ports::Operator as OperatorPort;
use floodmark_core::{Error, Result};

use super::{Make, Read, shape};
use crate::config::OperatorKind;

/// Windows made of those of `read`; of all its jobs when they are read as a whole.
pub(super) fn make(id: &str, version: u32, kind: &OperatorKind, read: Read<'_>, whole: bool) -> Result<Make> {
    let spec =
        spec(id, version, kind, read, whole).ok_or_else(|| Error::broken(format!("setting up operator {id:?}: it has no windows")))?;
    Cascade::new(spec.clone())?;
    Ok(Arc::new(move |partition| -> Box<dyn OperatorPort> {
        Box::new(Cascade::new(Spec { partition, ..spec.clone() }).expect("the same spec was accepted above"))
    }))
}

fn spec(id: &str, version: u32, kind: &OperatorKind, read: Read<'_>, whole: bool) -> Option<Spec> {
    let ((shape, size), settings, before) = (shape(kind)?, kind.windows()?, read.kind.windows()?);
    let mut upstream = read.upstream;
    if !whole {
        upstream.jobs = 1;
    }
    Some(Spec {
        operator: id.to_owned(),
        version,
        partition: 0,
        upstream,
        shape,
        size,
        // What the shorter windows still correct is never too late.
        allowed_lateness: settings.allowed_lateness.0.max(before.allowed_lateness.0),
        asked: Asked {
            aggregates: settings.aggregates.iter().map(|aggregate| aggregate.core()).collect(),
            availability: settings.computed.availability.is_some(),
            histogram: !settings.computed.histogram.is_empty(),
        },
        metrics: settings.metrics.cloned(),
        sources: settings.sources.cloned(),
        group_by: settings.group_by.cloned(),
    })
}
