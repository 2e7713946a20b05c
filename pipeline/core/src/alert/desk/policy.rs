//! What the desk goes by: who is told of which alerts, how soon and how often, and what keeps it silent.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Maintenance, Matchers};

/// The shortest time between two looks at the same incident for the same receiver.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// All of it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The tree of routes. Its root takes every alert, whatever its matchers say.
    pub root: Route,
    /// Who can be told, by id.
    pub receivers: BTreeMap<String, Receiver>,
    /// Which alerts keep others silent.
    pub inhibitions: Vec<Inhibition>,
    /// When nobody is to be told, again and again.
    pub maintenance: Vec<Maintenance>,
    /// Incidents of other sources that open within this of each other are shown as related.
    pub correlate: Duration,
    /// An alert that becomes known so much after it fired is marked as late.
    pub late_after: Duration,
    /// An alert that flaps keeps its incident open for so long after it was over.
    pub flapping_hold: Duration,
    /// How many alerts a notification lists.
    pub alerts_max: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            root: Route::default(),
            receivers: BTreeMap::new(),
            inhibitions: Vec::new(),
            maintenance: Vec::new(),
            correlate: Duration::from_secs(5 * 60),
            late_after: Duration::from_secs(5 * 60),
            flapping_hold: Duration::from_secs(15 * 60),
            alerts_max: 100,
        }
    }
}

/// One who can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    /// How much they take.
    pub rate: Option<Rate>,
}

/// At most `count` notifications in any span of `per`. More of them wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; at least 1 counts.
    pub count: u32,
    /// In what time; at least a second counts.
    pub per: Duration,
}

/// A node of the tree of routes. An alert goes down the tree to the deepest nodes that take it; of nodes beside each other it
/// goes to the first that takes it, and to later ones as long as each says `continue`. What a node leaves open it has from the
/// node above.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// Its name among those beside it.
    pub id: String,
    /// Which alerts it takes.
    pub matchers: Matchers,
    /// Who is told.
    pub receivers: Option<Vec<String>>,
    /// What becomes one incident. Of several routes that an alert takes, the first says it.
    pub group_by: Option<GroupBy>,
    /// How long the first notification waits for more alerts of the incident.
    pub group_wait: Option<Duration>,
    /// How long after a notification the next one tells what has changed.
    pub group_interval: Option<Duration>,
    /// How long after a notification it is told again that the incident goes on.
    pub repeat_interval: Option<Duration>,
    /// Who else is told when nobody looks after it.
    pub escalation: Option<Vec<Escalation>>,
    /// Whether nodes beside it are asked too.
    pub go_on: bool,
    /// The nodes below.
    pub routes: Vec<Route>,
}

/// By which labels alerts are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Those that are equal in these.
    Labels(Vec<String>),
    /// Each alert by itself.
    Each,
}

/// The waits of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// See [`Route::group_wait`].
    pub group_wait: Duration,
    /// See [`Route::group_interval`].
    pub group_interval: Duration,
    /// See [`Route::repeat_interval`].
    pub repeat_interval: Duration,
}

impl Default for Timings {
    /// Those of Alertmanager.
    fn default() -> Self {
        Self {
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(5 * 60),
            repeat_interval: Duration::from_secs(4 * 3600),
        }
    }
}

impl Timings {
    /// These where `route` says nothing.
    pub(super) fn under(self, route: &Route) -> Self {
        Self {
            group_wait: route.group_wait.unwrap_or(self.group_wait),
            group_interval: route.group_interval.unwrap_or(self.group_interval).max(INTERVAL_MIN),
            repeat_interval: route.repeat_interval.unwrap_or(self.repeat_interval).max(INTERVAL_MIN),
        }
    }
}

/// Who is told when an incident was told so long ago and nobody has acknowledged it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// After the first notification.
    pub after: Duration,
    /// Who.
    pub receiver: String,
}

/// While an alert that `source` means is active, those that `target` means and that are equal to it in the labels `equal` are not
/// told. As in Alertmanager, alerts that both sides mean do not inhibit each other.
#[derive(Clone, Debug, Default)]
pub struct Inhibition {
    /// Its name.
    pub id: String,
    /// What keeps others silent.
    pub source: Matchers,
    /// What is kept silent.
    pub target: Matchers,
    /// Labels that both must have with the same value; one that neither has is equal.
    pub equal: Vec<String>,
    /// Whether the target depends on the source rather than being a lesser form of it: it only reads differently.
    pub depends: DependsOn,
}

/// Why an inhibition is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DependsOn {
    /// The source says the same, and more.
    #[default]
    No,
    /// The target does not work while the source does not.
    Yes,
}
