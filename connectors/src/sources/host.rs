//! `host`: what this machine and this process use: processor, memory, disks, network and load.
//!
//! Every sample of a reading has the time at which the reading began. Rates are differences of counters over the time
//! that really passed; a counter that went back (an interface that was replaced) gives no rate for that reading. Ticks
//! that passed unused leave a check of the host with the reason `missed`.

mod machine;
mod rates;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::ports::{Clock, Ingest, Source};
use floodmark_core::{Error, Result};
use floodmark_schemas::EventBatch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::machine::{Machine, Wish};
use super::polling::{Schedule, lateness, missed};
use crate::settings::{Fault, Span};

/// More often than this the kernel's own counters of processor time do not move enough.
const EVERY_MIN: Duration = Duration::from_millis(200);

/// Watches this machine and this process.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HostConfig")]
pub struct Config {
    /// From one reading to the next, at least 200ms.
    #[serde(default = "every")]
    pub every: Span,
    /// The value of the label `host`; the name of this machine when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Whether `cpu_usage` is also given for each core, with the label `core`.
    #[serde(default)]
    pub per_core: bool,
    /// Whether network traffic of this machine with itself counts as an interface.
    #[serde(default)]
    pub loopback: bool,
}

fn every() -> Span {
    Span::secs(1)
}

impl Config {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        let too_often = self.every.0 < EVERY_MIN;
        let fault = || Fault::of("every", format!("{} is too often", self.every), format!("write \"{}\" or more", Span(EVERY_MIN)));
        too_often.then(fault).into_iter().collect()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { every: every(), host: None, per_core: false, loopback: false }
    }
}

/// Watches this machine.
pub struct Host {
    id: String,
    every: Duration,
    wish: Wish,
    clock: Arc<dyn Clock>,
}

impl Host {
    /// Prepares to watch. Reads nothing yet but the name of the machine.
    ///
    /// # Errors
    /// `Broken` when `every` is too short.
    pub fn new(id: &str, config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        Fault::refuse(id, &config.validate())?;
        let host = config.host.or_else(sysinfo::System::host_name).unwrap_or_else(|| "localhost".to_owned());
        let wish = Wish { host, per_core: config.per_core, loopback: config.loopback };
        Ok(Self { id: id.to_owned(), every: config.every.0, wish, clock })
    }
}

#[async_trait]
impl Source for Host {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        let mut schedule = Schedule::aligned(self.clock.clone(), self.every);
        let mut machine = Box::new(Machine::new(self.wish.clone()));
        loop {
            let tick = schedule.tick().await;
            ingest.polled(lateness(&*self.clock, tick.scheduled));
            if let Some(event) = missed(&self.id, &self.wish.host, &tick) {
                ingest.send(EventBatch::from_iter([event]), None).await?;
            }
            let now = self.clock.now();
            // A dead disk makes the kernel's answer late: on a thread where waiting hurts nobody.
            let reading = tokio::task::spawn_blocking(move || {
                let batch = machine.read(now);
                (machine, batch)
            });
            let (back, batch) = reading.await.map_err(|e| Error::unavailable("reading this machine").because(e))?;
            machine = back;
            ingest.send(batch, None).await?;
        }
    }
}
