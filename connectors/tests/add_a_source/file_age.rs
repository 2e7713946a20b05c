//! `file_age`: how long ago a file was written, for example last night's backup.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Ingest, Source};
use floodmark_schemas::{Check, Event, EventBatch, Reason, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Fault, Span};
use crate::sources::polling::{Schedule, missed};

/// Watches how long ago a file was written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FileAgeConfig")]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// From one look to the next.
    #[serde(default = "every")]
    pub every: Span,
}

fn every() -> Span {
    Span::secs(60)
}

impl Config {
    /// What cannot work: `floodmark check` tells it. Reads nothing.
    pub fn validate(&self) -> Vec<Fault> {
        let fault = || Fault::of("every", "no time would pass between two looks", "write for example \"1m\"");
        self.every.0.is_zero().then(fault).into_iter().collect()
    }
}

/// The source.
pub struct FileAge {
    id: String,
    config: Config,
    clock: Arc<dyn Clock>,
}

impl FileAge {
    /// Prepares to watch; reads nothing yet.
    ///
    /// # Errors
    /// `Broken` when the settings cannot work.
    pub fn new(id: &str, config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        Fault::refuse(id, &config.validate())?;
        Ok(Self { id: id.to_owned(), config, clock })
    }
}

#[async_trait]
impl Source for FileAge {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        let path = self.config.path.display().to_string();
        let mut schedule = Schedule::new(self.clock.clone(), self.config.every.0, &path);
        loop {
            let tick = schedule.tick().await;
            let mut events: Vec<Event> = missed(&self.id, &path, &tick).into_iter().collect();
            let now = self.clock.now();
            let id = |what: &str| format!("{what}@{}", tick.scheduled.micros());
            let mut check = Check::of(&path);
            match tokio::fs::metadata(&self.config.path).await.and_then(|file| file.modified()) {
                Ok(written) => {
                    let written = written.duration_since(UNIX_EPOCH).unwrap_or_default();
                    let age = now.micros() as f64 / 1e6 - written.as_secs_f64();
                    let series = Series::new("file_age").unit("s").label("path", &path);
                    events.push(Event::sample(&self.id, id("age"), now, series, age));
                    check.up = Some(true);
                }
                Err(e) => {
                    check.up = Some(false);
                    check.reason = Some(Reason::Local);
                    check.detail = Some(e.to_string());
                }
            }
            events.push(Event::check(&self.id, id("check"), now, check));
            ingest.send(EventBatch::from_iter(events), None).await?;
        }
    }
}
