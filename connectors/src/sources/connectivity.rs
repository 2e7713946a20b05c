//! `[connectivity]`: whether this monitor itself can reach anything.
//!
//! It is offline when none of some addresses that are always there accepts a connection. The source tells at every interval what
//! the line is like, as checks of the target `connectivity`; probes ask the [`Line`] before they say that a target is down.

mod line;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Ingest, Source};
use floodmark_schemas::{Check, Event, EventBatch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::polling::{Schedule, lateness, missed};
use super::tcp_probe::config::HostPort;
use crate::settings::{Fault, Span};

pub use line::{Line, State};

/// What the checks of the line call it.
pub const TARGET: &str = "connectivity";
/// More often than this nobody wants to be asked.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// Whether this monitor itself is online. While it is not, failed checks of `http_probe` and `tcp_probe` say "unknown" and not "down".
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConnectivityConfig")]
pub struct Config {
    /// Addresses that are there as long as this machine can reach anything, such as "1.1.1.1:443". The monitor is offline when none of them
    /// accepts a connection. Choose two or more that fail independently of each other, and by address if names are to be a part of what is watched.
    pub targets: Vec<HostPort>,
    /// From one scheduled test to the next, at least 1s. When a check has failed there is one more.
    #[serde(default = "every")]
    pub every: Span,
    /// How long a test takes at the most. A failed check waits for one before it is told.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn every() -> Span {
    Span::secs(15)
}

fn timeout() -> Span {
    Span::secs(3)
}

impl Config {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.targets.is_empty() {
            let remedy = "name two or more, such as \"1.1.1.1:443\"";
            faults.push(Fault::of("targets", "without a target the monitor would always be offline", remedy));
        }
        if self.every.0 < EVERY_MIN {
            faults.push(Fault::of("every", format!("{} is too often", self.every), format!("write \"{}\" or more", Span(EVERY_MIN))));
        }
        if self.timeout.0.is_zero() || self.timeout > self.every {
            faults.push(Fault::of("timeout", format!("a test cannot take {}", self.timeout), "write more than 0s, and at most `every`"));
        }
        faults
    }

    /// For how long a failed check may wait until it is known what the line is like.
    pub fn wait_max(&self) -> Duration {
        line::PAUSE + self.timeout.0 * 2
    }
}

/// Tells what the line is like.
pub struct Connectivity {
    id: String,
    every: Duration,
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
}

impl Connectivity {
    /// Prepares to watch the line. Connects to nothing yet.
    ///
    /// # Errors
    /// `Broken` when the configuration is not valid.
    pub fn new(id: &str, config: &Config, line: Arc<Line>, clock: Arc<dyn Clock>) -> Result<Self> {
        Fault::refuse(TARGET, &config.validate())?;
        Ok(Self { id: id.to_owned(), every: config.every.0, line, clock })
    }
}

#[async_trait]
impl Source for Connectivity {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        let mut schedule = Schedule::new(self.clock.clone(), self.every, TARGET);
        let mut was_online = true;
        loop {
            let tick = schedule.tick().await;
            ingest.polled(lateness(&*self.clock, tick.scheduled));
            let missed = missed(&self.id, TARGET, &tick);
            let started = self.clock.now();
            let state = self.line.test().await;
            match (was_online, state.is_online()) {
                (true, false) => tracing::warn!(why = state.why(), "this monitor is offline: what it cannot reach is unknown, not down"),
                (false, true) => tracing::info!("this monitor is online again"),
                _ => {}
            }
            was_online = state.is_online();
            let check = Check {
                up: Some(state.is_online()),
                reason: state.reason(),
                detail: (!state.is_online()).then(|| state.why()),
                duration_us: Some(state.took.as_micros() as u64),
                ..Check::of(TARGET)
            };
            let event = Event::check(&self.id, format!("{TARGET}@{}", tick.scheduled.micros()), started, check);
            ingest.send(EventBatch::from_iter(missed.into_iter().chain([event])), None).await?;
        }
    }
}
