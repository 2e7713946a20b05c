//! The configuration of a `github` source.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Fault, Secret, Span};
use crate::sources::http_client::base_url;

/// The public service, whose limits are known.
const PUBLIC: &str = "api.github.com";
/// The public service lets its answers be kept for 60 s: asking more often gives nothing new.
const EVERY_MIN_PUBLIC: Duration = Duration::from_secs(60);
/// Other servers have the limits that their owners set.
const EVERY_MIN: Duration = Duration::from_secs(1);
/// What the public service answers in an hour to one address without a token.
const REQUESTS_PER_HOUR_WITHOUT_TOKEN: f64 = 60.0;

/// Watches repositories on GitHub or GitHub Enterprise Server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The repositories, each as `"owner/name"`. List all that use one token in one source: it asks for one at a time.
    pub repos: Vec<String>,
    /// How often the numbers of each repository are asked for; at least 1m on api.github.com.
    #[serde(default = "every")]
    pub every: Span,
    /// An access token. Without one api.github.com answers 60 requests an hour to each address, with one at least 5,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Whether each release becomes a record `github.release`, at the time it was published. The first look also tells the
    /// newest 30 that are already there.
    #[serde(default)]
    pub releases: bool,
    /// How often releases are asked for, with `releases = true`.
    #[serde(default = "releases_every")]
    pub releases_every: Span,
    /// The address of the API. For GitHub Enterprise Server `"https://<host>/api/v3"`.
    #[serde(default = "public_url")]
    pub base_url: String,
    /// The version of the API that is asked for, as header `X-GitHub-Api-Version`.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// The header `Accept`.
    #[serde(default = "accept")]
    pub accept: String,
    /// How long one request may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn every() -> Span {
    Span::secs(600)
}

fn releases_every() -> Span {
    Span::secs(1800)
}

fn public_url() -> String {
    format!("https://{PUBLIC}")
}

fn api_version() -> String {
    "2022-11-28".to_owned()
}

fn accept() -> String {
    "application/vnd.github+json".to_owned()
}

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// What is asked for, and how often: the numbers of each repository, then releases.
    pub fn polls(&self) -> Vec<(String, Duration)> {
        let numbers = self.repos.iter().map(|name| (name.clone(), self.every.0));
        let releases = self.repos.iter().filter(|_| self.releases).map(|name| (format!("{name}/releases"), self.releases_every.0));
        numbers.chain(releases).collect()
    }

    /// What cannot work. Reads no secret.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.repos.is_empty() {
            faults.push(Fault::of("repos", "nothing would be watched", "write at least one, such as repos = [\"rust-lang/rust\"]"));
        }
        let mut names = BTreeSet::new();
        for (i, repo) in self.repos.iter().enumerate() {
            if split(repo).is_none() {
                faults.push(Fault::of("repos", format!("{repo:?} is not a repository"), "write \"owner/name\"").entry(i));
            } else if !names.insert(repo.to_ascii_lowercase()) {
                faults.push(Fault::of("repos", format!("{repo:?} is there twice"), "remove one of the two").entry(i));
            }
        }
        if self.timeout.0.is_zero() {
            faults.push(Fault::of("timeout", "no request could be answered in time", "write for example \"30s\""));
        }
        match base_url(&self.base_url) {
            Err(e) => faults.push(Fault::of("base_url", e.chain(), format!("write for example \"https://{PUBLIC}\""))),
            Ok(url) => faults.extend(self.faults_of_rate(url.host_str() == Some(PUBLIC))),
        }
        faults
    }

    fn faults_of_rate(&self, public: bool) -> Vec<Fault> {
        let least = Span(if public { EVERY_MIN_PUBLIC } else { EVERY_MIN });
        let too_often = |(key, every): (&str, Span)| {
            (every < least).then(|| Fault::of(key, format!("{every} is too often"), format!("write \"{least}\" or more")))
        };
        let faults: Vec<Fault> =
            [("every", self.every), ("releases_every", self.releases_every)].into_iter().filter_map(too_often).collect();
        if faults.is_empty() && public && self.token.is_none() { self.fault_without_token().into_iter().collect() } else { faults }
    }

    fn fault_without_token(&self) -> Option<Fault> {
        let per_hour = |every: Span| 3600.0 / every.0.as_secs_f64() * self.repos.len() as f64;
        let releases = if self.releases { per_hour(self.releases_every) } else { 0.0 };
        let requests = per_hour(self.every) + releases;
        if requests <= REQUESTS_PER_HOUR_WITHOUT_TOKEN {
            return None;
        }
        let left = REQUESTS_PER_HOUR_WITHOUT_TOKEN - releases;
        let remedy = if left > 0.0 {
            let minutes = (60.0 * self.repos.len() as f64 / left).ceil();
            format!("set `token`, or every = \"{minutes}m\" or more")
        } else {
            "set `token`, or a longer `releases_every`".to_owned()
        };
        let what = format!(
            "{} repositories every {} are {requests:.0} requests an hour, but without a token {PUBLIC} answers only 60",
            self.repos.len(),
            self.every
        );
        Some(Fault::of("every", what, remedy))
    }
}

/// Owner and name, when they are such.
pub fn split(repo: &str) -> Option<(&str, &str)> {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c)) && part != "." && part != ".."
    };
    repo.split_once('/').filter(|(owner, name)| plain(owner) && plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &[&str]) {
        let config: Config = serde_json::from_str(json).unwrap();
        let found: Vec<String> = config.validate().iter().map(Fault::to_string).collect();
        assert_eq!(found, expected, "{json}");
    }

    #[test]
    fn what_keeps_to_the_limits_is_accepted() {
        check(r#"{"repos":["rust-lang/rust"]}"#, &[]);
        check(r#"{"repos":["a/b","a/c"],"every":"2m"}"#, &[]);
        check(r#"{"repos":["a/b","a/c"],"every":"1m","token":{"env":"X"}}"#, &[]);
        check(r#"{"repos":["a/b"],"every":"1s","base_url":"http://127.0.0.1:8080/api/v3"}"#, &[]);
    }

    #[test]
    fn each_error_names_the_setting_and_the_remedy() {
        check(r#"{"repos":[]}"#, &[r#"`repos`: nothing would be watched (write at least one, such as repos = ["rust-lang/rust"])"#]);
        check(
            r#"{"repos":["a/b","rust","a/../b"]}"#,
            &[
                r#"`repos.1`: "rust" is not a repository (write "owner/name")"#,
                r#"`repos.2`: "a/../b" is not a repository (write "owner/name")"#,
            ],
        );
        check(r#"{"repos":["a/b","A/B"]}"#, &[r#"`repos.1`: "A/B" is there twice (remove one of the two)"#]);
        check(
            r#"{"repos":["a/b"],"every":"59s","timeout":"0s"}"#,
            &[
                r#"`timeout`: no request could be answered in time (write for example "30s")"#,
                r#"`every`: 59s is too often (write "1m" or more)"#,
            ],
        );
        check(r#"{"repos":["a/b"],"every":"0s","base_url":"http://h"}"#, &[r#"`every`: 0s is too often (write "1s" or more)"#]);
        check(
            r#"{"repos":["a/b","a/c","a/d"],"every":"2m"}"#,
            &[
                r#"`every`: 3 repositories every 2m are 90 requests an hour, but without a token api.github.com answers only 60 (set `token`, or every = "3m" or more)"#,
            ],
        );
        check(
            r#"{"repos":["a/b","a/c"],"every":"2m","releases":true}"#,
            &[
                r#"`every`: 2 repositories every 2m are 64 requests an hour, but without a token api.github.com answers only 60 (set `token`, or every = "3m" or more)"#,
            ],
        );
        check(
            r#"{"repos":["a/b"],"base_url":"api.github.com"}"#,
            &[
                r#"`base_url`: base_url "api.github.com" is not an address such as "https://host" or "https://host/api/v3": relative URL without a base (write for example "https://api.github.com")"#,
            ],
        );
    }

    #[test]
    fn unknown_settings_are_refused_and_defaults_are_written_out() {
        assert!(serde_json::from_str::<Config>(r#"{"repos":["a/b"],"tokn":"x"}"#).is_err());
        let config: Config = serde_json::from_str(r#"{"repos":["a/b"]}"#).unwrap();
        assert_eq!(
            serde_json::to_value(config).unwrap(),
            serde_json::json!({
                "repos": ["a/b"], "every": "10m", "releases": false, "releases_every": "30m", "base_url": "https://api.github.com",
                "api_version": "2022-11-28", "accept": "application/vnd.github+json", "timeout": "30s"
            })
        );
    }
}
