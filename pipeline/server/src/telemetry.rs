//! Logging, metrics and traces of the process: what goes to stderr, what `/metrics` shows, what a collector gets.

mod process;
mod traces;

use std::io::{self, IsTerminal};

use anyhow::Context;
use floodmark_engine::telemetry::{Labelled, METER};
use floodmark_schemas::Timestamp;
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::Registry;
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

pub use traces::Traces;

/// The environment variable that replaces the level given by `-v` and `-q`: `debug`, or `info,floodmark_engine=trace`.
pub const LOG_VARIABLE: &str = "FLOODMARK_LOG";

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object on each line.
    Json,
}

/// What is logged and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// The form of a line.
    pub format: LogFormat,
    /// How often `-v` was given, less how often `-q` was: 0 is `info`.
    pub verbosity: i8,
}

impl Logging {
    /// Starts logging to stderr. Colours need a terminal and an unset `NO_COLOR` (<https://no-color.org>).
    ///
    /// # Errors
    /// When `FLOODMARK_LOG` cannot be read, or logging was started before.
    pub fn start(self) -> anyhow::Result<()> {
        let wanted = std::env::var(LOG_VARIABLE).ok().filter(|text| !text.is_empty());
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|text| !text.is_empty());
        let colours = if !no_color && io::stderr().is_terminal() { Colours::On } else { Colours::Off };
        let subscriber = self.subscriber(wanted.as_deref(), colours, io::stderr)?;
        subscriber.try_init().context("starting the log")
    }

    fn subscriber<W>(self, wanted: Option<&str>, colours: Colours, writer: W) -> anyhow::Result<Box<dyn Subscriber + Send + Sync>>
    where
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let registry = tracing_subscriber::registry().with(self.filter(wanted)?);
        let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours == Colours::On);
        Ok(match self.format {
            LogFormat::Text => Box::new(registry.with(layer)),
            LogFormat::Json => Box::new(registry.with(layer.json().flatten_event(true).with_current_span(false))),
        })
    }

    fn filter(self, wanted: Option<&str>) -> anyhow::Result<EnvFilter> {
        if let Some(text) = wanted {
            return EnvFilter::builder().parse(text).with_context(|| {
                format!("reading {LOG_VARIABLE}={text:?}: expected a level such as debug, or info,floodmark_engine=trace")
            });
        }
        // Libraries speak up only when something is wrong, until everything is asked for.
        let directives = match self.verbosity {
            ..=-3 => "off",
            -2 => "error",
            -1 => "warn",
            0 => "warn,floodmark=info",
            1 => "warn,floodmark=debug",
            2 => "info,floodmark=trace",
            3.. => "trace",
        };
        Ok(EnvFilter::new(directives))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colours {
    On,
    Off,
}

/// The metrics of the process. Metrics are collected while this lives.
#[derive(Debug)]
pub struct Metrics {
    /// What `/metrics` shows.
    pub registry: Registry,
    provider: SdkMeterProvider,
}

impl Metrics {
    /// Makes the global meter provider, on which all meters of [`floodmark_engine::telemetry`] record. Call it once,
    /// before any of them is created.
    ///
    /// # Errors
    /// When the exporter cannot be registered.
    pub fn start(started: Timestamp) -> anyhow::Result<Self> {
        let registry = Registry::new();
        // Names are written out in full where instruments are made, so that they can be found by searching for them.
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_units()
            .without_counter_suffixes()
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .context("registering the Prometheus exporter")?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        global::set_meter_provider(provider.clone());

        let process = Labelled::new([]);
        process
            .level("floodmark_process_start_time_seconds", "s", "When the process started, as Unix time.")
            .set(started.micros() as f64 / 1e6);
        let build = Labelled::new([
            KeyValue::new("version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("os", std::env::consts::OS),
            KeyValue::new("arch", std::env::consts::ARCH),
        ]);
        build.level("floodmark_build_info", "", "1, with the version and the platform of this build as labels.").set(1.0);
        process::show();
        Ok(Self { registry, provider })
    }

    /// Stops collecting.
    ///
    /// # Errors
    /// When it was stopped before.
    pub fn stop(self) -> anyhow::Result<()> {
        self.provider.shutdown().with_context(|| format!("stopping the meter provider {METER}"))
    }
}

#[cfg(test)]
pub(crate) mod tests;
