//! Alert rules from their settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use floodmark_connectors::settings::Span;
use floodmark_core::alert::{self, Condition, Flapping, Holds, Input, Needed, Pattern, Rule, Spec, Streak, Timing};
use floodmark_core::expression::{Expression, Scope};
use floodmark_core::ports::Operator as OperatorPort;
use floodmark_core::upstream::Upstream;
use floodmark_core::window::tzdb_version;
use floodmark_core::{Error, Result, coverage};
use floodmark_engine::JobPlan;
use floodmark_engine::input::Input as Reads;
use floodmark_schemas::series::fnv1a;
use floodmark_schemas::subject;

use super::operators::{job_plan, job_plans};
use crate::config::{Alert, AlertCommon, AlertKind, Config, Depends, Direction, Measure, Operator, Selecting, numbers_of};

/// For how long an alert goes on after a match, when the rule does not say.
const MATCH_LASTS: Span = Span::secs(3_600);

/// All operators and rules of a configuration, whose event log has so many partitions.
pub(crate) fn all_plans(config: &Config, partitions: u32) -> Result<Vec<JobPlan>> {
    let mut plans = job_plans(&config.operators, partitions)?;
    for (id, rule) in &config.alerts {
        plans.push(rule_plan(id, rule, &config.operators, partitions)?);
    }
    Ok(plans)
}

/// One rule, which may read an operator.
pub(crate) fn rule_plan(id: &str, rule: &Alert, operators: &BTreeMap<String, Operator>, partitions: u32) -> Result<JobPlan> {
    let (spec, input) = rule_spec(id, rule, operators, partitions)?;
    let version = format!("{:08x}", spec.version);
    let make = move |partition| -> Box<dyn OperatorPort> {
        Box::new(Rule::new(Spec { partition, ..spec.clone() }).expect("the same spec was accepted before"))
    };
    Ok(JobPlan { operator: id.to_owned(), version, input, make: Arc::new(make) })
}

/// The same as what it is asked to do on partition 0, and what its jobs read.
///
/// # Errors
/// `Broken` when it cannot work.
pub(crate) fn rule_spec(id: &str, rule: &Alert, operators: &BTreeMap<String, Operator>, partitions: u32) -> Result<(Spec, Reads)> {
    let read = rule.from().map(|from| job_plan(from, operators, partitions)).transpose()?;
    let input = match &read {
        None => Reads::Partition,
        Some(plan) => Reads::Operator {
            id: plan.operator.clone(),
            version: plan.version.clone(),
            level: plan.input.level() + 1,
            whole: plan.input.jobs(partitions) < partitions,
        },
    };
    // Each job reads one of those of the operator.
    let upstream = read.as_ref().map(|plan| Upstream { operator: plan.operator.clone(), version: plan.version.clone(), jobs: 1 });
    let spec = spec(id, rule, operators, upstream)?;
    let version = fnv1a(definition(rule, &spec, read.as_ref())?.as_bytes());
    let spec = Spec { version, ..spec };
    // It is made once now, so that a definition that cannot work is told at the start.
    Rule::new(spec.clone())?;
    Ok((spec, input))
}

/// What alerts depend on: the settings, those of the operator before it, and of expressions that name a time zone the rules of time zones.
fn definition(rule: &Alert, spec: &Spec, read: Option<&JobPlan>) -> Result<String> {
    // Whom it depends on is about telling: it changes no alert.
    let rule = &Alert { depends: Depends::default(), ..rule.clone() };
    let mut text = serde_json::to_string(&("alert", rule)).map_err(|e| Error::broken("writing a rule's definition").because(e))?;
    let by_zone = match &spec.condition {
        Condition::Expression(holds) => holds.met.asks_zones() || holds.recovers.as_ref().is_some_and(Expression::asks_zones),
        _ => false,
    };
    if by_zone || spec.selection.asks_zones() {
        text.push_str(tzdb_version());
    }
    Ok(read.map_or_else(|| text.clone(), |plan| format!("{text} of {}", plan.version)))
}

fn spec(id: &str, rule: &Alert, operators: &BTreeMap<String, Operator>, upstream: Option<Upstream>) -> Result<Spec> {
    let common = &rule.common;
    let momentary = matches!(rule.kind, AlertKind::Match(_));
    let keep = common.keep_firing_for.unwrap_or(if momentary { MATCH_LASTS } else { Span::secs(0) });
    let timing = Timing {
        for_us: common.hold.micros(),
        keep_firing_for_us: keep.micros(),
        error_for_us: common.error_for.map(Span::micros),
        no_data_for_us: common.no_data_for.map(Span::micros),
        flapping: common.flapping.map(|of| Flapping { changes: of.changes, within_us: of.within.micros() }),
        severity: common.severity,
        momentary,
    };
    let (input, condition) = looks_at(id, rule, operators, upstream)?;
    let spec = Spec {
        needed: common.of.map(|of| Needed { n: of.n, m: of.m }),
        timing,
        labels: common.labels.clone(),
        annotations: common.annotations.clone(),
        metrics: common.metrics.clone(),
        sources: common.sources.clone(),
        selection: common.selecting().selection()?,
        series_max: common.series_max as usize,
        forget_after: common.forget_after.0,
        ..Spec::new(id, 0, input, condition)
    };
    if let AlertKind::Coverage(_) = &rule.kind { about_polls(spec, common) } else { Ok(spec) }
}

/// A rule on the share of polls that were done: of the sources that it names.
fn about_polls(spec: Spec, common: &AlertCommon) -> Result<Spec> {
    // Ids have no character that means anything in a pattern.
    let named = common.sources.as_ref().map(|sources| format!("labels.source =~ \"^({})$\"", sources.join("|")));
    let both = match (named, common.condition.as_deref()) {
        (Some(named), Some(condition)) => Some(format!("{named} and ({condition})")),
        (Some(named), None) => Some(named),
        (None, condition) => condition.map(str::to_owned),
    };
    Ok(Spec {
        metrics: Some(vec![coverage::SHARE.to_owned()]),
        sources: Some(vec![subject::MONITOR.to_owned()]),
        selection: Selecting { condition: both.as_deref(), ..common.selecting() }.selection()?,
        ..spec
    })
}

/// What a rule looks at, and when something is wrong with it.
fn looks_at(id: &str, rule: &Alert, operators: &BTreeMap<String, Operator>, upstream: Option<Upstream>) -> Result<(Input, Condition)> {
    let broken = |what: &str| Error::broken(format!("setting up rule {id:?}: {what}"));
    let severity = rule.common.severity;
    let limits = rule.kind.limits_of().map(|limits| limits.limits(severity));
    let needs_limits = || limits.clone().ok_or_else(|| broken("it has no limits"));
    let names = |aggregate: Option<&String>| -> Result<Vec<(String, String)>> {
        let from = rule.from().and_then(|from| operators.get(from));
        let windows = from.and_then(|from| from.kind.windows()).ok_or_else(|| broken("it reads an operator without windows"))?;
        Ok(numbers_of(&windows, aggregate.map(String::as_str)))
    };
    let numbers = |upstream: Option<Upstream>, aggregate: Option<&String>| match upstream {
        None => Input::Samples,
        Some(upstream) => Input::Rollups(upstream, vec![aggregate.map_or("mean", String::as_str).to_owned()]),
    };
    Ok(match &rule.kind {
        AlertKind::Threshold(of) => (numbers(upstream, of.aggregate.as_ref()), Condition::Limits(needs_limits()?)),
        AlertKind::Change(of) => {
            let direction = match of.direction {
                Direction::Up => alert::Direction::Up,
                Direction::Down => alert::Direction::Down,
                Direction::Any => alert::Direction::Any,
            };
            let change = alert::Change { within_us: of.within.micros(), direction, as_ratio: of.measure == Measure::Ratio };
            (numbers(upstream, of.aggregate.as_ref()), Condition::Change(change, needs_limits()?))
        }
        AlertKind::State(of) => (Input::Checks, Condition::Streak(Streak { failures: of.failures, successes: of.successes, severity })),
        AlertKind::Anomaly(_) => {
            let upstream = upstream.ok_or_else(|| broken("it reads no operator"))?;
            match limits {
                Some(limits) => (Input::Scores(upstream), Condition::Limits(limits)),
                None => (Input::Episodes(upstream), Condition::Open(severity)),
            }
        }
        AlertKind::Absence(_) => (Input::Anything, Condition::Never),
        AlertKind::Coverage(_) => (Input::Samples, Condition::Limits(needs_limits()?)),
        AlertKind::Certificate(_) => (Input::Certificates, Condition::Limits(needs_limits()?)),
        AlertKind::Match(of) => {
            let pattern = Pattern::new(&of.field, &of.pattern).map_err(|e| broken("its pattern is none").because(e))?;
            (Input::Texts(pattern), Condition::Always(severity))
        }
        AlertKind::Condition(of) => {
            let (input, scope) = match upstream {
                None => (Input::Samples, Scope::sample()),
                Some(upstream) => {
                    let (names, aggregates): (Vec<String>, Vec<String>) = names(of.aggregate.as_ref())?.into_iter().unzip();
                    (Input::Rollups(upstream, aggregates), Scope::numbers(names))
                }
            };
            let compile =
                |text: &String| Expression::compile_bool(text, &scope).map_err(|e| broken("its expression cannot be read").because(e));
            let (met, recovers) = (compile(&of.when)?, of.until.as_ref().map(compile).transpose()?);
            (input, Condition::Expression(Box::new(Holds { met, recovers, severity })))
        }
    })
}
