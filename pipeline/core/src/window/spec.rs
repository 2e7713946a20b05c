//! What a window operator is asked to do.

use std::time::Duration;

use floodmark_schemas::subject;

use super::aggregates::{AggregateSet, By, Top};
use super::shape::Shape;
use crate::{Error, Result, selection::Selection};

/// The most bounds of a histogram.
pub const BUCKETS_MAX: usize = 1_000;

/// The most that can be named of the greatest.
pub const TOP_MAX: usize = 100;

/// The configuration of one window operator on one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The operator's id.
    pub operator: String,
    /// Its version: outputs of another version have other ids.
    pub version: u32,
    /// The partition it works on.
    pub partition: u32,
    /// Which windows there are.
    pub shape: Shape,
    /// The length of a window, and of sessions the pause that ends them; whole microseconds, more than none.
    pub size: Duration,
    /// Series that have these labels in common become one, with these labels alone; `None` keeps each to itself. Such an
    /// operator reads the entries of all partitions, in the order of the log.
    pub group_by: Option<Vec<String>>,
    /// How long after its end a window still takes events and emits revisions.
    pub allowed_lateness: Duration,
    /// A source not seen for longer than this, in log time, does not hold the watermark back.
    pub idle_timeout: Duration,
    /// An event time counts for the watermark as at most log time plus this, so that one wrong clock does not close
    /// everybody's windows. The event itself goes into the window of its own time, and is counted.
    pub future_limit: Duration,
    /// The aggregates to be emitted.
    pub aggregates: AggregateSet,
    /// Levels of the quantiles to be emitted, each from 0 to 1.
    pub quantiles: Vec<f64>,
    /// Upper bounds of the buckets of a histogram, rising; none when it is not asked for.
    pub histogram: Vec<f64>,
    /// Of what the different ones are counted.
    pub distinct: Option<By>,
    /// The greatest of what are named.
    pub top: Option<Top>,
    /// Availability is asked for: for how long at most a check speaks for the time after it. Whole microseconds.
    pub availability: Option<Duration>,
    /// Only metrics whose name matches one of these patterns (`*` any text, `?` one character); `None` takes all.
    pub metrics: Option<Vec<String>>,
    /// Only events of these sources; `None` takes all.
    pub sources: Option<Vec<String>>,
    /// Which samples of them, and with which value.
    pub selection: Selection,
    /// The most series in open windows. A sample of one more is counted and skipped: it is still in the event log.
    pub series_max: usize,
}

impl Spec {
    /// A spec with tumbling windows of `size` and defaults for the rest: 30 s lateness, 30 s idle timeout, 5 min future limit, the
    /// aggregates that [`AggregateSet`] has by default, all metrics of all sources, at most 1,000,000 series.
    pub fn new(operator: impl Into<String>, partition: u32, size: Duration) -> Self {
        Self {
            operator: operator.into(),
            version: 1,
            partition,
            shape: Shape::Tumbling,
            size,
            group_by: None,
            allowed_lateness: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            future_limit: Duration::from_secs(300),
            aggregates: AggregateSet::default(),
            quantiles: Vec::new(),
            histogram: Vec::new(),
            distinct: None,
            top: None,
            availability: None,
            metrics: None,
            sources: None,
            selection: Selection::default(),
            series_max: 1_000_000,
        }
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// `Broken` when a window has no length, a time does not fit, or an aggregate cannot be computed like this.
    pub(super) fn check(&self) -> Result<()> {
        let broken = |what: String| Err(Error::broken(format!("setting up operator {:?}: {what}", self.operator)));
        let day = Duration::from_secs(86_400);
        if self.size < Duration::from_micros(1) || self.size > 36_600 * day || !self.size.subsec_nanos().is_multiple_of(1_000) {
            return broken(format!("a window of {:?} is not whole microseconds between 1 us and 100 years", self.size));
        }
        let times = [self.allowed_lateness, self.idle_timeout, self.future_limit];
        if let Some(time) = times.iter().find(|time| **time > 36_600 * day) {
            return broken(format!("{time:?} is more than 100 years"));
        }
        self.shape.check(&self.operator, self.size)?;
        if let Some(q) = self.quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
            return broken(format!("quantile {q} is not from 0 to 1"));
        }
        let rising = self.histogram.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || self.histogram.len() > BUCKETS_MAX || !self.histogram.iter().all(|bound| bound.is_finite()) {
            return broken(format!("the bounds of the histogram are not up to {BUCKETS_MAX} rising numbers"));
        }
        if let Some(top) = self.top.as_ref().filter(|top| !(1..=TOP_MAX).contains(&top.k)) {
            return broken(format!("a top of {} is not of 1 to {TOP_MAX}", top.k));
        }
        match self.availability {
            Some(hold) if hold < Duration::from_micros(1) || hold > 36_600 * day || !hold.subsec_nanos().is_multiple_of(1_000) => {
                broken(format!("a check cannot speak for {hold:?}"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn takes_source(&self, source: &str) -> bool {
        subject::takes(self.sources.as_deref(), source)
    }

    pub(super) fn takes_metric(&self, metric: &str) -> bool {
        self.metrics.as_ref().is_none_or(|patterns| patterns.iter().any(|p| glob(p, metric)))
    }
}

/// Whether `text` matches `pattern`, where `*` stands for any text and `?` for one byte.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            // Let the last star take one byte more.
            _ => match star {
                Some((at, taken)) => (p, t, star) = (at + 1, taken + 1, Some((at, taken + 1))),
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Amount;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, expected) in [
            ("cpu", "cpu", true),
            ("cpu", "cpu2", false),
            ("cpu*", "cpu_usage", true),
            ("*_usage", "cpu_usage", true),
            ("c*_*e", "cpu_usage_e", true),
            ("c?u", "cpu", true),
            ("c?u", "cu", false),
            ("*", "", true),
            ("a*b", "ac", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_spec_that_cannot_work_is_refused() {
        let good = Spec::new("w", 0, Duration::from_secs(10));
        assert!(good.check().is_ok());
        for bad in [
            Spec { size: Duration::ZERO, ..good.clone() },
            Spec { size: Duration::from_nanos(1_500), ..good.clone() },
            Spec { allowed_lateness: Duration::MAX, ..good.clone() },
            Spec { quantiles: vec![0.5, 1.5], ..good.clone() },
            Spec { quantiles: vec![f64::NAN], ..good.clone() },
            Spec { histogram: vec![1.0, 1.0], ..good.clone() },
            Spec { histogram: vec![f64::INFINITY], ..good.clone() },
            Spec { top: Some(Top { k: 0, by: By::Value, of: Amount::Count }), ..good.clone() },
            Spec { availability: Some(Duration::ZERO), ..good.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
