//! Sources from their settings: one `match` arm for each kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_connectors::sources::{file, github, host, http_probe, open_meteo, push, tcp_probe};
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Source as SourcePort, SourceSpec};
use floodmark_engine::SourcePlan;

use crate::config::{Source, SourceKind};

/// A source to run; a file's progress is added to `progress`.
pub(super) fn source_plan(
    id: &str,
    source: &Source,
    clock: &Arc<dyn Clock>,
    progress: &mut BTreeMap<String, Arc<file::Progress>>,
) -> Result<SourcePlan> {
    let spec =
        SourceSpec { id: id.to_owned(), encoding: source.frame_encoding(), disorder: source.disorder.0, live: source.kind.is_live() };
    let file_progress = Arc::new(file::Progress::default());
    if let SourceKind::File(_) = source.kind {
        progress.insert(id.to_owned(), file_progress.clone());
    }
    // Made once now, so that settings that cannot work are told at the start and not in the log.
    let (id, kind, clock) = (id.to_owned(), source.kind.clone(), clock.clone());
    let make = move || make_source(&id, &kind, &clock, &file_progress);
    make()?;
    Ok(SourcePlan { spec, kind: source.kind.type_name().to_owned(), make: Arc::new(make) })
}

fn make_source(id: &str, kind: &SourceKind, clock: &Arc<dyn Clock>, progress: &Arc<file::Progress>) -> Result<Box<dyn SourcePort>> {
    let clock = clock.clone();
    Ok(match kind {
        SourceKind::Host(config) => Box::new(host::Host::new(id, config.clone(), clock)?),
        SourceKind::HttpProbe(config) => Box::new(http_probe::HttpProbes::new(id, config.clone(), clock)?),
        SourceKind::TcpProbe(config) => Box::new(tcp_probe::TcpProbes::new(id, config.clone(), clock)?),
        SourceKind::Github(config) => Box::new(github::Github::new(id, config.clone(), clock)?),
        SourceKind::OpenMeteo(config) => Box::new(open_meteo::OpenMeteo::new(id, config.clone(), clock)?),
        SourceKind::File(config) => Box::new(file::File::new(id, config.clone(), clock)?.reporting(progress.clone())),
        SourceKind::Push(config) => Box::new(push::Push::new(id, config.clone(), clock)?),
    })
}
