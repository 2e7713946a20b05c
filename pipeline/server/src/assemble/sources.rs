//! Sources from their settings: one `match` arm for each kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_connectors::sources::connectivity::Line;
use floodmark_connectors::sources::{file, github, host, http_probe, open_meteo, push, tcp_probe};
use floodmark_core::ports::{Clock, Source as SourcePort, SourceSpec};
use floodmark_core::{Error, Result};
use floodmark_engine::SourcePlan;
use floodmark_schemas::{EventBatch, Timestamp};

use crate::config::{Source, SourceKind};

/// A source to run, or each of its shards; a file's progress is added to `progress`.
pub(super) fn source_plans(
    id: &str,
    source: &Source,
    clock: &Arc<dyn Clock>,
    line: Option<&Arc<Line>>,
    progress: &mut BTreeMap<String, Arc<file::Progress>>,
) -> Result<Vec<SourcePlan>> {
    let file_progress = Arc::new(file::Progress::default());
    if let SourceKind::File(_) = source.kind {
        progress.insert(id.to_owned(), file_progress.clone());
    }
    let plan = |(shard, kind)| {
        let (name, clock, line, file_progress) = (id.to_owned(), clock.clone(), line.cloned(), file_progress.clone());
        let make = move || make_source(&name, &kind, &clock, line.as_ref(), &file_progress);
        // Made once now, so that settings that cannot work are told at the start and not in the log.
        make()?;
        let spec = SourceSpec { shard, ..spec(id, source) };
        Ok(SourcePlan { spec, kind: source.kind.type_name().to_owned(), make: Arc::new(make) })
    };
    source.kind.split().into_iter().map(plan).collect()
}

fn make_source(
    id: &str,
    kind: &SourceKind,
    clock: &Arc<dyn Clock>,
    line: Option<&Arc<Line>>,
    progress: &Arc<file::Progress>,
) -> Result<Box<dyn SourcePort>> {
    let clock = clock.clone();
    Ok(match kind {
        SourceKind::Host(config) => Box::new(host::Host::new(id, config.clone(), clock)?),
        SourceKind::HttpProbe(config) => Box::new(http_probe::HttpProbes::new(id, config.clone(), clock)?.asking(line.cloned())),
        SourceKind::TcpProbe(config) => Box::new(tcp_probe::TcpProbes::new(id, config.clone(), clock)?.asking(line.cloned())),
        SourceKind::Github(config) => Box::new(github::Github::new(id, config.clone(), clock)?),
        SourceKind::OpenMeteo(config) => Box::new(open_meteo::OpenMeteo::new(id, config.clone(), clock)?),
        SourceKind::File(config) => Box::new(file::File::new(id, config.clone(), clock)?.reporting(progress.clone())),
        SourceKind::Push(config) => Box::new(push::Push::new(id, config.clone(), clock)?),
    })
}

/// What the engine has to know of a source as a whole.
pub(crate) fn spec(id: &str, source: &Source) -> SourceSpec {
    let (encoding, disorder, live) = (source.frame_encoding(), source.disorder.0, source.kind.is_live());
    SourceSpec { id: id.to_owned(), shard: None, encoding, disorder, live }
}

/// The events in what a source has set aside at `time`, read with its settings of today.
///
/// # Errors
/// `Rejected` with the reason when it still cannot be read.
pub(crate) fn reread(id: &str, source: &Source, original: &str, time: Timestamp) -> Result<EventBatch> {
    match &source.kind {
        SourceKind::File(config) => file::reread(id, config, original),
        SourceKind::Push(_) => push::reread(id, original, time),
        SourceKind::Host(_) | SourceKind::HttpProbe(_) | SourceKind::TcpProbe(_) | SourceKind::Github(_) | SourceKind::OpenMeteo(_) => {
            Err(Error::rejected(format!(
                "what a {} source sets aside is an answer that it could not read; it asks again by itself",
                source.kind.type_name()
            )))
        }
    }
}
