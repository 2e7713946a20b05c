//! Alerts as they are judged: from when to when somebody should have been told.

use std::collections::BTreeMap;

use floodmark_schemas::{Alert, Severity, Timestamp};

/// An alert that was active at some time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) rule: String,
    pub(super) source: String,
    pub(super) series: String,
    pub(super) labels: BTreeMap<String, String>,
    /// The gravest it was.
    pub(super) severity: Severity,
    /// When it was active first.
    pub(super) from: Timestamp,
    /// When it was over; absent when it was not.
    pub(super) to: Option<Timestamp>,
}

/// The alerts that steps, in order, tell of: those that were active, in the order in which they became so.
pub(super) fn cases(steps: &[Alert]) -> Vec<Case> {
    let mut by_id: BTreeMap<&str, Case> = BTreeMap::new();
    for step in steps {
        let known = by_id.get_mut(step.id.as_str());
        match known {
            Some(case) => {
                case.to = step.state.is_over().then_some(step.time);
                if step.state.is_active() {
                    case.severity = case.severity.max(step.severity);
                }
            }
            None if step.state.is_active() => {
                let Alert { id, rule, source, labels, .. } = step.clone();
                let (series, severity, from) = (step.series.to_string(), step.severity, step.time);
                by_id.insert(&step.id, Case { id, rule, source, series, labels, severity, from, to: None });
            }
            None => {}
        }
    }
    let mut cases: Vec<Case> = by_id.into_values().collect();
    cases.sort_by(|a, b| (a.from, &a.id).cmp(&(b.from, &b.id)));
    cases
}
