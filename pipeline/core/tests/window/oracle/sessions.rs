//! Sessions, each with all its events.

use std::collections::BTreeMap;

use floodmark_core::window::Spec;
use floodmark_schemas::Aggregates;

use super::{Fate, Key, Out, micros, rollup};

#[derive(Default)]
struct Session {
    events: Vec<(i64, f64)>,
    sum: f64,
    emitted: u32,
}

#[derive(Default)]
pub struct Sessions {
    /// Those of each series in the order of time.
    kept: BTreeMap<Key, Vec<Session>>,
    ranks: BTreeMap<Key, usize>,
    ranked: usize,
}

impl Session {
    fn start(&self) -> i64 {
        self.events.iter().map(|(time, _)| *time).min().unwrap()
    }

    fn end(&self, gap: i64) -> i64 {
        self.events.iter().map(|(time, _)| *time).max().unwrap() + gap
    }

    fn fire(&mut self, key: &Key, gap: i64) -> Out {
        self.emitted += 1;
        rollup(key, (self.start(), self.end(gap)), self.emitted - 1, &self.events, self.sum)
    }

    fn retract(&self, key: &Key, gap: i64) -> Out {
        let (source, series) = key.clone();
        let (start, end, aggregates) = (self.start(), self.end(gap), Aggregates::default());
        Out::Rollup { source, series, start, end, revision: self.emitted, aggregates, values: Vec::new() }
    }
}

impl Sessions {
    pub fn last_end(&self, gap: i64) -> Option<i64> {
        self.kept.values().flatten().map(|session| session.end(gap)).max()
    }

    pub fn take(&mut self, spec: &Spec, watermark: Option<i64>, key: &Key, event: (i64, f64), out: &mut Vec<Out>) -> Fate {
        let gap = micros(spec.size);
        let (time, value) = event;
        let passed = |time: i64| watermark.is_some_and(|watermark| watermark >= time);
        let mine = self.kept.remove(key).unwrap_or_default();
        let series = self.kept.len();
        let was_known = !mine.is_empty();
        let (reached, mut others): (Vec<Session>, Vec<Session>) =
            mine.into_iter().partition(|session| time < session.end(gap) && session.start() < time + gap);
        let late = reached.is_empty() && passed(time + gap + micros(spec.allowed_lateness));
        let overflow = !late && !was_known && series >= spec.series_max;
        if !late && !overflow {
            if !was_known {
                self.ranks.insert(key.clone(), self.ranked);
                self.ranked += 1;
            }
            let mut session = Session::default();
            let same = reached.len() == 1 && (reached[0].start()..reached[0].end(gap) - gap + 1).contains(&time);
            session.emitted = if same { reached[0].emitted } else { 0 };
            // The later one first.
            out.extend(reached.iter().rev().filter(|session| !same && session.emitted > 0).map(|session| session.retract(key, gap)));
            for part in reached {
                session.events.extend(part.events);
                session.sum += part.sum;
            }
            session.events.push(event);
            session.sum += value;
            if passed(session.end(gap)) {
                out.push(session.fire(key, gap));
            }
            others.push(session);
            others.sort_by_key(Session::start);
        }
        if !others.is_empty() {
            self.kept.insert(key.clone(), others);
        }
        Fate { late, overflow }
    }

    pub fn advance(&mut self, spec: &Spec, now: i64, out: &mut Vec<Out>) {
        let gap = micros(spec.size);
        let mut firing: Vec<(i64, usize, &Key, &mut Session)> = Vec::new();
        for (key, sessions) in &mut self.kept {
            let due = sessions.iter_mut().filter(|session| session.emitted == 0 && session.end(gap) <= now);
            firing.extend(due.map(|session| (session.end(gap), self.ranks[key], key, session)));
        }
        firing.sort_by_key(|(end, rank, _, _)| (*end, *rank));
        out.extend(firing.into_iter().map(|(_, _, key, session)| session.fire(key, gap)));
        for sessions in self.kept.values_mut() {
            sessions.retain(|session| session.emitted == 0 || session.end(gap) + micros(spec.allowed_lateness) > now);
        }
        self.kept.retain(|_, sessions| !sessions.is_empty());
    }
}
