//! What a rule is asked to do.

use std::time::Duration;

use floodmark_schemas::subject;
use regex::{Regex, RegexBuilder};

use super::condition::{Condition, Needed};
use super::texts::Texts;
use super::timing::Timing;
use crate::selection::Selection;
use crate::upstream::Upstream;
use crate::{Error, Result};

/// The configuration of one rule on one partition.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The rule's id.
    pub rule: String,
    /// Its version. Ids of alerts do not depend on it.
    pub version: u32,
    /// The partition it works on.
    pub partition: u32,
    /// What it looks at.
    pub input: Input,
    /// When something is wrong.
    pub condition: Condition,
    /// How many of the last observations must meet it; the last one when absent.
    pub needed: Option<Needed>,
    /// For how long, and how long it goes on.
    pub timing: Timing,
    /// Labels that alerts have besides those of their series.
    pub labels: Texts,
    /// Texts for people.
    pub annotations: Texts,
    /// Only metrics whose name matches one of these patterns (`*` any text, `?` one character); `None` takes all. Of records their name.
    pub metrics: Option<Vec<String>>,
    /// Only these sources; `None` takes all.
    pub sources: Option<Vec<String>>,
    /// Which samples of them, and with which value.
    pub selection: Selection,
    /// The most series. An observation of one more is counted and skipped.
    pub series_max: usize,
    /// A series without an event for so long, by the watermark of its source, is forgotten, and its alert is over.
    pub forget_after: Duration,
}

/// What a rule looks at, and which number an observation has.
#[derive(Clone, Debug)]
pub enum Input {
    /// Samples, and the numbers of checks, by their values.
    Samples,
    /// Checks: 1 when the target is up, 0 when it is down. One that could not be made cannot be judged. Also samples: up when greater than 0;
    /// of the metric `up` when no metrics are named.
    Checks,
    /// Checks that saw a certificate: the days until it ends.
    Certificates,
    /// Events in which a pattern is found.
    Texts(Pattern),
    /// Whatever comes: samples, checks by the series `up` of their target, records by their name and subject.
    Anything,
    /// Windows of another operator when they fire: these aggregates, of which the first is the value.
    Rollups(Upstream, Vec<String>),
    /// Scores of another operator, by their score.
    Scores(Upstream),
    /// Scores of another operator: the score, then 1 while an episode is open, and 0 when none is.
    Episodes(Upstream),
}

/// A pattern in a field of events.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// `name`, `subject`, or a field of the fact by its path, such as `fact.tag_name`; of checks `target`, `reason` or `detail`.
    pub field: String,
    /// It must be found somewhere in the text.
    pub pattern: Regex,
}

/// The most memory that a pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl Pattern {
    /// A pattern in a field.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn new(field: impl Into<String>, pattern: &str) -> std::result::Result<Self, String> {
        let compiled = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
        // The last line says what is wrong; those before draw it.
        let wrong = |e: regex::Error| e.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Ok(Self { field: field.into(), pattern: compiled.map_err(wrong)? })
    }
}

impl Input {
    /// The operator that is read.
    pub fn upstream(&self) -> Option<&Upstream> {
        match self {
            Self::Rollups(upstream, _) | Self::Scores(upstream) | Self::Episodes(upstream) => Some(upstream),
            Self::Samples | Self::Checks | Self::Certificates | Self::Texts(_) | Self::Anything => None,
        }
    }
}

impl Spec {
    /// A rule with defaults for the rest: at once, all metrics of all sources, at most 100,000 series, forgotten after 14 days.
    pub fn new(rule: impl Into<String>, partition: u32, input: Input, condition: Condition) -> Self {
        Self {
            rule: rule.into(),
            version: 1,
            partition,
            input,
            condition,
            needed: None,
            timing: Timing::default(),
            labels: Texts::new(),
            annotations: Texts::new(),
            metrics: None,
            sources: None,
            selection: Selection::default(),
            series_max: 100_000,
            forget_after: Duration::from_secs(14 * 86_400),
        }
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// `Broken` when a number is out of its range.
    pub(super) fn check(&self) -> Result<()> {
        let broken = |what: &str| Err(Error::broken(format!("setting up rule {:?}: {what}", self.rule)));
        let Timing { for_us, keep_firing_for_us, error_for_us, no_data_for_us, flapping, .. } = &self.timing;
        let mut times = [*for_us, *keep_firing_for_us].into_iter().chain(*error_for_us).chain(*no_data_for_us);
        if times.any(|time| time < 0) || self.forget_after > Duration::from_secs(36_600 * 86_400) {
            return broken("a time is negative, or more than 100 years");
        }
        if self.needed.is_some_and(|needed| needed.n == 0 || needed.n > needed.m || needed.m > 64) {
            return broken("n of m needs 1 <= n <= m <= 64");
        }
        if flapping.is_some_and(|flapping| flapping.changes < 2 || flapping.within_us <= 0) {
            return broken("flapping needs 2 changes or more, and a span");
        }
        if no_data_for_us.is_some() && self.input.upstream().is_some() {
            return broken("silence is told from events, not from results");
        }
        Ok(())
    }

    pub(super) fn takes_source(&self, source: &str) -> bool {
        subject::takes(self.sources.as_deref(), source)
    }
}
