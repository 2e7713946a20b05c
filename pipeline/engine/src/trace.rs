//! The way of single frames, as OpenTelemetry spans: from their source into the log, through operators, into stores.
//!
//! A frame that is traced carries the header `traceparent` (W3C Trace Context); so does the commit that it led to. Whoever
//! takes such an entry adds a span to its trace. Which frames are traced the global tracer provider decides; without one
//! none is.

use floodmark_core::ports::NewEntry;
use floodmark_schemas::Headers;
use opentelemetry::global::{self, BoxedSpan, BoxedTracer};
use opentelemetry::trace::{Span, SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer as _};
use opentelemetry::{Context, KeyValue};

/// The header of entries that are traced.
pub const HEADER: &str = "traceparent";

/// Records the steps of one component.
#[derive(Debug)]
pub struct Tracer {
    tracer: BoxedTracer,
    component: KeyValue,
}

/// A step on the way. It ends when this is dropped.
pub struct Step(BoxedSpan);

impl Tracer {
    /// For the source, job or sink with this name.
    pub fn new(component: &str) -> Self {
        Self { tracer: global::tracer("floodmark"), component: KeyValue::new("floodmark.component", component.to_owned()) }
    }

    /// Begins the way of a frame, if it is to be traced, and marks it.
    pub fn begin(&self, entry: &mut NewEntry) -> Option<Step> {
        let builder = self.tracer.span_builder("ingest").with_kind(SpanKind::Producer);
        let mut span = self.tracer.build_with_context(builder, &Context::new());
        if !span.is_recording() {
            return None;
        }
        let context = span.span_context();
        entry.headers.set(HEADER, format!("00-{}-{}-01", context.trace_id(), context.span_id()));
        span.set_attribute(self.component.clone());
        span.set_attribute(KeyValue::new("messaging.destination.name", entry.subject.clone()));
        Some(Step(span))
    }

    /// The next step of an entry, if it is traced.
    pub fn follow(&self, step: &'static str, headers: &Headers) -> Option<Step> {
        let parent = parent(headers.get(HEADER)?)?;
        let builder = self.tracer.span_builder(step).with_kind(SpanKind::Consumer);
        let mut span = self.tracer.build_with_context(builder, &Context::new().with_remote_span_context(parent));
        span.set_attribute(self.component.clone());
        span.is_recording().then_some(Step(span))
    }
}

impl Step {
    /// Notes what failed.
    pub fn failed(&mut self, why: String) {
        self.0.set_status(opentelemetry::trace::Status::error(why));
    }
}

/// `00-<trace id>-<span id>-<flags>`, see <https://www.w3.org/TR/trace-context/#traceparent-header>.
fn parent(text: &str) -> Option<SpanContext> {
    let mut fields = text.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
    (version == "00" && sampled && context.is_valid()).then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sampled_trace_parent_has_followers() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = parent(trace).unwrap();
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        for bad in ["", "00", &trace[..40], &trace.replace("-01", "-00"), &trace.replace("00-4b", "01-4b"), &"0".repeat(55)] {
            assert_eq!(parent(bad), None, "{bad}");
        }
    }

    #[test]
    fn without_a_collector_nothing_is_traced() {
        let tracer = Tracer::new("web");
        let mut entry = NewEntry { subject: "s".to_owned(), id: None, headers: Headers::default(), body: bytes::Bytes::new() };
        assert!(tracer.begin(&mut entry).is_none());
        assert_eq!(entry.headers.get(HEADER), None);
    }
}
