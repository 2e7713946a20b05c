//! From the steps of a series to alerts as others read them.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, AlertState, Evidence, Series, Severity, Timestamp};

use super::machine::Step;
use super::spec::Spec;
use super::texts::{Facts, Now, Renderer};
use crate::id::alert_id;
use crate::ports::Outputs;

/// Tells steps.
#[derive(Debug, Default)]
pub(super) struct Teller {
    renderer: Renderer,
}

/// Whose steps they are, and what made them known.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    pub source: &'a str,
    pub key: &'a str,
    pub series: Arc<Series>,
    /// What matched.
    pub text: Option<&'a str>,
    pub evidence: Evidence,
    /// Log time.
    pub noticed: i64,
}

impl Teller {
    /// Makes outputs of steps.
    pub fn tell(&self, spec: &Spec, steps: &[Step], origin: &Origin<'_>, outputs: &mut Outputs) {
        let facts = Facts { rule: &spec.rule, source: origin.source, series: &origin.series, labels: &origin.series.labels, now: None };
        let mut labels = origin.series.labels.clone();
        labels.extend(self.renderer.render(&spec.labels, &facts));
        outputs.extend(steps.iter().map(|step| Output::Alert(self.alert(spec, step, origin, &labels))));
    }

    fn alert(&self, spec: &Spec, step: &Step, origin: &Origin<'_>, labels: &BTreeMap<String, String>) -> Alert {
        let Step { state, before, severity, flapping, value, .. } = *step;
        let threshold = threshold(spec, state, severity);
        let [time, began] = [step.time, step.began].map(Timestamp::from_micros);
        let text = origin.text;
        let now = Now { value, threshold, severity, state, began, time, flapping, text };
        let facts = Facts { rule: &spec.rule, source: origin.source, series: &origin.series, labels, now: Some(now) };
        Alert {
            id: alert_id(&spec.rule, origin.source, origin.key, step.began),
            step: step.number,
            rule: spec.rule.clone(),
            version: format!("{:08x}", spec.version),
            source: origin.source.to_owned(),
            series: Series::clone(&origin.series),
            state,
            before,
            severity,
            time,
            began,
            fired: step.fired.map(Timestamp::from_micros),
            noticed: Timestamp::from_micros(origin.noticed),
            value,
            threshold,
            evidence: Some(origin.evidence.clone()),
            flapping,
            labels: labels.clone(),
            annotations: self.renderer.render(&spec.annotations, &facts),
        }
    }
}

/// No limit says that there is no data.
fn threshold(spec: &Spec, state: AlertState, severity: Severity) -> Option<f64> {
    let judged = !matches!(state, AlertState::NoData | AlertState::Error);
    judged.then(|| spec.condition.threshold(severity)).flatten()
}
