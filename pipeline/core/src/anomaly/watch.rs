//! One series under watch: its detector, and what a user makes of the scores.

use floodmark_schemas::{Episode, ScoreState};

use super::counter::Counter;
use super::detector::{Detector, Judged};
use super::episode::Open;
use super::recent::{Recent, Seen};

/// Events that must have been judged before any is called unusual.
const LEARNING_EVENTS: u64 = 300;
/// How much event time must have gone by: a day, so that every time of the day was met.
const LEARNING_US: i64 = 86_400_000_000;

/// The state of one series. A million of them must fit into memory: see the test on its size.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub detector: Detector,
    /// The earliest time so far; [`LEARNT`] when learning is over.
    pub learning_since: i64,
    /// The latest time so far.
    pub seen: i64,
    pub episode: Option<Box<Open>>,
    /// What only counters and rollups need.
    pub history: Option<Box<History>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    /// Of a series that is differenced; its reading is absent until there is one.
    pub counter: Option<Option<Counter>>,
    /// Of a series of rollups.
    pub recent: Option<Recent>,
}

/// In the place of the time since which a series is learnt: it is known. No `Option`, because each byte counts a million times.
pub(super) const LEARNT: i64 = i64::MIN;

/// What was found of one value, for the user.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub value: f64,
    pub judged: Judged,
    pub state: ScoreState,
    pub change: Change,
    pub episode: Option<Episode>,
    /// How many values of the same time came just before.
    pub revision: u32,
}

/// What a value changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// Learning is over.
    Learnt,
    /// An episode opens.
    Opens,
    /// It closes.
    Closes,
}

impl Watch {
    pub fn new(is_counter: bool, is_rollup: bool) -> Self {
        let history = History { counter: is_counter.then_some(None), recent: is_rollup.then(Recent::default) };
        Self {
            detector: Detector::default(),
            learning_since: i64::MAX,
            seen: i64::MIN,
            episode: None,
            history: (is_counter || is_rollup).then(|| Box::new(history)),
        }
    }

    /// Gives up what lies elsewhere, when nobody needs it any more.
    pub fn empty(&mut self) {
        self.detector.season.day = None;
        (self.episode, self.history) = (None, None);
    }

    /// Judges and learns what was read at `time`, in microseconds. `id` names the score, from the value and the revision, when it opens an episode. `None` when
    /// there is nothing to judge: the first reading of a counter, a reset, or no number.
    pub fn judge(&mut self, time: i64, read: f64, threshold: f64, id: impl FnOnce(f64, u32) -> String) -> Option<Verdict> {
        self.seen = self.seen.max(time);
        let counter = self.history.as_mut().and_then(|history| history.counter.as_mut());
        let reading_before = counter.as_deref().copied().flatten();
        let value = counter.map_or(Some(read), |last| Counter::rate(last, time, read))?;
        let (before, slope) = (self.detector.previous, self.detector.novelty_slope());
        let judged = self.detector.score(time, value)?;
        if let Some(recent) = self.history.as_mut().and_then(|history| history.recent.as_mut()) {
            let Judged { novelty, staleness, .. } = judged;
            recent.learn(Seen { end: time, value, before, counter: reading_before, novelty, slope, staleness });
        }
        let learnt = self.follow_learning(time);
        let revision = self.detector.repeats;
        let (change, episode) = self.follow_episode(time, judged.score(), threshold, || id(value, revision));
        let change = if change == Change::None && learnt { Change::Learnt } else { change };
        Some(Verdict { value, judged, state: self.state(), change, episode, revision })
    }

    /// Judges the corrected reading of a window once more, without learning. Nothing opens or closes by it.
    pub fn reconsider(&mut self, end: i64, read: f64) -> Option<Verdict> {
        let history = self.history.as_mut()?;
        let seen = history.recent.as_ref().and_then(|recent| recent.find(end));
        let value = match &mut history.counter {
            None => read,
            Some(last) => {
                // What comes next is differenced from the corrected reading.
                last.iter_mut().filter(|last| last.time == end).for_each(|last| last.value = read);
                Counter::between(seen?.counter?, end, read)?
            }
        };
        let mut judged = self.detector.reconsider(end, value, seen.map_or(value, |seen| seen.before))?;
        if let Some(seen) = seen {
            let kept = seen.novelty - (value - seen.value).abs() * seen.slope;
            judged.novelty = judged.novelty.max(kept);
            judged.staleness = if value == seen.value { seen.staleness } else { 0.0 };
        }
        let episode = self.episode.as_ref().filter(|open| open.opened <= end).map(|open| open.told(false));
        Some(Verdict { value, judged, state: self.state(), change: Change::None, episode, revision: 0 })
    }

    fn state(&self) -> ScoreState {
        match &self.episode {
            _ if self.is_learning() => ScoreState::Learning,
            Some(_) => ScoreState::Anomalous,
            None => ScoreState::Normal,
        }
    }

    pub fn is_learning(&self) -> bool {
        self.learning_since != LEARNT
    }

    /// Whether learning ends now.
    fn follow_learning(&mut self, time: i64) -> bool {
        if !self.is_learning() {
            return false;
        }
        self.learning_since = self.learning_since.min(time.max(LEARNT + 1));
        let over = self.detector.count() >= LEARNING_EVENTS && self.seen.saturating_sub(self.learning_since) >= LEARNING_US;
        if over {
            self.learning_since = LEARNT;
        }
        over
    }

    fn follow_episode(&mut self, time: i64, score: f64, threshold: f64, id: impl FnOnce() -> String) -> (Change, Option<Episode>) {
        let known = !self.is_learning();
        match &mut self.episode {
            Some(open) => {
                let closes = open.learn(score, threshold);
                let told = open.told(closes);
                if closes {
                    self.episode = None;
                }
                (if closes { Change::Closes } else { Change::None }, Some(told))
            }
            None if known && score >= threshold => {
                let open = Open { id: id(), opened: time, peak: score, quiet: 0 };
                let told = open.told(false);
                self.episode = Some(Box::new(open));
                (Change::Opens, Some(told))
            }
            None => (Change::None, None),
        }
    }
}
