//! The rules of a configuration, ready to be fed.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_core::Result;
use floodmark_core::alert::{Rule, Shared, Spec};
use floodmark_core::ports::Outputs;
use floodmark_engine::JobPlan;
use floodmark_engine::input::Input;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{Alert, AlertState, subject};

use crate::assemble::{alerts, past};
use crate::config::Config;

/// The rules of one variant, one for each partition that they read, and what they have said.
pub(super) struct Rules {
    /// Those that read events, by partition.
    events: Vec<Vec<Rule>>,
    /// Those that read an operator.
    results: Vec<Reading>,
    outputs: Outputs,
    pub(super) steps: Vec<Alert>,
    /// How many steps it may make: a rule that says something of every event is of no use to anybody, and takes all memory.
    steps_max: usize,
    pub(super) too_many: bool,
}

struct Reading {
    operator: String,
    /// Which of its jobs; all when nothing is said.
    job: Option<u32>,
    rule: Rule,
}

/// Which entries of the event log rules look into.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Whether there are rules that read events.
    pub(super) any: bool,
    /// Of which sources; of all when nothing is said.
    sources: Option<BTreeSet<String>>,
}

impl Wanted {
    pub(super) fn takes(&self, source: &str) -> bool {
        self.any && self.sources.as_ref().is_none_or(|sources| sources.contains(source))
    }

    fn and(&mut self, spec: &Spec) {
        self.sources = match (&spec.sources, self.any, self.sources.take()) {
            (None, ..) | (_, true, None) => None,
            (Some(more), _, known) => Some(known.into_iter().flatten().chain(more.iter().cloned()).collect()),
        };
        self.any = true;
    }
}

impl Rules {
    /// Those of a configuration.
    ///
    /// # Errors
    /// `Broken` when one cannot work.
    pub(super) fn of(config: &Config, steps_max: usize, wanted: &mut Wanted) -> Result<Self> {
        let partitions = config.partitions.get();
        let mut events: Vec<Vec<Rule>> = (0..partitions).map(|_| Vec::new()).collect();
        let mut results = Vec::new();
        for (id, rule) in &config.alerts {
            let (spec, input) = alerts::rule_spec(id, rule, &config.operators, partitions)?;
            for partition in 0..input.jobs(partitions) {
                let rule = Rule::new(Spec { partition, ..spec.clone() })?;
                match &input {
                    Input::Partition | Input::Partitions => events[partition as usize].push(rule),
                    Input::Operator { id, whole, .. } => {
                        results.push(Reading { operator: id.clone(), job: (!whole).then_some(partition), rule });
                    }
                }
            }
            if matches!(input, Input::Partition | Input::Partitions) {
                wanted.and(&spec);
            }
        }
        Ok(Self { events, results, outputs: Outputs::new(), steps: Vec::new(), steps_max, too_many: false })
    }

    /// Takes an entry of the event log, or of the output log of the operators that are read.
    pub(super) fn take(&mut self, shared: &Shared) {
        let Self { events, results, outputs, .. } = self;
        let name = shared.entry().subject.as_str();
        // What cannot be read was set aside when it came: it changes nothing.
        if let Some((partition, ..)) = subject::parse_events(name) {
            let rules = events.get_mut(partition as usize).into_iter().flatten();
            rules.for_each(|rule| drop(rule.share(shared, outputs)));
        } else if let Some((operator, job)) = subject::parse_outputs(name) {
            let readers = results.iter_mut().filter(|of| of.operator == operator && of.job.is_none_or(|of| of == job));
            readers.for_each(|of| drop(of.rule.share(shared, outputs)));
        }
        if outputs.is_empty() {
            return;
        }
        let room = self.steps_max.saturating_sub(self.steps.len());
        // What never fires tells nobody anything.
        let tells = |step: &Alert| step.state.is_active() || step.state == AlertState::Resolved;
        let steps = self.outputs.drain(..).filter_map(|output| if let Output::Alert(step) = output { Some(step) } else { None });
        let mut steps = steps.filter(tells);
        self.steps.extend(steps.by_ref().take(room));
        self.too_many |= steps.next().is_some();
    }
}

/// The operators that the rules of a configuration read, and those that these read.
///
/// # Errors
/// `Broken` when one cannot work.
pub(super) fn operators(config: &Config) -> Result<Vec<JobPlan>> {
    let jobs: BTreeMap<String, JobPlan> = past::jobs(config)?.into_iter().map(|job| (job.operator.clone(), job)).collect();
    let read = |id: &str| jobs.get(id).and_then(|job| if let Input::Operator { id, .. } = &job.input { Some(id.clone()) } else { None });
    let mut needed = BTreeSet::new();
    for rule in config.alerts.keys() {
        let mut next = read(rule);
        while let Some(id) = next {
            next = read(&id);
            needed.insert(id);
        }
    }
    Ok(jobs.into_values().filter(|job| needed.contains(&job.operator)).collect())
}
