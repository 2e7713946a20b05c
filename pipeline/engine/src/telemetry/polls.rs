//! What became of polls.

use floodmark_core::coverage::Report;
use opentelemetry::KeyValue;

use super::{Count, Labelled};

/// What became of the polls of one source.
#[derive(Clone, Debug)]
pub struct PollMeters(Vec<(&'static str, Count)>);

impl PollMeters {
    /// The meters of the source with this id.
    pub fn new(source_id: &str) -> Self {
        let count = |(outcome, _): (&'static str, u64)| {
            let of = Labelled::new([KeyValue::new("source", source_id.to_owned()), KeyValue::new("outcome", outcome)]);
            (
                outcome,
                of.count(
                    "floodmark_polls_total",
                    "Polls that were due, by what became of them; those that came late also count as another.",
                ),
            )
        };
        Self(Report::default().outcomes().into_iter().map(count).collect())
    }

    /// So much was told of its polls.
    pub fn reported(&self, report: &Report) {
        for ((_, count), (_, polls)) in self.0.iter().zip(report.outcomes()) {
            count.add(polls);
        }
    }
}
