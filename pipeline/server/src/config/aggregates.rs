//! What operators with windows compute: keys that all shapes of windows have.

use floodmark_connectors::settings::{Fault, Span};
use floodmark_core::window::{self, BUCKETS_MAX, By, Spec, TOP_MAX};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::CENTURY;
use super::selection::told_twice;

/// The keys together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aggregates<'a> {
    pub aggregates: &'a [Aggregate],
    pub quantiles: &'a [Quantile],
    pub histogram: &'a [f64],
    pub distinct: Option<&'a String>,
    pub top: Option<&'a Top>,
    pub availability: Option<&'a Availability>,
    /// The labels by which series are grouped, where they are.
    pub group_by: Option<&'a [String]>,
}

impl Aggregates<'_> {
    /// What cannot work.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let others = self.distinct.is_none() && self.top.is_none() && self.availability.is_none();
        if self.aggregates.is_empty() && self.quantiles.is_empty() && self.histogram.is_empty() && others {
            faults.push(Fault::of("aggregates", "nothing would be computed", "remove `aggregates` for the usual ones"));
        }
        let names: Vec<String> = self.aggregates.iter().map(|a| a.core().name().to_owned()).collect();
        let levels: Vec<String> = self.quantiles.iter().map(|q| q.get().to_string()).collect();
        faults.extend(told_twice("aggregates", &names).into_iter().chain(told_twice("quantiles", &levels)));
        faults.extend(self.histogram_faults());
        if let Some(Top { k, .. }) = self.top.filter(|top| !(1..=TOP_MAX).contains(&(top.k as usize))) {
            let what = format!("the {k} greatest cannot be named");
            faults.push(Fault::of("top", what, format!("write a number from 1 to {TOP_MAX}")).key("k"));
        }
        if let Some(Availability { hold }) = self.availability {
            let wrong = hold.0.is_zero() || hold.0 > CENTURY || !hold.0.subsec_nanos().is_multiple_of(1_000);
            if wrong {
                let what = "a check cannot speak for so long a time, or so short a one";
                faults.push(
                    Fault::of("availability", what, "write a little more than the time between checks, for example \"2m\"").key("hold"),
                );
            }
        }
        faults.extend(self.label_faults());
        if self.group_by.is_some() {
            faults.extend(self.neighbour_faults());
        }
        faults
    }

    fn histogram_faults(&self) -> Vec<Fault> {
        let place = |i| Fault::of("histogram", "the bounds do not rise", "write each bound once, the least first").entry(i);
        let mut faults: Vec<Fault> = (1..self.histogram.len()).filter(|i| self.histogram[i - 1] >= self.histogram[*i]).map(place).collect();
        let endless = |(i, bound): (usize, &f64)| {
            let fault = Fault::of("histogram", format!("{bound} is not a bound"), "leave it out: `count` is the bucket of all values");
            (!bound.is_finite()).then(|| fault.entry(i))
        };
        faults.extend(self.histogram.iter().enumerate().filter_map(endless));
        if self.histogram.len() > BUCKETS_MAX {
            let what = format!("{} bounds are too many", self.histogram.len());
            faults.push(Fault::of("histogram", what, format!("write at most {BUCKETS_MAX}")));
        }
        faults
    }

    /// A series has one value of each label, so only grouped ones have several.
    fn label_faults(&self) -> Vec<Fault> {
        let asked = [("distinct", None, self.distinct), ("top", Some("by"), self.top.map(|top| &top.by))];
        let fault = |(key, nested, name): (&str, Option<&str>, Option<&String>)| {
            let name = name.filter(|name| *name != VALUE)?;
            let what = match self.group_by {
                None => format!("every series has one `{name}` only"),
                Some(labels) if labels.contains(name) => format!("every group has one `{name}` only"),
                Some(_) => return None,
            };
            let fault = Fault::of(key, what, format!("write \"{VALUE}\", or group by other labels: group_by = [..]"));
            Some(nested.into_iter().fold(fault, Fault::key))
        };
        asked.into_iter().filter_map(fault).collect()
    }

    /// What lies between neighbours in time means nothing of several series.
    fn neighbour_faults(&self) -> Vec<Fault> {
        let remedy = "compute it in an operator without `group_by`";
        let wrong = |a: &Aggregate| matches!(a, Aggregate::Delta | Aggregate::Increase | Aggregate::Rate);
        let places = self.aggregates.iter().enumerate().filter(|(_, aggregate)| wrong(aggregate));
        let fault = |(i, aggregate): (usize, &Aggregate)| {
            Fault::of("aggregates", format!("`{}` of several series together means nothing", aggregate.core().name()), remedy).entry(i)
        };
        let availability = self.availability.map(|_| Fault::of("availability", "of several series together it means nothing", remedy));
        places.map(fault).chain(availability).collect()
    }

    /// Puts them into a spec.
    pub fn apply(&self, spec: Spec) -> Spec {
        Spec {
            aggregates: self.aggregates.iter().map(|aggregate| aggregate.core()).collect(),
            quantiles: self.quantiles.iter().map(|quantile| quantile.get()).collect(),
            histogram: self.histogram.to_vec(),
            distinct: self.distinct.map(by),
            top: self.top.map(|top| window::Top { k: top.k as usize, by: by(&top.by), of: top.of.core() }),
            availability: self.availability.map(|availability| availability.hold.0),
            ..spec
        }
    }
}

/// The text that stands for values themselves where a label may stand too.
const VALUE: &str = "value";

fn by(name: &String) -> By {
    if name == VALUE { By::Value } else { By::Label(name.clone()) }
}

/// What is computed when nothing is said.
pub(super) fn usual() -> Vec<Aggregate> {
    vec![Aggregate::Count, Aggregate::Mean, Aggregate::Min, Aggregate::Max, Aggregate::Last]
}

/// What can be computed of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Aggregate {
    /// How many values.
    Count,
    /// Their sum.
    Sum,
    /// Sum divided by count.
    Mean,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The standard deviation (of the population).
    Stddev,
    /// The value with the earliest time.
    First,
    /// The value with the latest time.
    Last,
    /// Last less first.
    Delta,
    /// By how much a counter grew; one that fell began anew at 0.
    Increase,
    /// By how much a counter grew in a second.
    Rate,
}

impl Aggregate {
    /// Its name in a rollup.
    pub fn name(self) -> &'static str {
        self.core().name()
    }

    /// The same in the words of the core.
    pub fn core(self) -> window::Aggregate {
        match self {
            Self::Count => window::Aggregate::Count,
            Self::Sum => window::Aggregate::Sum,
            Self::Mean => window::Aggregate::Mean,
            Self::Min => window::Aggregate::Min,
            Self::Max => window::Aggregate::Max,
            Self::Stddev => window::Aggregate::Stddev,
            Self::First => window::Aggregate::First,
            Self::Last => window::Aggregate::Last,
            Self::Delta => window::Aggregate::Delta,
            Self::Increase => window::Aggregate::Increase,
            Self::Rate => window::Aggregate::Rate,
        }
    }
}

/// The level of a quantile: from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64")]
#[schemars(inline, extend("minimum" = 0, "maximum" = 1))]
pub struct Quantile(f64);

impl Quantile {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Quantile {
    type Error = String;
    fn try_from(level: f64) -> Result<Self, String> {
        match level {
            _ if (0.0..=1.0).contains(&level) => Ok(Self(level)),
            _ if (1.0..=100.0).contains(&level) => {
                Err(format!("a quantile lies between 0 and 1, not at {level:?}; for the percentile write {}", level / 100.0))
            }
            _ => Err(format!("a quantile lies between 0 and 1, not at {level:?}; write for example 0.99")),
        }
    }
}

/// The greatest of the values, or of the values of a label among grouped series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Top {
    /// How many are named, 1 to 100.
    #[serde(default = "five")]
    pub k: u32,
    /// `"value"`, or a label that `group_by` brings together.
    pub by: String,
    /// What makes one great.
    #[serde(default)]
    pub of: Amount,
}

fn five() -> u32 {
    5
}

/// What makes one great.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Amount {
    /// How many values it has.
    #[default]
    Count,
    /// The sum of its values; those below 0 add nothing.
    Sum,
}

impl Amount {
    fn core(self) -> window::Amount {
        match self {
            Self::Count => window::Amount::Count,
            Self::Sum => window::Amount::Sum,
        }
    }
}

/// How much of the time something was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Availability {
    /// For how long at most a check speaks for the time after it.
    #[serde(default = "hold")]
    pub hold: Span,
}

fn hold() -> Span {
    Span::secs(300)
}
