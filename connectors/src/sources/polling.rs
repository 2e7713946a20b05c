//! When to poll: a fixed grid without drift, each key at its own place in the interval.

use std::sync::Arc;
use std::time::Duration;

use floodmark_core::coverage::Grid;
use floodmark_core::ports::Clock;
use floodmark_schemas::{Check, Event, Reason, Timestamp};

/// A moment at which a poll is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// When it was due.
    pub scheduled: Timestamp,
    /// How many moments before it passed unused, because the poll before took too long.
    pub missed: u32,
}

/// How long ago a poll that begins now was due.
pub fn lateness(clock: &dyn Clock, scheduled: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(clock.now().micros() - scheduled.micros()).unwrap_or(0))
}

/// The event that says that moments before `tick` passed without a poll of `target`; nothing when none did.
///
/// Its time is that of the tick that came through, its `attempt` is how many were missed in a row.
pub fn missed(source: &str, target: &str, tick: &Tick) -> Option<Event> {
    if tick.missed == 0 {
        return None;
    }
    let check = Check { reason: Some(Reason::Missed), attempt: tick.missed, ..Check::of(target) };
    Some(Event::check(source, format!("{target}@{}#missed", tick.scheduled.micros()), tick.scheduled, check))
}

/// The moments `every` apart that belong to one key. They depend on the Unix epoch and the key alone, so a restart does
/// not move them; the spread over keys keeps many targets from being polled in the same instant.
pub struct Schedule {
    clock: Arc<dyn Clock>,
    grid: Grid,
    /// The first moment that has not been handed out.
    next: Option<i64>,
}

impl Schedule {
    /// A schedule for `key`. The first tick is due at once.
    pub fn new(clock: Arc<dyn Clock>, every: Duration, key: &str) -> Self {
        Self { clock, grid: Grid::of_key(every, key), next: None }
    }

    /// A schedule whose moments are whole multiples of `every` since the Unix epoch, for values that a service renews
    /// on that grid.
    pub fn aligned(clock: Arc<dyn Clock>, every: Duration) -> Self {
        Self { clock, grid: Grid::aligned(every), next: None }
    }

    /// Waits for the next moment. Moments that have passed since the last call are skipped and counted. May be dropped
    /// at any await: the same moment is then waited for again.
    pub async fn tick(&mut self) -> Tick {
        let (now, every_us) = (self.clock.now().micros(), self.grid.every_us());
        let Some(due) = self.next else {
            self.next = Some(self.grid.after(now));
            return Tick { scheduled: Timestamp::from_micros(now), missed: 0 };
        };
        let missed = if now > due { (now - due) / every_us } else { 0 };
        let due = due + missed * every_us;
        if due > now {
            tokio::time::sleep(Duration::from_micros((due - now) as u64)).await;
        }
        self.next = Some(due + every_us);
        Tick { scheduled: Timestamp::from_micros(due), missed: u32::try_from(missed).unwrap_or(u32::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TokioClock;

    async fn secs(schedule: &mut Schedule, start: Timestamp) -> (f64, u32) {
        let tick = schedule.tick().await;
        ((tick.scheduled.micros() - start.micros()) as f64 / 1e6, tick.missed)
    }

    #[tokio::test(start_paused = true)]
    async fn the_grid_does_not_drift_and_what_is_missed_is_counted() {
        let start = Timestamp::from_micros(1_000_000_500_000);
        let clock = Arc::new(TokioClock::starting_at(start));
        let mut schedule = Schedule::aligned(clock, Duration::from_secs(10));
        assert_eq!(secs(&mut schedule, start).await, (0.0, 0));
        assert_eq!(secs(&mut schedule, start).await, (9.5, 0));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(secs(&mut schedule, start).await, (19.5, 0));
        // Busy from 19.5 to 54.5: 29.5, 39.5 passed, 49.5 is the newest that is due and is used at once.
        tokio::time::advance(Duration::from_secs(35)).await;
        assert_eq!(secs(&mut schedule, start).await, (49.5, 2));
        assert_eq!(secs(&mut schedule, start).await, (59.5, 0));
    }

    #[test]
    fn missed_ticks_leave_one_event_that_counts_them() {
        let tick = |missed| Tick { scheduled: Timestamp::from_secs(60), missed };
        assert_eq!(missed("web", "a", &tick(0)), None);
        let event = missed("web", "a", &tick(2)).unwrap();
        assert_eq!((event.id.as_str(), event.time, event.subject.as_deref()), ("a@60000000#missed", Timestamp::from_secs(60), Some("a")));
        let expected = Check { reason: Some(Reason::Missed), attempt: 2, ..Check::of("a") };
        assert_eq!(event.payload, floodmark_schemas::Payload::Check(expected));
    }

    #[test]
    fn keys_have_their_own_places_and_keep_them() {
        let clock: Arc<dyn Clock> = Arc::new(crate::clock::SystemClock);
        let at = |key: &str| Schedule::new(clock.clone(), Duration::from_secs(60), key).grid.after(7_000_000);
        assert_eq!(at("a"), at("a"));
        assert_ne!(at("a"), at("b"));
    }
}
