//! The books of what was due and what was told.
//!
//! - A poll belongs to the last moment of its target's grid that is not after the time of its event. Of several events of one moment the best
//!   counts, and the first that came.
//! - It was late when it was told (in log time) after the next moment had come.
//! - A moment is settled when the next one has come and a whole interval of reports after that has passed: what is told later changes nothing.
//! - Reports stand at whole multiples of their interval, in log time. After a gap in the log there is one for each interval of the gap, up
//!   to [`REPORTS_MAX`] of them; of a longer gap each stands for several intervals.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use floodmark_schemas::Timestamp;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::grid::Grid;
use super::report::Report;

/// The most reports of one source for one gap.
const REPORTS_MAX: i64 = 1_440;

/// What is due of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The target in checks; empty when any event of the source is a poll.
    pub target: String,
    /// When.
    pub grid: Grid,
}

/// What became of a poll that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nobody can say whether the target is up.
    Failed,
    /// It is known.
    Done,
}

/// Where the books go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The time of the last report.
    pub at: i64,
    /// What each source was expected to do then.
    pub sources: BTreeMap<String, Since>,
}

/// From when on something is expected of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// A hash of its targets and their grids. Of a source that has others now, nothing is known from before.
    pub plan: String,
    /// Moments after this are expected.
    pub since: i64,
}

/// What is known of the polls of a source now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The time of the newest poll that was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_poll: Option<Timestamp>,
    /// When the next is due, of whichever target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Timestamp>,
    /// Of how many targets the newest poll should have been told by now.
    pub overdue: u64,
}

/// The books of all sources.
#[derive(Clone, Debug)]
pub struct Books {
    every_us: i64,
    sources: BTreeMap<String, Source>,
    /// The time of the last report; nothing before the first entry.
    at: Option<i64>,
}

#[derive(Clone, Debug)]
struct Source {
    plan: String,
    since: Option<i64>,
    newest: Option<i64>,
    targets: BTreeMap<String, Target>,
}

#[derive(Clone, Debug)]
struct Target {
    grid: Grid,
    /// Moments up to this are settled.
    settled: i64,
    /// Of moments up to this it is known whether they were late.
    judged: i64,
    /// What was told of later moments than `settled`, and whether that was late.
    told: BTreeMap<i64, (Outcome, bool)>,
}

impl Books {
    /// Books of which nothing is known, with reports at this interval.
    pub fn new(every: Duration, sources: impl IntoIterator<Item = (String, Vec<Expected>)>) -> Self {
        let target = |expected: &Expected| Target { grid: expected.grid, settled: 0, judged: 0, told: BTreeMap::new() };
        let source = |(id, expected): (String, Vec<Expected>)| {
            let targets = expected.iter().map(|expected| (expected.target.clone(), target(expected))).collect();
            (id, Source { plan: plan(&expected), since: None, newest: None, targets })
        };
        let every_us = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1);
        Self { every_us, sources: sources.into_iter().map(source).collect(), at: None }
    }

    /// Goes on where others stopped. What they had been told of later moments must be told again: see [`Self::told_since`].
    pub fn resume(&mut self, resume: &Resume) {
        self.at = Some(resume.at);
        for (id, source) in &mut self.sources {
            let before = resume.sources.get(id).filter(|before| before.plan == source.plan);
            if let Some(before) = before {
                source.begin(before.since, resume.at, self.every_us);
            }
        }
    }

    /// Where others can go on.
    pub fn resumable(&self) -> Resume {
        let since = |(id, source): (&String, &Source)| Some((id.clone(), Since { plan: source.plan.clone(), since: source.since? }));
        Resume { at: self.at.unwrap_or(0), sources: self.sources.iter().filter_map(since).collect() }
    }

    /// What was told from this log time on must be told again to books that are resumed at the report of `at`.
    pub fn told_since(&self, at: i64) -> i64 {
        let longest = self.sources.values().flat_map(|source| source.targets.values()).map(|target| target.grid.every_us()).max();
        at.saturating_sub(longest.unwrap_or(0)).saturating_sub(self.every_us)
    }

    /// From this log time on something is expected also of those sources of which nothing was known before. Calling it again changes nothing.
    pub fn begin(&mut self, time: i64) {
        let at = *self.at.get_or_insert(time.div_euclid(self.every_us) * self.every_us);
        for source in self.sources.values_mut().filter(|source| source.since.is_none()) {
            source.begin(time, at, self.every_us);
        }
    }

    /// Log time has come to `time`: the reports that are due, in order. Call it before what was stored at that time is told.
    pub fn advance(&mut self, time: i64) -> Vec<Vec<Report>> {
        let Some(mut at) = self.at else { return Vec::new() };
        let due = (time - at) / self.every_us;
        let step = (due + REPORTS_MAX - 1) / REPORTS_MAX;
        let mut reports = Vec::new();
        let mut left = due.max(0);
        while left > 0 {
            let wide = step.min(left);
            left -= wide;
            at += wide * self.every_us;
            let known = self.sources.iter_mut().filter(|(_, source)| source.since.is_some());
            reports.push(known.map(|(id, source)| source.report(id, at, self.every_us)).collect());
        }
        self.at = Some(at);
        reports
    }

    /// A poll of `target` with an event of this time was told at this log time.
    pub fn tell(&mut self, source: &str, target: &str, time: i64, log_time: i64, outcome: Outcome) {
        let Some(source) = self.sources.get_mut(source) else { return };
        let Some(target) = source.targets.get_mut(target) else { return };
        source.newest = source.newest.max(Some(time));
        let moment = target.grid.at_or_before(time);
        if moment <= target.settled {
            return;
        }
        let late = log_time >= moment.saturating_add(target.grid.every_us());
        let told = target.told.entry(moment).or_insert((outcome, late));
        *told = (told.0.max(outcome), told.1 && late);
    }

    /// Whether any event of the source is a poll.
    pub fn takes_anything(&self, source: &str) -> bool {
        self.sources.get(source).is_some_and(|source| source.targets.contains_key(""))
    }

    /// How each source stands at this time.
    pub fn standings(&self, now: i64) -> impl Iterator<Item = (&str, Standing)> {
        self.sources.iter().map(move |(id, source)| (id.as_str(), source.standing(now)))
    }
}

impl Source {
    fn begin(&mut self, since: i64, at: i64, every_us: i64) {
        self.since = Some(since);
        for target in self.targets.values_mut() {
            target.judged = since.max(at.saturating_sub(target.grid.every_us()));
            target.settled = since.max(at.saturating_sub(target.grid.every_us()).saturating_sub(every_us));
            // What was told before anything was expected.
            target.told.retain(|moment, _| *moment > target.settled);
        }
    }

    fn report(&mut self, id: &str, at: i64, every_us: i64) -> Report {
        let mut report = Report { source: id.to_owned(), at, ..Report::default() };
        for (name, target) in &mut self.targets {
            target.report(name, at, every_us, &mut report);
        }
        report
    }

    fn standing(&self, now: i64) -> Standing {
        let overdue = |target: &&Target| {
            let moment = target.grid.at_or_before(now).saturating_sub(target.grid.every_us());
            // Of what is settled it was told already, or it is missed.
            self.since.is_some_and(|since| moment > since) && !target.told.contains_key(&moment)
        };
        Standing {
            last_poll: self.newest.map(Timestamp::from_micros),
            next_due: self.targets.values().map(|target| Timestamp::from_micros(target.grid.after(now))).min(),
            overdue: self.targets.values().filter(overdue).count() as u64,
        }
    }
}

impl Target {
    fn report(&mut self, name: &str, at: i64, every_us: i64, report: &mut Report) {
        // Polls that are rarer than reports: until the first is over there is nothing to judge.
        let judged = at.saturating_sub(self.grid.every_us()).max(self.judged);
        let in_time =
            self.told.range((Bound::Excluded(self.judged), Bound::Included(judged))).filter(|(_, (_, late))| !late).count() as u64;
        report.late += self.grid.count(self.judged, judged) - in_time;
        self.judged = judged;

        let settled = at.saturating_sub(self.grid.every_us()).saturating_sub(every_us).max(self.settled);
        let expected = self.grid.count(self.settled, settled);
        let mut later = self.told.split_off(&(settled + 1));
        std::mem::swap(&mut later, &mut self.told);
        let told = later;
        let done = told.values().filter(|(outcome, _)| *outcome == Outcome::Done).count() as u64;
        let missed = expected - told.len() as u64;
        report.expected += expected;
        report.done += done;
        report.failed += told.len() as u64 - done;
        report.missed += missed;
        if missed > 0 {
            let (mut first, mut last) = (self.grid.after(self.settled), self.grid.at_or_before(settled));
            while told.contains_key(&first) {
                first += self.grid.every_us();
            }
            while told.contains_key(&last) {
                last -= self.grid.every_us();
            }
            let between = report.missed_between.get_or_insert((first, last));
            *between = (between.0.min(first), between.1.max(last));
            report.missed_of.insert(name.to_owned(), missed);
        }
        self.settled = settled;
    }
}

/// What tells one plan from another.
fn plan(expected: &[Expected]) -> String {
    let line = |Expected { target, grid }: &Expected| format!("{target:?} {} {}", grid.every_us(), grid.at_or_before(0));
    let mut lines: Vec<_> = expected.iter().map(line).collect();
    lines.sort();
    format!("{:016x}", XxHash3_64::oneshot(lines.join("\n").as_bytes()))
}
