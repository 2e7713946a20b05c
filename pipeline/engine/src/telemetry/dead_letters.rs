//! How much is set aside, by whom and for what class of reason.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use floodmark_core::ports::NewEntry;
use floodmark_core::ports::log::REASON_CLASS;
use floodmark_schemas::subject;
use opentelemetry::KeyValue;

use super::{Count, Labelled};

/// The classes that are told apart; what another version wrote counts as `other`.
const CLASSES: [&str; 4] = ["input", "size", "entry", "other"];

/// Counts dead letters as they go into the output log. Components are sources, operators and sinks: few.
#[derive(Debug, Default)]
pub struct DeadLetterMeters(Mutex<BTreeMap<(String, &'static str), Count>>);

impl DeadLetterMeters {
    /// Where the entry is counted once it is durable; nowhere when it is no dead letter.
    pub fn of(&self, entry: &NewEntry) -> Option<Count> {
        let component = subject::dead_component(&entry.subject)?;
        let told = entry.headers.get(REASON_CLASS).unwrap_or("other");
        let class = CLASSES.into_iter().find(|class| *class == told).unwrap_or("other");
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((component.to_owned(), class)).or_insert_with(|| {
            let labels = [KeyValue::new("component", component.to_owned()), KeyValue::new("class", class)];
            Labelled::new(labels).count("floodmark_dead_letters_total", "What was set aside, by component and class of the reason.")
        });
        Some(count.clone())
    }
}
