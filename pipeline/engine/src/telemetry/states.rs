//! What each source is doing, as seen at the moment of asking.

use opentelemetry::{KeyValue, global};

use super::METER;
use crate::status::{SourceState, Statuses};

/// Shows the state of each source in `statuses` until the last clone of it is dropped: 1 for the state it is in, 0 for
/// the others. It is looked at when metrics are collected.
pub fn show_states(statuses: &Statuses) {
    let statuses = statuses.weak();
    let meter = global::meter(METER);
    let gauge = meter.u64_observable_gauge("floodmark_source_state");
    let gauge = gauge.with_description("1 for the state that the source is in, 0 for the others.").with_callback(move |observer| {
        let Some(statuses) = statuses.upgrade() else { return };
        for status in statuses.all() {
            for state in SourceState::ALL {
                let labels = [KeyValue::new("source", status.id.clone()), KeyValue::new("state", state.name())];
                observer.observe(u64::from(state == status.state), &labels);
            }
        }
    });
    // The meter keeps the callback; the handle is good for nothing.
    let _handle = gauge.build();
}
