//! How good alerts are, and how much they ask of people.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_core::alert::desk::{Decision, Verdict};
use floodmark_engine::replay::Period;
use floodmark_schemas::Timestamp;

use super::cases::Case;
use super::labels::{Label, Labels};
use super::nights::Nights;
use super::play::{Played, Telling};
use super::report::{Detect, FalseAlert, Ratio, Received, Row, Score};

const WEEK_US: f64 = 7.0 * 86_400e6;

/// What is judged, in a span of time.
pub(super) struct Scoring<'a> {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) labels: Option<&'a Labels>,
    pub(super) nights: &'a Nights,
}

impl Scoring<'_> {
    fn period(&self) -> Period {
        // The last instant is one of those that were seen.
        Period { from: Some(self.from), to: Some(self.to.plus_micros(1)) }
    }

    /// Those that lie in the span, at least in part.
    fn of<'l>(&self, labels: &'l [Label]) -> Vec<&'l Label> {
        labels.iter().filter(|label| label.from <= self.to && label.to >= self.from).collect()
    }

    /// What came of the rules with these names.
    pub(super) fn row(&self, rules: impl Iterator<Item = String>, cases: &[Case], played: &Played) -> Row {
        let period = self.period();
        let cases: Vec<&Case> = cases.iter().filter(|case| period.holds(case.from)).collect();
        let told: Vec<&Telling> = played.told.iter().filter(|telling| period.holds(telling.time)).collect();
        let in_incidents: BTreeMap<&str, &str> = played
            .decisions
            .iter()
            .filter_map(|decision| match (&decision.verdict, &decision.alert) {
                (Verdict::Grouped { .. }, Some(alert)) => Some((alert.as_str(), decision.incident.as_str())),
                _ => None,
            })
            .collect();
        let score = |rule: Option<&str>| {
            let cases: Vec<&Case> = cases.iter().copied().filter(|case| rule.is_none_or(|rule| case.rule == rule)).collect();
            let incidents: BTreeSet<&str> = cases.iter().filter_map(|case| in_incidents.get(case.id.as_str()).copied()).collect();
            let told = told.iter().filter(|telling| rule.is_none_or(|rule| telling.rules.iter().any(|of| of == rule))).count() as u64;
            let score = Score {
                alerts: cases.len() as u64,
                incidents: incidents.len() as u64,
                notifications: told,
                per_week: self.per_week(told),
                ..Score::default()
            };
            self.judged(score, rule, &cases)
        };
        let mut receivers: BTreeMap<String, Received> = BTreeMap::new();
        told.iter().for_each(|telling| receivers.entry(telling.receiver.clone()).or_default().notifications += 1);
        receivers.values_mut().for_each(|received| received.per_week = self.per_week(received.notifications));
        let listed: Vec<Telling> = told.iter().map(|telling| (*telling).clone()).collect();
        let (missed, false_alerts) = self.wrong(&cases);
        Row {
            value: None,
            all: score(None),
            rules: rules.map(|rule| (rule.clone(), score(Some(&rule)))).collect(),
            receivers,
            nights: self.nights.woken(&listed).into_iter().map(|night| night.to_string()).collect(),
            longest_silence_secs: self.longest_silence(&listed),
            kept_silent: kept_silent(played.decisions.iter().filter(|decision| period.holds(decision.time))),
            missed,
            false_alerts,
            told: listed,
            too_many: false,
        }
    }

    fn per_week(&self, count: u64) -> f64 {
        let span = self.to.micros().saturating_sub(self.from.micros()).max(1) as f64;
        count as f64 * WEEK_US / span
    }

    fn longest_silence(&self, told: &[Telling]) -> u64 {
        let times = std::iter::once(self.from).chain(told.iter().map(|telling| telling.time)).chain([self.to]);
        let times: Vec<i64> = times.map(Timestamp::micros).collect();
        let longest = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(0);
        longest.max(0).cast_unsigned() / 1_000_000
    }

    /// How good the alerts of a rule are, or all.
    fn judged(&self, score: Score, rule: Option<&str>, cases: &[&Case]) -> Score {
        let Some(labels) = self.labels else { return score };
        let concerns = |label: &&Label| rule.is_none_or(|rule| label.rule.as_ref().is_none_or(|of| of == rule));
        let wrong: Vec<&Label> = self.of(&labels.wrong).into_iter().filter(concerns).collect();
        let right = cases.iter().filter(|case| wrong.iter().any(|label| label.is_told_by(case))).count() as u64;
        let all = match &labels.noise {
            None => cases.len() as u64,
            Some(_) => right + cases.iter().filter(|case| self.is_false(labels, case)).count() as u64,
        };
        let first = |label: &Label| cases.iter().filter(|case| label.is_told_by(case)).map(|case| case.from).min();
        let times: Vec<i64> =
            wrong.iter().filter_map(|label| Some(first(label)?.micros().saturating_sub(label.from.micros()).max(0))).collect();
        let (precision, recall) = (Ratio { of: right, all }, Ratio { of: times.len() as u64, all: wrong.len() as u64 });
        let f1 = precision.value().zip(recall.value()).filter(|(p, r)| p + r > 0.0).map(|(p, r)| 2.0 * p * r / (p + r));
        Score { precision: Some(precision), recall: Some(recall), f1, detect: Detect::of(times), ..score }
    }

    /// Whether nothing was wrong, as far as is known.
    fn is_false(&self, labels: &Labels, case: &Case) -> bool {
        let is_right = labels.wrong.iter().any(|label| label.is_told_by(case));
        !is_right && labels.noise.as_ref().is_none_or(|noise| noise.iter().any(|label| label.is_told_by(case)))
    }

    /// What was missed, and what was told without cause.
    fn wrong(&self, cases: &[&Case]) -> (Vec<Label>, Vec<FalseAlert>) {
        let Some(labels) = self.labels else { return Default::default() };
        let missed = self.of(&labels.wrong).into_iter().filter(|label| !cases.iter().any(|case| label.is_told_by(case)));
        let untrue = cases.iter().filter(|case| self.is_false(labels, case)).map(|case| {
            let Case { id, rule, source, series, severity, from, to, .. } = (*case).clone();
            FalseAlert { id, rule, source, series, severity, from, to }
        });
        (missed.cloned().collect(), untrue.collect())
    }
}

/// How often something kept alerts silent.
fn kept_silent<'a>(decisions: impl Iterator<Item = &'a Decision>) -> BTreeMap<String, u64> {
    let mut kept: BTreeMap<String, u64> = BTreeMap::new();
    for decision in decisions {
        let reason = match &decision.verdict {
            Verdict::Inhibited { inhibition, depends: false, .. } => format!("inhibited by {inhibition}"),
            Verdict::Inhibited { inhibition, depends: true, .. } => format!("{inhibition} depends on what was wrong already"),
            Verdict::InMaintenance { window, .. } => format!("in maintenance {window}"),
            Verdict::RateLimited { .. } => "too many for the receiver".to_owned(),
            Verdict::OverBefore => "over before it was told".to_owned(),
            Verdict::NoRoute => "no route leads to anybody".to_owned(),
            _ => continue,
        };
        *kept.entry(reason).or_default() += 1;
    }
    kept
}
