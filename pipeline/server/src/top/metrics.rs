//! Reads the Prometheus text format 0.0.4, as far as this program writes it
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::BTreeMap;

/// The values of all metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metrics(Vec<Sample>);

#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Reads what can be read; comments and other lines are passed over.
    pub(super) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(sample).collect())
    }

    /// The value of a metric with these labels, and whatever others.
    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &Sample| labels.iter().all(|(name, value)| sample.labels.get(*name).is_some_and(|found| found == value));
        self.0.iter().find(|sample| sample.name == name && has(sample)).map(|sample| sample.value)
    }
}

fn sample(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let (series, value) = line.trim().rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, rest)) => (name, labels(rest.strip_suffix('}')?)?),
        None => (series, BTreeMap::new()),
    };
    Some(Sample { name: name.to_owned(), labels, value: value.parse().ok()? })
}

fn labels(text: &str) -> Option<BTreeMap<String, String>> {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    while let Some((name, after)) = rest.split_once("=\"") {
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.trim_start_matches(',').to_owned(), value);
        rest = &after[end + 1..];
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_labels() {
        let text = "# HELP a about\n# TYPE a counter\na{x=\"1\",y=\"b\\\"c,d=\"} 7\na{x=\"2\"} 1e3\nb 0.5\nbad\n";
        let metrics = Metrics::parse(text);
        for (name, labels, expected) in [
            ("a", &[("x", "2")][..], Some(1_000.0)),
            ("a", &[("y", "b\"c,d=")], Some(7.0)),
            ("a", &[("x", "1"), ("y", "z")], None),
            ("b", &[], Some(0.5)),
            ("bad", &[], None),
        ] {
            assert_eq!(metrics.value(name, labels), expected, "{name} {labels:?}");
        }
    }
}
