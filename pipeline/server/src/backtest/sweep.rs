//! Values that are tried out for one key of a rule.

use std::str::FromStr;

use floodmark_connectors::settings::Span;

use crate::config::Setting;

/// The most values.
const VALUES_MAX: usize = 200;
/// How many values there are between two that are no whole numbers when it is not said.
const USUAL: usize = 10;

/// A key, and its values in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Such as `alerts.hot.above`.
    pub key: String,
    /// As they stand in a configuration.
    pub values: Vec<String>,
}

impl Sweep {
    /// The settings of one value.
    pub fn setting(&self, value: &str) -> Setting {
        Setting { key: self.key.split('.').map(str::to_owned).collect(), value: value.to_owned() }
    }
}

impl FromStr for Sweep {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write alerts.<id>.<key>=a..b, a..b/20 for twenty values, or v1,v2,v3".to_owned();
        let (key, values) = text.split_once('=').ok_or_else(wrong)?;
        if !key.starts_with("alerts.") || key.split('.').count() < 3 {
            return Err(wrong());
        }
        let values = match values.split_once("..") {
            None => values.split(',').map(|value| value.trim().to_owned()).collect(),
            Some((from, to)) => range(from.trim(), to.trim())?,
        };
        if values.iter().any(String::is_empty) {
            return Err(wrong());
        }
        if values.len() > VALUES_MAX {
            return Err(format!("that are {} values; {VALUES_MAX} can be tried at once", values.len()));
        }
        Ok(Self { key: key.to_owned(), values })
    }
}

fn range(from: &str, to: &str) -> Result<Vec<String>, String> {
    let (to, count) = match to.split_once('/') {
        None => (to, None),
        Some((to, count)) => {
            let count = count.parse().ok().filter(|count| *count >= 2);
            (to.trim(), Some(count.ok_or("after / stands how many values there are, 2 or more")?))
        }
    };
    if let (Ok(from), Ok(to), None) = (from.parse::<i64>(), to.parse::<i64>(), count) {
        let distance = to.abs_diff(from);
        if distance >= VALUES_MAX as u64 {
            return Err(format!("{VALUES_MAX} values can be tried at once; {from}..{to}/20 tries twenty"));
        }
        let step = if from <= to { 1 } else { -1 };
        return Ok((0..=distance.cast_signed()).map(|n| (from + n * step).to_string()).collect());
    }
    let count: usize = count.unwrap_or(USUAL);
    let between = |from: f64, to: f64| (0..count).map(move |n| from + (to - from) * n as f64 / (count - 1) as f64);
    if let (Ok(from), Ok(to)) = (from.parse::<f64>(), to.parse::<f64>()) {
        return Ok(between(from, to).map(|value| format!("{value}")).collect());
    }
    match (from.parse::<Span>(), to.parse::<Span>()) {
        (Ok(from), Ok(to)) => {
            let spans = between(from.0.as_secs_f64(), to.0.as_secs_f64());
            // To the millisecond: nobody means less.
            Ok(spans.map(|secs| Span(std::time::Duration::from_millis((secs * 1e3).round() as u64)).to_string()).collect())
        }
        (Err(e), _) | (_, Err(e)) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_listed_or_lie_between_two() {
        for (text, expected) in [
            ("alerts.a.failures=1..4", "1 2 3 4"),
            ("alerts.a.failures=3..1", "3 2 1"),
            ("alerts.a.above=80..90/5", "80 82.5 85 87.5 90"),
            ("alerts.a.levels.warning.above=0.5..0.6/3", "0.5 0.55 0.6"),
            ("alerts.a.for=0s..10m/3", "0s 5m 10m"),
            ("alerts.a.for=1m, 90s", "1m 90s"),
            ("alerts.a.severity=info,error", "info error"),
        ] {
            let values: Vec<String> = text.parse::<Sweep>().unwrap().values;
            assert_eq!(values.join(" "), expected, "{text}");
        }
        for text in [
            "above=1..2",
            "alerts.a=1..2",
            "alerts.a.above",
            "alerts.a.above=",
            "alerts.a.for=1m..x",
            "alerts.a.b=1..9000",
            "alerts.a.b=1..2/1",
        ] {
            assert!(text.parse::<Sweep>().is_err(), "{text}");
        }
    }
}
