//! A naive evaluation of rules with limits: second by second, with all observations kept and all of them looked at anew each time.

use std::collections::BTreeMap;

use floodmark_core::alert::{Flapping, Limits, Needed, Side};
use floodmark_schemas::{AlertState, Severity};

/// What a rule is asked for, in seconds.
#[derive(Clone, Debug)]
pub struct Asked {
    pub limits: Limits,
    pub needed: Option<Needed>,
    pub for_secs: i64,
    pub keep_secs: i64,
    /// Changes, and the span in seconds.
    pub flapping: Option<(u32, i64)>,
}

impl Asked {
    pub fn flapping(&self) -> Option<Flapping> {
        self.flapping.map(|(changes, secs)| Flapping { changes, within_us: secs * 1_000_000 })
    }
}

/// A step: number, before, state, severity, time, began, fired, value, whether it flaps.
pub type Told = (u32, AlertState, AlertState, Severity, i64, i64, Option<i64>, f64, bool);

/// One series.
#[derive(Default)]
pub struct Series {
    /// The values of all observations that counted.
    values: Vec<f64>,
    newest: Option<i64>,
    /// Up to where seconds have been looked at.
    clock: i64,
    alert: Option<Alert>,
    last_began: Option<i64>,
    changes: Vec<i64>,
    flapping: bool,
    pub told: Vec<Told>,
}

#[derive(Clone)]
struct Alert {
    began: i64,
    fired: Option<i64>,
    state: AlertState,
    severity: Severity,
    time: i64,
    steps: u32,
    flapping: bool,
    /// When each severity was left.
    left: BTreeMap<Severity, i64>,
}

impl Series {
    /// An observation, as it comes from the log.
    pub fn observe(&mut self, secs: i64, value: f64, asked: &Asked) {
        if self.newest.is_some_and(|newest| secs < newest) {
            return;
        }
        self.newest = Some(secs);
        let open = self.alert.as_ref().filter(|alert| !alert.state.is_over());
        let secs = open.map_or(secs, |alert| secs.max(alert.time));
        self.seconds_before(secs, asked);
        let before = self.met(asked);
        self.values.push(value);
        let now = self.met(asked);
        if let Some(alert) = &mut self.alert {
            for severity in Severity::ALL {
                match (before.contains(&severity), now.contains(&severity)) {
                    (_, true) => drop(alert.left.remove(&severity)),
                    (true, false) if alert.fired.is_some() => drop(alert.left.insert(severity, secs)),
                    _ => {}
                }
            }
        }
        self.look(secs, asked);
        self.clock = secs;
    }

    /// All seconds before this one.
    pub fn seconds_before(&mut self, secs: i64, asked: &Asked) {
        while self.clock + 1 < secs && !self.values.is_empty() {
            // Nothing happens later than this after an observation, and seconds are many.
            if self.alert.is_none() && !self.flapping {
                self.clock = secs - 1;
                break;
            }
            self.clock += 1;
            self.look(self.clock, asked);
        }
    }

    /// Which severities count as met: the limits are gone through from the first observation on.
    fn met(&self, asked: &Asked) -> Vec<Severity> {
        let of = |limit: &floodmark_core::alert::Limit| {
            let mut on = false;
            let each = self.values.iter().map(|value| {
                let edge = if on { limit.recover_at } else { limit.at };
                on = match limit.side {
                    Side::Above => *value > edge,
                    Side::Below => *value < edge,
                };
                on
            });
            let each: Vec<bool> = each.collect();
            match asked.needed {
                None => each.last() == Some(&true),
                Some(Needed { n, m }) => each.iter().rev().take(m as usize).filter(|on| **on).count() >= n as usize,
            }
        };
        asked.limits.0.iter().filter(|limit| of(limit)).map(|limit| limit.severity).collect()
    }

    fn look(&mut self, secs: i64, asked: &Asked) {
        let met = self.met(asked);
        if self.alert.as_ref().is_none_or(|alert| alert.state.is_over()) && !met.is_empty() {
            assert!(self.last_began.is_none_or(|last| last < secs), "the worlds of this test have no two alerts that begin at once");
            self.last_began = Some(secs);
            let (state, severity) = (AlertState::Inactive, Severity::Info);
            let alert = Alert { began: secs, fired: None, state, severity, time: secs, steps: 0, flapping: false, left: BTreeMap::new() };
            self.alert = Some(Alert { state: AlertState::Inactive, ..alert });
            self.go_on(secs, &met, asked, true);
        } else {
            self.go_on(secs, &met, asked, false);
        }
    }

    fn go_on(&mut self, secs: i64, met: &[Severity], asked: &Asked, is_new: bool) {
        let Some(mut alert) = self.alert.clone() else {
            self.settle_flapping(secs, asked);
            return;
        };
        let was_over = alert.state.is_over() && !is_new;
        if !was_over {
            if alert.fired.is_none() && !met.is_empty() && secs - alert.began >= asked.for_secs {
                alert.fired = Some(secs);
                self.change(secs, asked);
            }
            let kept = |severity: &Severity| alert.left.get(severity).is_some_and(|left| secs < left + asked.keep_secs);
            let counted = Severity::ALL.into_iter().filter(|severity| met.contains(severity) || kept(severity)).max();
            alert.state = match (alert.fired, met.is_empty(), counted) {
                (None, true, _) => AlertState::Inactive,
                (None, false, _) => AlertState::Pending,
                (Some(_), false, _) => AlertState::Firing,
                (Some(_), true, Some(_)) => AlertState::Recovering,
                (Some(_), true, None) => AlertState::Resolved,
            };
            alert.severity = counted.unwrap_or(alert.severity);
            if alert.state == AlertState::Resolved {
                self.change(secs, asked);
            }
        }
        self.settle_flapping(secs, asked);
        alert.flapping = self.flapping;
        let before = self.alert.clone().unwrap();
        let is_changed = (before.state, before.severity, before.flapping) != (alert.state, alert.severity, alert.flapping);
        if is_new || is_changed {
            alert.time = alert.time.max(secs);
            alert.steps += 1;
            let value = *self.values.last().unwrap();
            let Alert { began, fired, state, severity, time, steps, flapping, .. } = alert;
            self.told.push((steps - 1, before.state, state, severity, time, began, fired, value, flapping));
        }
        let is_done = alert.state.is_over() && !self.flapping;
        self.alert = (!is_done).then_some(alert);
    }

    fn change(&mut self, secs: i64, asked: &Asked) {
        let Some((changes, within)) = asked.flapping else { return };
        self.changes.push(secs);
        let first = self.changes.iter().rev().nth(changes as usize - 1);
        self.flapping |= first.is_some_and(|first| secs - first < within);
    }

    fn settle_flapping(&mut self, secs: i64, asked: &Asked) {
        let Some((changes, within)) = asked.flapping else { return };
        let half = changes.div_ceil(2) as usize;
        if self.flapping && self.changes.iter().rev().nth(half - 1).is_none_or(|change| secs - change >= within) {
            self.flapping = false;
        }
    }
}
