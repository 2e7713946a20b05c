//! Alerts as a kind of result: each with all its steps, as rules have committed them.
//!
//! They are read from output logs, live ones and those of replays alike, and held in memory: there are few of them.

use std::collections::BTreeMap;

use floodmark_core::Result;
use floodmark_core::ports::{Limit, Log, Page, Position};
use floodmark_engine::JobPlan;
use floodmark_engine::replay::Period;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, Evidence, JobEntry, Timestamp, subject};
use memchr::memmem;
use serde::Serialize;
use serde_json::{Value, json};

use super::kind::{Identity, Kind};
use crate::migrate::pairs::Pages;

/// An alert from its first step to its newest, by one definition of its rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Life {
    /// By their numbers; never empty.
    steps: BTreeMap<u32, Alert>,
}

/// What is known of the operators and rules of an output log.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    of: BTreeMap<String, Of>,
    /// Where rules commit; anywhere when nothing is known.
    patterns: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default)]
struct Of {
    /// The definition that counts.
    version: String,
    /// Whether the places that it names lie in the output log, where they depend on how fast jobs were.
    by_outputs: bool,
}

/// How a step of an alert begins in the body of a commit: others need not be read.
const MARK: &[u8] = br#"{"kind":"alert""#;

impl Known {
    /// Those of a configuration that has these rules. Nothing is known of a result set.
    pub(super) fn of<'a>(jobs: &[JobPlan], rules: impl IntoIterator<Item = &'a String>) -> Self {
        let of = |job: &JobPlan| Of { version: job.version.clone(), by_outputs: job.input.level() > 1 };
        let of: BTreeMap<String, Of> = jobs.iter().map(|job| (job.operator.clone(), of(job))).collect();
        let patterns = rules.into_iter().filter(|rule| of.contains_key(*rule)).map(|rule| subject::outputs_of(rule)).collect();
        Self { of, patterns: Some(patterns) }
    }

    /// The alerts of an output log in the order of their beginnings, of each the steps in a period. Of an alert that several
    /// definitions tell of, the one that counts is taken, or else the newest.
    ///
    /// # Errors
    /// Those of the log.
    pub(super) async fn read(&self, outputs: &dyn Log, period: Period) -> Result<Vec<Life>> {
        let patterns = self.patterns.clone().unwrap_or_else(|| vec![subject::OUTPUTS.to_owned()]);
        if patterns.is_empty() {
            return Ok(Vec::new());
        }
        let limit = Limit { until: Some(outputs.continuity().await?.tail), ..Limit::default() };
        let mut reader = outputs.reader(patterns, Position::START).await?;
        let mut lives = BTreeMap::new();
        loop {
            let entries = reader.next(limit).await?;
            if entries.is_empty() {
                return Ok(lives.into_values().collect());
            }
            for entry in entries.iter().filter(|entry| memmem::find(&entry.body, MARK).is_some()) {
                let Ok(JobEntry::Commit(commit)) = serde_json::from_slice::<JobEntry>(&entry.body) else { continue };
                let steps =
                    commit.outputs.into_iter().filter_map(|output| if let Output::Alert(step) = output { Some(step) } else { None });
                steps.filter(|step| period.holds(step.time)).for_each(|step| self.takes(&mut lives, step));
            }
        }
    }

    /// Steps of one alert.
    pub(super) fn life(&self, steps: impl Iterator<Item = Alert>) -> Option<Life> {
        let mut lives = BTreeMap::new();
        steps.for_each(|step| self.takes(&mut lives, step));
        lives.into_values().next()
    }

    fn takes(&self, lives: &mut BTreeMap<(Timestamp, Identity), Life>, mut step: Alert) {
        let of = self.of.get(&step.rule).cloned().unwrap_or_default();
        if of.by_outputs && matches!(step.evidence, Some(Evidence::Time { .. })) {
            step.evidence = None;
        }
        let life = lives.entry((step.began, identity(&step))).or_insert_with(|| Life { steps: BTreeMap::new() });
        life.takes(step, &of.version);
    }
}

/// The same list in pages.
pub(super) fn pages<T: Send + 'static>(items: Vec<T>) -> Pages<'static, T> {
    let mut items = Some(items);
    Pages::new(move |_| {
        let items = items.take().unwrap_or_default();
        Box::pin(async move { Ok(Page { items, next: None }) })
    })
}

/// What tells an alert from others: what its id is a hash of.
pub(super) fn identity(alert: &Alert) -> Identity {
    (alert.source.clone(), alert.series.key(), alert.rule.clone(), alert.began)
}

impl Life {
    fn takes(&mut self, alert: Alert, counts: &str) {
        let is_other = self.steps.values().next().is_some_and(|known| known.version != alert.version);
        if is_other && self.newest().version == counts {
            return;
        }
        if is_other {
            self.steps.clear();
        }
        self.steps.insert(alert.step, alert);
    }

    /// Its id.
    pub(super) fn id(&self) -> &str {
        &self.newest().id
    }

    /// How many steps it has.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing was known of it before a time.
    pub(super) fn began_after(&self, from: Timestamp) -> bool {
        self.steps.first_key_value().is_some_and(|(number, first)| *number == 0 && first.noticed >= from)
    }

    fn newest(&self) -> &Alert {
        self.steps.values().next_back().expect("an alert has a step")
    }
}

impl Kind for Life {
    const NAME: &'static str = "alerts";
    const REMEMBERS: bool = true;

    fn time(&self) -> Timestamp {
        let Alert { began, .. } = self.newest();
        *began
    }

    fn identity(&self) -> Identity {
        identity(self.newest())
    }

    fn operator(&self) -> &str {
        &self.newest().rule
    }

    fn version(&self) -> &str {
        &self.newest().version
    }

    fn source(&self) -> &str {
        &self.newest().source
    }

    fn about(&self) -> Value {
        let Alert { id, rule, source, series, began, .. } = self.newest();
        json!({ "operator": rule, "source": source, "series": series, "time": began, "id": id })
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let bare = |life: &Self| life.steps.values().map(bare).collect::<Vec<_>>();
        bare(self) == bare(other)
    }

    /// Each step by its number, without what stands in `about`, and without where and when it was learnt.
    fn says(&self) -> Value {
        let step = |(number, alert): (&u32, &Alert)| {
            let mut says = json!(bare(alert));
            if let Some(fields) = says.as_object_mut() {
                let of_the_alert = ["id", "step", "rule", "version", "source", "series", "began", "noticed", "labels"];
                of_the_alert.iter().for_each(|name| drop(fields.remove(*name)));
            }
            (number.to_string(), says)
        };
        Value::Object(self.steps.iter().map(step).collect())
    }
}

/// A step without what changes with the definition of its rule, or with the way on which it was learnt.
fn bare(alert: &Alert) -> Alert {
    Alert { version: String::new(), evidence: None, noticed: Timestamp::default(), ..alert.clone() }
}
