//! The state machine of one series: from what an observation says to the steps of alerts.
//!
//! - What was observed holds until the next observation. So an alert fires when its condition was met for [`Timing::for_us`],
//!   at that very moment, also when no observation falls on it; an observation of the same moment comes first.
//! - An observation says which severities are met. The alert has the gravest of them at once, and keeps each for
//!   [`Timing::keep_firing_for_us`] after it was met last; when none is met any more it is recovering, and resolved when none is kept.
//! - No data, and observations that cannot be judged, lie over that like a veil: nothing of it moves until something can be judged.
//! - Time goes on by observations, and by deadlines that the caller knows to have passed. An observation that is earlier than the
//!   newest step of the alert counts at the time of that step: what was told is not taken back.

use floodmark_schemas::{AlertState, Severity};
use serde::{Deserialize, Serialize};

use super::flaps::Flaps;
use super::timing::Timing;

/// Severities that are met, one bit for each; 0 when the condition is not.
pub type Levels = u8;

/// The bit of a severity.
pub fn bit(severity: Severity) -> Levels {
    1 << severity as u8
}

/// The gravest of some severities.
pub fn gravest(levels: Levels) -> Option<Severity> {
    Severity::ALL.into_iter().rev().find(|severity| levels & bit(*severity) != 0)
}

/// One step of an alert of the series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// What it is now.
    pub state: AlertState,
    /// What it was.
    pub before: AlertState,
    /// How grave it is.
    pub severity: Severity,
    /// Since when.
    pub time: i64,
    /// When the alert began.
    pub began: i64,
    /// When it fired.
    pub fired: Option<i64>,
    /// The number of the step.
    pub number: u32,
    /// Whether the series flaps.
    pub flapping: bool,
    /// The value that was observed last, if one was.
    pub value: Option<f64>,
}

/// The state of one series. While all is well it takes no more than its own few bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    busy: Option<Box<Busy>>,
    /// When the newest alert began: no other one begins at the same moment, so that their ids differ.
    last_began: i64,
}

impl Default for Machine {
    fn default() -> Self {
        Self { busy: None, last_began: i64::MIN }
    }
}

/// Of a series that has an alert, or had one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Busy {
    phase: Phase,
    veil: Veil,
    /// Which severities were met at the last observation.
    met: Levels,
    /// Until when a severity is kept that is not met any more.
    kept: [Option<i64>; 4],
    /// Since when the condition is met.
    since: i64,
    /// Since when nothing could be judged.
    unjudged: Option<i64>,
    /// What was told of the newest alert.
    told: Option<Told>,
    flaps: Flaps,
    value: Option<f64>,
    /// What stands in the annotations of what matched.
    pub(super) text: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    #[default]
    Quiet,
    Pending,
    Firing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Veil {
    #[default]
    None,
    NoData,
    Error,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    began: i64,
    fired: Option<i64>,
    /// How many steps there were.
    steps: u32,
    time: i64,
    state: AlertState,
    severity: Severity,
    flapping: bool,
    /// Whether somebody should have been told.
    active: bool,
}

impl Machine {
    /// Whether it has nothing to remember, so that an observation which is not met changes nothing.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.busy.is_none()
    }

    /// Whether there is an alert that is not over.
    pub fn has_alert(&self) -> bool {
        self.busy.as_ref().and_then(|busy| busy.told.as_ref()).is_some_and(|told| !told.state.is_over())
    }

    /// What matched last.
    pub(super) fn text(&self) -> Option<&str> {
        self.busy.as_ref()?.text.as_deref()
    }

    /// Takes note of what matched.
    pub(super) fn set_text(&mut self, text: String) {
        if let Some(busy) = &mut self.busy {
            busy.text = Some(text);
        }
    }

    /// An observation at `time`, which is not earlier than any before it: which severities are met, and the value.
    pub fn observe(&mut self, time: i64, met: Levels, value: Option<f64>, timing: &Timing, steps: &mut Vec<Step>) {
        if self.is_idle() && met == 0 {
            return;
        }
        let time = self.not_before_told(time);
        self.pass(time, false, timing, steps);
        let Self { busy, last_began } = self;
        let busy = busy.get_or_insert_default();
        busy.unveil(time, steps);
        busy.value = value.filter(|value| value.is_finite());
        busy.meet(time, met, timing, last_began);
        busy.settle(time, timing, last_began, steps);
        if timing.momentary {
            busy.meet(time, 0, timing, last_began);
        }
        self.rest();
    }

    /// Something came at `time` that cannot be judged.
    pub fn cannot_judge(&mut self, time: i64, timing: &Timing, steps: &mut Vec<Step>) {
        if timing.error_for_us.is_none() {
            return;
        }
        let time = self.not_before_told(time);
        self.pass(time, false, timing, steps);
        let Self { busy, last_began } = self;
        let busy = busy.get_or_insert_default();
        busy.unjudged.get_or_insert(time);
        busy.settle(time, timing, last_began, steps);
        self.rest();
    }

    /// Nothing came for too long, which was so at `time`.
    pub fn no_data(&mut self, time: i64, timing: &Timing, steps: &mut Vec<Step>) {
        let Self { busy, last_began } = self;
        let busy = busy.get_or_insert_default();
        if busy.veil != Veil::NoData {
            busy.veil = Veil::NoData;
            busy.settle(time, timing, last_began, steps);
        }
    }

    /// The series is given up at `time`: what is not over is.
    pub fn give_up(&mut self, time: i64, steps: &mut Vec<Step>) {
        if let Some(mut busy) = self.busy.take() {
            busy.close(time, steps);
        }
    }

    /// Whether the veil of no data lies over it.
    pub fn has_no_data(&self) -> bool {
        self.busy.as_ref().is_some_and(|busy| busy.veil == Veil::NoData)
    }

    /// Time has come to `time`, and deadlines before it have passed; with `also` those at it.
    pub fn pass(&mut self, time: i64, also: bool, timing: &Timing, steps: &mut Vec<Step>) {
        let Self { busy, last_began } = self;
        let Some(busy) = busy else { return };
        while let Some(deadline) = busy.deadline(timing).filter(|deadline| *deadline < time || also && *deadline == time) {
            busy.settle(deadline, timing, last_began, steps);
        }
        self.rest();
    }

    /// When something happens next if no observation comes.
    pub fn deadline(&self, timing: &Timing) -> Option<i64> {
        self.busy.as_ref()?.deadline(timing)
    }

    fn not_before_told(&self, time: i64) -> i64 {
        let told = self.busy.as_ref().and_then(|busy| busy.told.as_ref()).filter(|told| !told.state.is_over());
        told.map_or(time, |told| time.max(told.time))
    }

    fn rest(&mut self) {
        if self.busy.as_ref().is_some_and(|busy| busy.is_done()) {
            self.busy = None;
        }
    }

    pub(super) fn parts(&self) -> (Option<&Busy>, i64) {
        (self.busy.as_deref(), self.last_began)
    }

    pub(super) fn of(busy: Option<Busy>, last_began: i64) -> Self {
        Self { busy: busy.map(Box::new), last_began }
    }
}

impl Busy {
    fn is_done(&self) -> bool {
        self.phase == Phase::Quiet && self.veil == Veil::None && self.told.is_none() && self.unjudged.is_none() && self.flaps.is_empty()
    }

    /// Something can be judged again. An alert that was for the lack of it is over.
    fn unveil(&mut self, time: i64, steps: &mut Vec<Step>) {
        self.unjudged = None;
        if std::mem::take(&mut self.veil) != Veil::None && self.phase == Phase::Quiet {
            self.close(time, steps);
        }
    }

    /// Takes what is met, before anything follows from it.
    fn meet(&mut self, time: i64, met: Levels, timing: &Timing, last_began: &mut i64) {
        if self.phase == Phase::Firing {
            for severity in Severity::ALL.into_iter().filter(|severity| (self.met | met) & bit(*severity) != 0) {
                let place = &mut self.kept[severity as usize];
                *place = (met & bit(severity) == 0).then(|| time.saturating_add(timing.keep_firing_for_us));
            }
        }
        if self.phase == Phase::Quiet && met != 0 {
            (self.phase, self.since) = (Phase::Pending, time);
            self.told = None;
            self.begin(time, last_began);
        }
        self.met = met;
    }

    /// Draws all that follows at `time`.
    fn settle(&mut self, time: i64, timing: &Timing, last_began: &mut i64, steps: &mut Vec<Step>) {
        if self.error_at(timing).is_some_and(|at| at <= time) {
            self.veil = Veil::Error;
        }
        if self.veil == Veil::None {
            if self.phase == Phase::Pending && self.met != 0 && self.since.saturating_add(timing.for_us) <= time {
                (self.phase, self.kept) = (Phase::Firing, [None; 4]);
                self.told.iter_mut().for_each(|told| told.fired = Some(time));
                self.flaps.change(time, timing);
            }
            self.kept.iter_mut().for_each(|kept| *kept = kept.filter(|until| *until > time));
            let nothing_kept = self.kept.iter().all(Option::is_none);
            if self.met == 0 && (self.phase == Phase::Pending || self.phase == Phase::Firing && nothing_kept) {
                if self.phase == Phase::Firing {
                    self.flaps.change(time, timing);
                }
                self.phase = Phase::Quiet;
            }
        } else if self.told.as_ref().is_none_or(|told| told.state.is_over()) {
            self.told = None;
            self.begin(time, last_began);
        }
        self.flaps.settle(time, timing);
        self.tell(time, timing, steps);
    }

    /// An alert begins of which nothing was told yet.
    fn begin(&mut self, time: i64, last_began: &mut i64) {
        let began = if time > *last_began { time } else { last_began.saturating_add(1) };
        *last_began = began;
        let (state, severity) = (AlertState::Inactive, Severity::Info);
        self.told = Some(Told { began, fired: None, steps: 0, time: began, state, severity, flapping: false, active: false });
    }

    fn error_at(&self, timing: &Timing) -> Option<i64> {
        let asked = self.unjudged.zip(timing.error_for_us).filter(|_| self.veil != Veil::Error);
        asked.map(|(since, span)| since.saturating_add(span))
    }

    fn deadline(&self, timing: &Timing) -> Option<i64> {
        let of_phase = match self.phase {
            Phase::Pending if self.veil == Veil::None => Some(self.since.saturating_add(timing.for_us)),
            Phase::Firing if self.veil == Veil::None => self.kept.iter().flatten().min().copied(),
            _ => None,
        };
        [of_phase, self.error_at(timing), self.flaps.ends(timing)].into_iter().flatten().min()
    }

    /// Which severities count at the moment.
    fn counted(&self) -> Levels {
        let kept = Severity::ALL.into_iter().filter(|severity| self.kept[*severity as usize].is_some());
        kept.fold(self.met, |levels, severity| levels | bit(severity))
    }

    fn shown(&self, told: &Told, timing: &Timing) -> AlertState {
        match (self.veil, self.phase) {
            (Veil::NoData, _) => AlertState::NoData,
            (Veil::Error, _) => AlertState::Error,
            (Veil::None, Phase::Pending) => AlertState::Pending,
            (Veil::None, Phase::Firing) if self.met != 0 || timing.momentary => AlertState::Firing,
            (Veil::None, Phase::Firing) => AlertState::Recovering,
            (Veil::None, Phase::Quiet) => told.over(),
        }
    }

    /// Tells what has changed, if anything has.
    fn tell(&mut self, time: i64, timing: &Timing, steps: &mut Vec<Step>) {
        let Some(told) = &self.told else { return };
        let state = self.shown(told, timing);
        let severity = match (self.veil, self.phase) {
            (_, Phase::Quiet) if self.veil != Veil::None => timing.severity,
            (Veil::None, Phase::Pending | Phase::Firing) => gravest(self.counted()).unwrap_or(told.severity),
            _ => told.severity,
        };
        self.step(time, state, severity, steps);
        if self.phase == Phase::Quiet && self.veil == Veil::None && !self.flaps.is_flapping() {
            self.told = None;
        }
    }

    /// The alert is over, whatever it was.
    fn close(&mut self, time: i64, steps: &mut Vec<Step>) {
        if let Some(told) = &self.told {
            let (state, severity) = (told.over(), told.severity);
            self.step(time, state, severity, steps);
        }
        self.told = None;
    }

    fn step(&mut self, time: i64, state: AlertState, severity: Severity, steps: &mut Vec<Step>) {
        let (flapping, value) = (self.flaps.is_flapping(), self.value);
        let Some(told) = &mut self.told else { return };
        let (before, number) = (told.state, told.steps);
        if (before, told.severity, told.flapping) == (state, severity, flapping) && number > 0 {
            return;
        }
        // Log time and event time may disagree; the steps of an alert do not go back.
        told.time = told.time.max(time);
        (told.state, told.severity, told.flapping, told.steps) = (state, severity, flapping, number + 1);
        told.active |= state.is_active();
        let Told { began, fired, time, .. } = *told;
        steps.push(Step { state, before, severity, time, began, fired, number, flapping, value });
    }
}

impl Told {
    /// What it is when it is over.
    fn over(&self) -> AlertState {
        if self.active { AlertState::Resolved } else { AlertState::Inactive }
    }
}
