//! What the supervisor knows of each source, for the API and `tap`.
//!
//! The shards of a source are kept apart, and shown as one source.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use floodmark_core::coverage::Standing;
use floodmark_core::ports::SourceSpec;
use floodmark_schemas::Timestamp;
use serde::{Deserialize, Serialize};

/// What a source is doing. Of a source that is split, the first of these that one of its shards does: what needs a person
/// comes first, then what is under way here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It failed for good.
    Failed,
    /// It failed and will be tried again.
    BackingOff,
    /// It takes its subjects over.
    #[default]
    Starting,
    /// It runs.
    Running,
    /// It has come to its end.
    Ended,
    /// Another process runs it, or will.
    Elsewhere,
}

/// How many parts of a source run in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shards {
    /// How many run here.
    pub running: u64,
    /// How many there are.
    pub of: u64,
}

impl SourceState {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Starting, Self::Running, Self::BackingOff, Self::Ended, Self::Elsewhere, Self::Failed];

    /// Its name in answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::BackingOff => "backing_off",
            Self::Ended => "ended",
            Self::Elsewhere => "elsewhere",
            Self::Failed => "failed",
        }
    }
}

/// One source as seen now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// What it is doing.
    pub state: SourceState,
    /// When it is split over processes: how much of it runs here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The latest event time that is durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<Timestamp>,
    /// How many events are durable since the process started.
    pub events: u64,
    /// How much input was set aside since the process started.
    pub dead_letters: u64,
    /// When it polled and is to poll, as far as the log says; known in the process that tells of coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls: Option<Standing>,
}

impl SourceStatus {
    /// Adds what another shard of the same source does.
    fn join(&mut self, other: &Self) {
        if other.last_error.is_some() && (self.last_error.is_none() || other.state < self.state) {
            self.last_error.clone_from(&other.last_error);
        }
        self.state = self.state.min(other.state);
        self.shards = self.shards.zip(other.shards).map(|(a, b)| Shards { running: a.running + b.running, of: a.of + b.of });
        self.restarts += other.restarts;
        self.last_event_time = self.last_event_time.max(other.last_event_time);
        self.events += other.events;
        self.dead_letters += other.dead_letters;
    }
}

/// By id, and by shard when the source is split.
type ByWriter = BTreeMap<String, BTreeMap<Option<u32>, SourceStatus>>;

#[derive(Debug, Default)]
struct Known {
    by_writer: ByWriter,
    polls: BTreeMap<String, Standing>,
}

/// The statuses of all sources, shared.
#[derive(Clone, Debug, Default)]
pub struct Statuses(Arc<Mutex<Known>>);

impl Statuses {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the status of a source, or of one of its shards.
    pub fn update(&self, of: &SourceSpec, change: impl FnOnce(&mut SourceStatus)) {
        let all = &mut self.lock().by_writer;
        if !all.contains_key(&of.id) {
            all.insert(of.id.clone(), BTreeMap::new());
        }
        let shards = all.get_mut(&of.id).expect("it was put there");
        let new = || SourceStatus { id: of.id.clone(), ..SourceStatus::default() };
        change(shards.entry(of.shard).or_insert_with(new));
    }

    /// The latest durable event time of all that runs here of a source.
    pub fn newest(&self, id: &str) -> Option<Timestamp> {
        self.lock().by_writer.get(id)?.values().filter_map(|status| status.last_event_time).max()
    }

    /// How much of a source runs here; `None` when it is not split.
    pub fn shards(&self, id: &str) -> Option<Shards> {
        self.lock().by_writer.get(id).and_then(joined)?.shards
    }

    /// The same, without keeping them.
    pub(crate) fn weak(&self) -> WeakStatuses {
        WeakStatuses(Arc::downgrade(&self.0))
    }

    /// All sources in order of their ids.
    pub fn all(&self) -> Vec<SourceStatus> {
        let known = self.lock();
        let with_polls = |status: SourceStatus| SourceStatus { polls: known.polls.get(&status.id).copied(), ..status };
        known.by_writer.values().filter_map(joined).map(with_polls).collect()
    }

    /// Notes how the polls of a source stand.
    pub fn polls(&self, id: &str, standing: Standing) {
        self.lock().polls.insert(id.to_owned(), standing);
    }
}

/// The shards of a source as one.
fn joined(shards: &BTreeMap<Option<u32>, SourceStatus>) -> Option<SourceStatus> {
    let one = |(shard, status): (&Option<u32>, &SourceStatus)| {
        let running = u64::from(status.state == SourceState::Running);
        SourceStatus { shards: shard.map(|_| Shards { running, of: 1 }), ..status.clone() }
    };
    shards.iter().map(one).reduce(|mut all, status| {
        all.join(&status);
        all
    })
}

/// Statuses that somebody else keeps.
pub(crate) struct WeakStatuses(Weak<Mutex<Known>>);

impl WeakStatuses {
    /// The statuses, while they are kept.
    pub(crate) fn upgrade(&self) -> Option<Statuses> {
        self.0.upgrade().map(Statuses)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use floodmark_schemas::Encoding;

    use super::*;

    fn spec(id: &str, shard: Option<u32>) -> SourceSpec {
        SourceSpec { id: id.to_owned(), shard, encoding: Encoding::Json, disorder: Duration::ZERO, live: true }
    }

    #[test]
    fn the_shards_of_a_source_are_shown_as_one() {
        let statuses = Statuses::default();
        let states = [SourceState::Running, SourceState::Elsewhere, SourceState::Running];
        for (shard, state) in (0..).zip(states) {
            statuses.update(&spec("web", Some(shard)), |status| {
                status.state = state;
                status.events = 10 + u64::from(shard);
                status.last_event_time = Some(Timestamp::from_secs(100 - i64::from(shard)));
            });
        }
        statuses.update(&spec("host", None), |status| status.events = 7);
        let host = SourceStatus { id: "host".to_owned(), events: 7, ..SourceStatus::default() };
        let web = SourceStatus {
            id: "web".to_owned(),
            state: SourceState::Running,
            shards: Some(Shards { running: 2, of: 3 }),
            events: 33,
            last_event_time: Some(Timestamp::from_secs(100)),
            ..SourceStatus::default()
        };
        assert_eq!(statuses.all(), [host, web.clone()]);
        assert_eq!((statuses.shards("web"), statuses.shards("host")), (web.shards, None));
        assert_eq!(statuses.newest("web"), web.last_event_time);
        statuses.update(&spec("web", Some(2)), |status| {
            status.state = SourceState::BackingOff;
            status.last_error = Some("no route".to_owned());
        });
        let failing = statuses.all().remove(1);
        assert_eq!((failing.state, failing.shards), (SourceState::BackingOff, Some(Shards { running: 1, of: 3 })));
        assert_eq!(failing.last_error.as_deref(), Some("no route"));
    }
}
