//! The keys that operators with windows share, whatever the shape of the windows.

use floodmark_connectors::settings::{Fault, Span};

use super::aggregates::{Aggregate, Aggregates, Quantile};
use super::check::CENTURY;
use super::selection::{Selecting, told_twice};

/// Declares the settings of a shape of windows: its own keys, then those that all have, and [`Windows`] of the latter.
macro_rules! windows {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $key:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$about])* pub $key: $type,)+
            /// How long after its end a window still takes late events; each gives a new revision.
            #[serde(default = "crate::config::windows::allowed_lateness")]
            pub allowed_lateness: floodmark_connectors::settings::Span,
            /// After how much silence the open windows of a source fire without waiting for its next event. Sources that follow the
            /// clock are never silent while they run: ticks speak for them.
            #[serde(default = "crate::config::windows::idle_timeout")]
            pub idle_timeout: floodmark_connectors::settings::Span,
            /// The ids of the sources it reads; all when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub sources: Option<Vec<String>>,
            /// The metrics it takes, `*` stands for any text and `?` for one character; all when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub metrics: Option<Vec<String>>,
            /// Only samples for which this expression holds, for example `labels.env == "prod" and value > 0`.
            #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "String")]
            pub condition: Option<String>,
            /// Another value in the place of the sample's: an expression such as `value / 1000`. It needs `metric`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "String")]
            pub value: Option<String>,
            /// The name of what `value` gives.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "String")]
            pub metric: Option<String>,
            /// The unit of what `value` gives; none when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "String")]
            pub unit: Option<String>,
            /// What is computed of each window.
            #[serde(default = "crate::config::aggregates::usual")]
            pub aggregates: Vec<crate::config::Aggregate>,
            /// Which quantiles are computed besides, each between 0 and 1, within 1 % of the value.
            #[serde(default)]
            pub quantiles: Vec<crate::config::Quantile>,
            /// Upper bounds of the buckets of a histogram, rising: how many values were up to each.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub histogram: Vec<f64>,
            /// Counts what is different: `"value"`, or a label that `group_by` brings together.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub distinct: Option<String>,
            /// The greatest of the values, or of the values of a label that `group_by` brings together.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub top: Option<crate::config::Top>,
            /// Of a series that is above 0 when something is up, such as `up` of probes: the share of the time up.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub availability: Option<crate::config::Availability>,
            /// The most series with an open window; samples of further series are counted and left out; they stay in the event log.
            #[serde(default = "crate::config::windows::series_max")]
            pub series_max: u32,
            /// Series of a source and metric that have these labels in common become one; `[]` makes one of all. Each is kept to
            /// itself when absent. One job then reads the events of all partitions.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub group_by: Option<Vec<String>>,
        }

        impl $name {
            /// The keys that all shapes have.
            pub(crate) fn windows(&self) -> crate::config::windows::Windows<'_> {
                let Self { allowed_lateness, idle_timeout, sources, metrics, aggregates, quantiles, series_max, group_by, .. } = self;
                let selecting = crate::config::Selecting {
                    sources: sources.as_deref(),
                    metrics: metrics.as_deref(),
                    condition: self.condition.as_deref(),
                    value: self.value.as_deref(),
                    metric: self.metric.as_deref(),
                    unit: self.unit.as_deref(),
                };
                let computed = crate::config::aggregates::Aggregates {
                    aggregates,
                    quantiles,
                    histogram: &self.histogram,
                    distinct: self.distinct.as_ref(),
                    top: self.top.as_ref(),
                    availability: self.availability.as_ref(),
                    group_by: group_by.as_deref(),
                };
                crate::config::windows::Windows {
                    allowed_lateness: *allowed_lateness,
                    idle_timeout: *idle_timeout,
                    sources: sources.as_ref(),
                    metrics: metrics.as_ref(),
                    selecting,
                    aggregates,
                    quantiles,
                    computed,
                    series_max: *series_max,
                    group_by: group_by.as_ref(),
                }
            }
        }
    };
}
pub(super) use windows;

/// The keys that all shapes of windows have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows<'a> {
    pub allowed_lateness: Span,
    pub idle_timeout: Span,
    pub sources: Option<&'a Vec<String>>,
    pub metrics: Option<&'a Vec<String>>,
    pub selecting: Selecting<'a>,
    pub aggregates: &'a [Aggregate],
    pub quantiles: &'a [Quantile],
    /// All that is computed.
    pub computed: Aggregates<'a>,
    pub series_max: u32,
    pub group_by: Option<&'a Vec<String>>,
}

impl Windows<'_> {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (key, time) in [("allowed_lateness", self.allowed_lateness), ("idle_timeout", self.idle_timeout)] {
            if time.0 > CENTURY {
                faults.push(Fault::of(key, "this is more than 100 years", "write for example \"10m\""));
            }
        }
        if self.idle_timeout.0.is_zero() {
            faults.push(Fault::of("idle_timeout", "every source would always be idle", "write for example \"30s\""));
        }
        if self.series_max == 0 {
            faults.push(Fault::of("series_max", "no series could be aggregated", "write 1 or more"));
        }
        faults.extend(self.selecting.faults());
        faults.extend(self.computed.validate());
        faults.extend(self.group_by.into_iter().flat_map(|labels| told_twice("group_by", labels)));
        faults
    }
}

/// What is wrong with a span that windows are made of.
pub(super) fn length(key: &str, what: &str, span: Span) -> Vec<Fault> {
    let mut faults = Vec::new();
    if span.0 < std::time::Duration::from_millis(1) {
        faults.push(Fault::of(key, format!("{what} must be 1ms or longer"), "write for example \"1m\""));
    }
    if !span.0.subsec_nanos().is_multiple_of(1_000) {
        faults.push(Fault::of(key, format!("{what} must be whole microseconds"), "write for example \"1m\""));
    }
    if span.0 > CENTURY {
        faults.push(Fault::of(key, "this is more than 100 years", "write for example \"1h\""));
    }
    faults
}

pub(super) fn allowed_lateness() -> Span {
    Span::secs(600)
}

pub(super) fn idle_timeout() -> Span {
    Span::secs(30)
}

pub(super) fn series_max() -> u32 {
    1_000_000
}
