//! Traces of frames on their way, sent to an OpenTelemetry collector.

use anyhow::Context;
use opentelemetry::global;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use crate::config::Telemetry;

/// Sends spans while this lives.
#[derive(Debug, Default)]
pub struct Traces {
    provider: Option<SdkTracerProvider>,
}

impl Traces {
    /// Makes the global tracer provider that the engine records on, if the configuration names a
    /// collector. Call it within the runtime, before the pipeline is made. A collector that does not answer costs the
    /// spans and nothing else.
    ///
    /// # Errors
    /// When the exporter cannot be made.
    pub fn start(settings: &Telemetry) -> anyhow::Result<Self> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(Self::default()) };
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint.as_str()).build();
        let exporter = exporter.with_context(|| format!("preparing to send traces to {endpoint}"))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            // Whoever sees a frame later follows the decision that was taken where it was made.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.trace_ratio))))
            .with_resource(Resource::builder().with_service_name("floodmark").build())
            .build();
        global::set_tracer_provider(provider.clone());
        Ok(Self { provider: Some(provider) })
    }

    /// Sends what is left and stops.
    pub async fn stop(self) {
        let Some(provider) = self.provider else { return };
        global::set_tracer_provider(opentelemetry::trace::noop::NoopTracerProvider::new());
        // It waits for the collector, whose connection this runtime drives.
        match tokio::task::spawn_blocking(move || provider.shutdown()).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => tracing::warn!(error = %e, "the last traces could not be sent"),
            Err(e) => tracing::warn!(error = %e, "stopping the traces panicked"),
        }
    }
}
