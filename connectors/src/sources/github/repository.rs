//! The gauges of a repository.

use floodmark_schemas::Series;
use serde::{Deserialize, Deserializer};

/// What is used of `GET /repos/{owner}/{name}`. Everything but the id may be absent: versions of the API and of GitHub
/// Enterprise differ.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Repository {
    /// Stays the same over renames and transfers.
    pub id: u64,
    /// `owner/name` as of now.
    #[serde(default)]
    pub full_name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    stargazers_count: Number,
    #[serde(default, deserialize_with = "present")]
    forks_count: Number,
    #[serde(default, deserialize_with = "present")]
    open_issues_count: Number,
    #[serde(default)]
    subscribers_count: Option<f64>,
    #[serde(default)]
    size: Option<f64>,
    // Older names of the same numbers; the oldest servers know only these.
    #[serde(default)]
    watchers: Option<f64>,
    #[serde(default)]
    forks: Option<f64>,
    #[serde(default)]
    open_issues: Option<f64>,
}

/// `None` when the field is absent, `Some(None)` when it is null.
type Number = Option<Option<f64>>;

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Repository {
    /// The numbers that are there, each with its series. `configured` stands for the name where that is absent.
    pub fn gauges(&self, configured: &str) -> impl Iterator<Item = (Series, f64)> {
        let name = self.full_name.as_deref().unwrap_or(configured).to_owned();
        let id = self.id.to_string();
        [
            // `watchers_count` is another name of this one; who really watches is `subscribers_count`.
            ("stars", "", self.stargazers_count.unwrap_or(self.watchers)),
            ("forks", "", self.forks_count.unwrap_or(self.forks)),
            ("open_issues_and_pulls", "", self.open_issues_count.unwrap_or(self.open_issues)),
            ("subscribers", "", self.subscribers_count),
            ("size", "KiBy", self.size),
        ]
        .into_iter()
        .filter_map(move |(metric, unit, value)| {
            Some((Series::new(metric).unit(unit).label("repo", name.clone()).label("repo_id", id.clone()), value?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &[(&str, f64)]) {
        let repository: Repository = serde_json::from_str(json).unwrap();
        let found: Vec<_> = repository.gauges("a/b").map(|(series, value)| (series.to_string(), value)).collect();
        let labels = |metric: &str| format!("{metric}{{repo=\"{}\",repo_id=\"7\"}}", repository.full_name.as_deref().unwrap_or("a/b"));
        assert_eq!(found, expected.iter().map(|(metric, value)| (labels(metric), *value)).collect::<Vec<_>>());
    }

    #[test]
    fn every_number_that_is_there_becomes_a_gauge() {
        check(
            r#"{"id":7,"full_name":"c/d","stargazers_count":1,"watchers_count":1,"forks_count":2,"open_issues_count":3,"subscribers_count":4,"size":5,"has_wiki":null}"#,
            &[("stars", 1.0), ("forks", 2.0), ("open_issues_and_pulls", 3.0), ("subscribers", 4.0), ("size", 5.0)],
        );
    }

    #[test]
    fn a_null_is_skipped_and_never_zero() {
        check(r#"{"id":7,"stargazers_count":null,"watchers":9,"forks_count":2,"size":null}"#, &[("forks", 2.0)]);
        check(r#"{"id":7,"full_name":null}"#, &[]);
    }

    #[test]
    fn the_names_of_old_servers_are_read() {
        check(
            r#"{"id":7,"watchers":15,"forks":3,"open_issues":16,"size":308}"#,
            &[("stars", 15.0), ("forks", 3.0), ("open_issues_and_pulls", 16.0), ("size", 308.0)],
        );
    }

    #[test]
    fn what_is_not_a_repository_is_refused() {
        for json in ["[]", "{}", "\"x\"", r#"{"id":"7"}"#, r#"{"id":7,"size":"big"}"#, "<html>"] {
            assert!(serde_json::from_str::<Repository>(json).is_err(), "{json}");
        }
    }
}
