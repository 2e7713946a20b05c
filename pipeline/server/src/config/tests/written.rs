//! `[[tests]]` as people write them.

use std::collections::BTreeMap;

use floodmark_connectors::settings::Span;
use floodmark_schemas::{Head, Reason, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::moment::{Between, Date, Moment, Moments};
use super::number::{Expected, Values};

/// A test of the operators: what comes in, and what has to come out. `floodmark test` runs it, nothing else does.
///
/// `docs/guides/testing.md` shows how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct WrittenTest {
    /// What is to be true, in a sentence.
    pub name: String,
    /// The operator or rule whose results are looked at; those of all when absent.
    #[serde(default)]
    pub operator: Option<String>,
    /// The time at which the test starts; others are counted from it.
    #[serde(default = "epoch")]
    #[schemars(extend("default" = "1970-01-01T00:00:00Z"))]
    pub start: Date,
    /// What comes in. An entry that does not name its source, metric or target goes on with those of the one before.
    #[serde(default)]
    pub input: Vec<WrittenInput>,
    /// How long the clock goes on after the last input.
    #[serde(default = "at_once")]
    pub advance: Span,
    /// What has to come out, in any order.
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// That nothing comes out.
    #[serde(default)]
    pub expect_none: bool,
    /// That nothing comes out besides what is expected.
    #[serde(default)]
    pub exact: bool,
}

fn epoch() -> Date {
    Date(floodmark_schemas::Timestamp::from_secs(0))
}

fn at_once() -> Span {
    Span::secs(0)
}

/// What comes in: samples (with `value`), checks (with `up` or `reason`), records (with `record`), or the end of a source.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct WrittenInput {
    /// The time of the event, such as `"90s"` after the start; or of several, such as `"0s..1m every 10s"`.
    #[serde(default)]
    pub at: Option<Moments>,
    /// When it arrives: later than `at` makes it late.
    #[serde(default)]
    pub arrives: Option<Moment>,
    /// The source.
    #[serde(default)]
    pub source: Option<String>,
    /// A sample: its metric.
    #[serde(default)]
    pub metric: Option<String>,
    /// The unit of the metric.
    #[serde(default)]
    pub unit: Option<String>,
    /// The labels of the metric or the target.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
    /// A sample: its value. Of a list each event takes the next, and after the last the first again.
    #[serde(default)]
    pub value: Option<Values>,
    /// A check: what was looked at.
    #[serde(default)]
    pub target: Option<String>,
    /// A check: whether it was up.
    #[serde(default)]
    pub up: Option<bool>,
    /// A check: why it was not up.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// A check: when the certificate ends that it saw.
    #[serde(default)]
    pub certificate_expires: Option<Moment>,
    /// A record: its name.
    #[serde(default)]
    pub record: Option<String>,
    /// A record: what it is about.
    #[serde(default)]
    pub subject: Option<String>,
    /// A record: what it says.
    #[serde(default)]
    pub fact: Option<BTreeMap<String, String>>,
    /// A check: how long it took.
    #[serde(default)]
    pub duration: Option<Span>,
    /// The source says that nothing more will come.
    #[serde(default)]
    pub end: bool,
}

/// A result that is expected. What is not written may be anything.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What it is.
    #[serde(default)]
    pub kind: ResultKind,
    /// The operator or rule that made it.
    #[serde(default)]
    pub operator: Option<String>,
    /// The source of the events.
    #[serde(default)]
    pub source: Option<String>,
    /// The metric.
    #[serde(default)]
    pub metric: Option<String>,
    /// The unit.
    #[serde(default)]
    pub unit: Option<String>,
    /// Labels it has; it may have others too.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The window, such as `"0s..1m"`.
    #[serde(default)]
    pub window: Option<Between>,
    /// The time of what came late or was scored, or since when an alert is so.
    #[serde(default)]
    pub time: Option<Moment>,
    /// 0 when the window fired, 1 after the first late event, ...
    #[serde(default)]
    pub revision: Option<Expected>,
    /// How many events. As every number here: `5`, or a text such as `">= 5"`, `"< 5"` or `"4.5..5.5"`.
    #[serde(default)]
    pub count: Option<Expected>,
    /// Their sum.
    #[serde(default)]
    pub sum: Option<Expected>,
    /// Sum divided by count.
    #[serde(default)]
    pub mean: Option<Expected>,
    /// The least.
    #[serde(default)]
    pub min: Option<Expected>,
    /// The greatest.
    #[serde(default)]
    pub max: Option<Expected>,
    /// The standard deviation.
    #[serde(default)]
    pub stddev: Option<Expected>,
    /// The value with the earliest time.
    #[serde(default)]
    pub first: Option<Expected>,
    /// The value with the latest time.
    #[serde(default)]
    pub last: Option<Expected>,
    /// The last value less the first.
    #[serde(default)]
    pub delta: Option<Expected>,
    /// How much a counter grew.
    #[serde(default)]
    pub increase: Option<Expected>,
    /// How much a counter grew by the second.
    #[serde(default)]
    pub rate: Option<Expected>,
    /// How many different values or texts.
    #[serde(default)]
    pub distinct: Option<Expected>,
    /// Quantiles by their level, such as `{ "0.99" = 12 }`; they are within 1 % of the value.
    #[serde(default)]
    pub quantiles: BTreeMap<String, Expected>,
    /// Availability: `up`, the share of the observed time, and `observed`, the share of the window.
    #[serde(default)]
    pub availability: BTreeMap<String, Expected>,
    /// Buckets of a histogram by their upper bound, such as `{ "0.5" = 3 }`.
    #[serde(default)]
    pub histogram: BTreeMap<String, Expected>,
    /// The most frequent by their name.
    #[serde(default)]
    pub top: BTreeMap<String, Expected>,
    /// The value that came late or was scored, or decided of an alert.
    #[serde(default)]
    pub value: Option<Expected>,
    /// The score; 1 is the threshold.
    #[serde(default)]
    pub score: Option<Expected>,
    /// How far the value is from all that were seen.
    #[serde(default)]
    pub novelty: Option<Expected>,
    /// How unusual the step from the value before is.
    #[serde(default)]
    pub jump: Option<Expected>,
    /// How unusual it is that the value has not changed for so long.
    #[serde(default)]
    pub staleness: Option<Expected>,
    /// Which of the three is the greatest.
    #[serde(default)]
    pub head: Option<Head>,
    /// What the hour of the day or week makes one expect.
    #[serde(default)]
    pub baseline: Option<Expected>,
    /// Below this a value would be new.
    #[serde(default)]
    pub lower: Option<Expected>,
    /// Above this a value would be new.
    #[serde(default)]
    pub upper: Option<Expected>,
    /// What the series is taken for, or what an alert is.
    #[serde(default)]
    pub state: Option<State>,
    /// What the alert was before.
    #[serde(default)]
    pub before: Option<State>,
    /// How grave the alert is.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// The limit that the value was held against.
    #[serde(default)]
    pub threshold: Option<Expected>,
    /// The number of the step, 0 for the first of an alert.
    #[serde(default)]
    pub step: Option<Expected>,
    /// When the condition was first met.
    #[serde(default)]
    pub began: Option<Moment>,
    /// When the alert fired.
    #[serde(default)]
    pub fired: Option<Moment>,
    /// Whether the series flaps.
    #[serde(default)]
    pub flapping: Option<bool>,
    /// Annotations it has; it may have others too.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What a series is taken for, or what an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum State {
    /// A score: too little was seen.
    Learning,
    /// A score: as usual.
    Normal,
    /// A score: an episode is open.
    Anomalous,
    /// An alert: over before it fired.
    Inactive,
    /// An alert: its condition is met, not yet for long enough.
    Pending,
    /// An alert: it fires.
    Firing,
    /// An alert: its condition is not met any more, not yet for long enough.
    Recovering,
    /// An alert: it is over.
    Resolved,
    /// An alert: nothing comes.
    NoData,
    /// An alert: what comes cannot be judged.
    Error,
}

/// What a result is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ResultKind {
    /// A window fired or was revised.
    #[default]
    Rollup,
    /// An event came after its window was gone.
    Late,
    /// A value was judged.
    Score,
    /// An alert took a step; the rule stands in `operator`.
    Alert,
}
