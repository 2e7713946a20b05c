//! Whose turn it is: the polls of one credential, one after the other, with what slows them down.
//!
//! Every scheduled moment of every task gives a turn, also while the service has asked to wait: such a turn comes with
//! a [`Hold`] that says why the task must not be polled, so that the wait leaves checks and not silence. Beside the
//! schedule there are repeats: soon after an answer that may be better next time, and when a wait is over.

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use floodmark_core::ports::Clock;
use floodmark_schemas::{Check, Reason, Timestamp, series::fnv1a};

use crate::sources::polling::{Schedule, Tick};

/// How many times a failed poll is repeated before the next scheduled one.
pub const REPEATS_MAX: u32 = 3;
/// After how many answers in a row that asked to wait there are no more repeats, only scheduled polls.
pub const STRIKES_MAX: u32 = 5;
/// The wait before the first repeat; each further one waits twice as long.
const REPEAT_AFTER: Duration = Duration::from_secs(1);
/// The longest rest after refusals.
const REST_MAX: Duration = Duration::from_secs(24 * 3600);

/// What a poll came to, as far as the next one is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There was an answer, understood or not.
    Answered,
    /// It may be better soon.
    Unavailable,
    /// The service asked to wait: nobody is polled before that.
    Limited(Duration),
    /// It will be the same next time unless a person does something.
    Refused(Scope),
}

/// Whom a refusal concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What was asked for.
    Task,
    /// The credential, so everything.
    Everything,
}

/// Why nobody may ask, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The end of the wait.
    pub until: Timestamp,
    /// The reason of the check that began it.
    pub reason: Reason,
    /// The detail of the check that began it.
    pub detail: String,
}

/// One turn of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The number of the task.
    pub task: usize,
    /// When it was due.
    pub scheduled: Timestamp,
    /// How many scheduled moments before it passed unused.
    pub missed: u32,
    /// 1 for a scheduled turn, more for repeats of it.
    pub attempt: u32,
    /// Why the task must not be polled this time.
    pub held: Option<Hold>,
}

/// The tasks of one credential.
pub struct Agenda {
    clock: Arc<dyn Clock>,
    tasks: Vec<Task>,
    hold: Option<Hold>,
    /// Answers in a row that asked to wait.
    strikes: u32,
    /// Refusals of the credential in a row.
    refusals: u32,
    /// The task that is looked at first, so that one that is always due does not shut out the others.
    first: usize,
}

struct Task {
    key: String,
    every: Duration,
    schedule: Schedule,
    attempt: u32,
    repeat: Option<Timestamp>,
    rest: Option<Hold>,
    refusals: u32,
}

impl Agenda {
    /// An agenda of tasks, each with its key and interval. Every task is due at once.
    pub fn new(clock: Arc<dyn Clock>, tasks: impl IntoIterator<Item = (String, Duration)>) -> Self {
        let task = |(key, every): (String, Duration)| Task {
            schedule: Schedule::new(clock.clone(), every, &key),
            key,
            every,
            attempt: 1,
            repeat: None,
            rest: None,
            refusals: 0,
        };
        Self { tasks: tasks.into_iter().map(task).collect(), clock, hold: None, strikes: 0, refusals: 0, first: 0 }
    }

    /// How many answers in a row asked to wait.
    pub fn strikes(&self) -> u32 {
        self.strikes
    }

    /// Waits for the next turn. May be dropped at any await: the same turn is then waited for again.
    pub async fn next(&mut self) -> Turn {
        loop {
            let now = self.clock.now();
            let repeat = (0..).zip(&self.tasks).filter_map(|(i, task)| Some((task.repeat?, i))).min();
            let wait = repeat.map(|(at, _)| Duration::from_micros(u64::try_from(at.micros() - now.micros()).unwrap_or(0)));
            tokio::select! {
                biased;
                () = after(wait) => {
                    let (_, i) = repeat.expect("only a repeat ends this wait");
                    if let Some(turn) = self.repeat(i) {
                        return turn;
                    }
                }
                (i, tick) = any_tick(&mut self.tasks, self.first) => return self.scheduled(i, tick),
            }
        }
    }

    fn scheduled(&mut self, i: usize, tick: Tick) -> Turn {
        self.first = i + 1;
        let held = self.held(i);
        let waits = self.hold.as_ref().filter(|hold| hold.reason == Reason::RateLimited).map(|hold| hold.until);
        let task = &mut self.tasks[i];
        task.attempt = 1;
        // What could not be polled because of a limit is polled when the wait is over, not an interval later.
        task.repeat = waits.filter(|_| self.strikes <= STRIKES_MAX && task.rest.is_none());
        Turn { task: i, scheduled: tick.scheduled, missed: tick.missed, attempt: 1, held }
    }

    fn repeat(&mut self, i: usize) -> Option<Turn> {
        let held = self.held(i);
        let now = self.clock.now();
        let task = &mut self.tasks[i];
        task.repeat = held.map(|hold| hold.until);
        if task.repeat.is_some() {
            return None;
        }
        task.attempt += 1;
        Some(Turn { task: i, scheduled: now, missed: 0, attempt: task.attempt, held: None })
    }

    /// What keeps task `i` from being polled now. What is over is forgotten.
    fn held(&mut self, i: usize) -> Option<Hold> {
        let now = self.clock.now();
        for hold in [&mut self.hold, &mut self.tasks[i].rest] {
            hold.take_if(|hold| hold.until <= now);
            if hold.is_some() {
                return hold.clone();
            }
        }
        None
    }

    /// Notes what a poll of `task` came to; `check` is what is told to people about it.
    pub fn settle(&mut self, task: usize, verdict: &Verdict, check: &Check) {
        let now = self.clock.now();
        let hold = |wait: Duration| Hold {
            until: now.plus_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)),
            reason: check.reason.unwrap_or(Reason::RateLimited),
            detail: check.detail.clone().unwrap_or_default(),
        };
        let polled = &mut self.tasks[task];
        polled.repeat = None;
        match *verdict {
            Verdict::Limited(wait) => {
                self.strikes += 1;
                let hold = hold(wait);
                polled.repeat = (self.strikes <= STRIKES_MAX).then_some(hold.until);
                self.hold = Some(hold);
                return;
            }
            Verdict::Answered => {
                polled.refusals = 0;
                self.refusals = 0;
            }
            Verdict::Unavailable if polled.attempt <= REPEATS_MAX => polled.repeat = Some(hold(polled.repeat_after(now)).until),
            Verdict::Unavailable => {}
            Verdict::Refused(Scope::Task) => {
                polled.refusals += 1;
                polled.rest = Some(hold(rest(polled.every, polled.refusals)));
            }
            Verdict::Refused(Scope::Everything) => {
                self.refusals += 1;
                self.hold = Some(hold(rest(polled.every, self.refusals)));
            }
        }
        self.strikes = 0;
    }

    /// Keeps everybody waiting although the last answer was good: the service has announced that the next will not be.
    pub fn hold(&mut self, wait: Duration, detail: impl Into<String>) {
        let until = self.clock.now().plus_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
        self.hold = Some(Hold { until, reason: Reason::RateLimited, detail: detail.into() });
    }
}

impl Task {
    /// The wait before the next repeat: doubled each time, and up to half as much again, so that many do not come back together.
    fn repeat_after(&self, now: Timestamp) -> Duration {
        let wait = REPEAT_AFTER * 2u32.pow(self.attempt - 1);
        let spread = fnv1a(format!("{}@{now}", self.key).as_bytes()) % 512;
        wait + wait * spread / 1024
    }
}

/// The wait after so many refusals in a row: two intervals, four, eight, to a day at the most. Half an interval is taken
/// off, so that the scheduled moment at its end is not held.
fn rest(every: Duration, refusals: u32) -> Duration {
    let intervals = 2u32.saturating_pow(refusals.min(16));
    every.saturating_mul(intervals).min(REST_MAX.max(every * 2)) - every / 2
}

impl Turn {
    /// The check that stands for the scheduled moments that passed unused, and the last of those moments.
    pub fn missed_check(&self, target: &str, every: Duration) -> Option<(Timestamp, Check)> {
        let last = self.scheduled.plus_micros(-i64::try_from(every.as_micros()).unwrap_or(0));
        let check = Check {
            reason: Some(Reason::Missed),
            detail: Some("the poll before took too long, or the process could not run".to_owned()),
            attempt: self.missed,
            ..Check::of(target)
        };
        (self.missed > 0).then_some((last, check))
    }
}

impl Hold {
    /// The check of a turn that was held: nobody can say whether the target is up.
    pub fn check(&self, target: &str) -> Check {
        Check {
            reason: Some(self.reason),
            detail: Some(format!("not asked before {} because: {}", self.until, self.detail)),
            ..Check::of(target)
        }
    }
}

async fn after(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => pending().await,
    }
}

/// The first tick of any task. The others are dropped, which a schedule allows: they wait for the same moment again.
async fn any_tick(tasks: &mut [Task], first: usize) -> (usize, Tick) {
    let count = tasks.len();
    let mut ticks: Vec<_> = tasks.iter_mut().map(|task| Box::pin(task.schedule.tick())).collect();
    poll_fn(|cx| {
        for i in (0..count).map(|n| (first + n) % count) {
            if let Poll::Ready(tick) = ticks[i].as_mut().poll(cx) {
                return Poll::Ready((i, tick));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests;
