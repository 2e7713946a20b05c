//! What other operators commit as what a rule looks at.
//!
//! A window is judged when it fires, at its end; what is corrected later is not judged again. Scores of a series that is still learnt
//! are passed over. Silence is not told of results: windows fire only when something comes.

use floodmark_schemas::commit::{CAUSE_TIME, Output};
use floodmark_schemas::{Evidence, Rollup, Score, ScoreState};

use super::rule::{At, Observation, Rule};
use super::spec::Input;
use crate::Result;
use crate::aggregate::pick;
use crate::ports::{Entry, Outputs};
use crate::taking::takes_metric;

impl Rule {
    /// Takes an entry of the jobs of the other operator.
    pub(super) fn take_commits(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        let Some(upstream) = self.spec.input.upstream().cloned() else { return Ok(()) };
        upstream.take(entry, &mut self.progress)?;
        let log_time = entry.headers.parse(CAUSE_TIME).unwrap_or(entry.time.micros());
        while let Some(commit) = upstream.next(&mut self.progress) {
            let at = At { position: commit.in_position, log_time };
            for output in &commit.outputs {
                match output {
                    Output::Rollup(rollup) => self.take_rollup(rollup, at, outputs),
                    Output::Score(score) => self.take_score(score, at, outputs),
                    Output::Late(_) | Output::Alert(_) => {}
                }
            }
            for (name, time) in upstream.watermarks(&self.progress) {
                // A source that has ended says nothing of the time after it.
                let Some(source) = self.lanes.find(&name).filter(|_| time < i64::MAX) else { continue };
                let (before, reached) = self.lanes.part(source).reach(time);
                self.follow(source, before, reached, at, outputs);
            }
            self.compact();
        }
        Ok(())
    }

    fn take_rollup(&mut self, rollup: &Rollup, at: At, outputs: &mut Outputs) {
        let Rollup { source, series, window, revision, aggregates, id, .. } = rollup;
        let Input::Rollups(_, names) = &self.spec.input else { return };
        if *revision > 0 || !self.takes(source, &series.metric) {
            return;
        }
        let numbers: Vec<f64> = names.iter().map(|name| pick(aggregates, name).unwrap_or(f64::NAN)).collect();
        // A share of the time says little without the time that it is a share of.
        let is_availability = names.first().is_some_and(|name| name == "availability");
        let observed = aggregates.availability.filter(|_| is_availability);
        let text = observed.map(|share| format!("observed for {:.1} % of the time", share.observed * 100.0));
        let (source, id_of_series) = self.enter(source, &series.key());
        self.counts.events += 1;
        let observation = Observation { source, id: id_of_series, time: window.end.micros(), numbers: &numbers };
        self.observe(observation, text.as_ref(), at, || Evidence::Rollup { id: id.clone(), window: *window }, outputs);
    }

    fn take_score(&mut self, score: &Score, at: At, outputs: &mut Outputs) {
        let Score { source, series, state, window, revision, id, .. } = score;
        let is_corrected = window.is_some() && *revision > 0;
        if *state == ScoreState::Learning || is_corrected || !self.takes(source, &series.metric) {
            return;
        }
        if !matches!(self.spec.input, Input::Scores(_) | Input::Episodes(_)) {
            return;
        }
        let is_open = score.episode.as_ref().is_some_and(|episode| !episode.closed);
        let (source, id_of_series) = self.enter(source, &series.key());
        self.counts.events += 1;
        let observation =
            Observation { source, id: id_of_series, time: score.time.micros(), numbers: &[score.score, f64::from(u8::from(is_open))] };
        self.observe(observation, None, at, || Evidence::Score { id: id.clone() }, outputs);
    }

    fn takes(&self, source: &str, metric: &str) -> bool {
        self.spec.takes_source(source) && takes_metric(self.spec.metrics.as_deref(), metric)
    }

    fn enter(&mut self, source: &str, key: &str) -> (u32, u32) {
        let source = self.lanes.enter(source);
        (source, self.watches.table.intern(source, key))
    }
}
