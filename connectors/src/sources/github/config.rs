//! The configuration of a `github` source.

use std::collections::BTreeSet;
use std::time::Duration;

use floodmark_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Secret, Span};
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
    /// Checks what the types alone cannot say. Reads no secret.
    ///
    /// # Errors
    /// `Broken` with the setting, what is wrong with it and the remedy.
    pub fn validate(&self) -> Result<()> {
        if self.repos.is_empty() {
            return Err(Error::broken("repos is empty; write at least one, such as repos = [\"rust-lang/rust\"]"));
        }
        let mut names = BTreeSet::new();
        for repo in &self.repos {
            if split(repo).is_none() {
                return Err(Error::broken(format!("repos: {repo:?} is not a repository; write \"owner/name\"")));
            }
            if !names.insert(repo.to_ascii_lowercase()) {
                return Err(Error::broken(format!("repos: {repo:?} is there twice; remove one")));
            }
        }
        let public = base_url(&self.base_url)?.host_str() == Some(PUBLIC);
        let least = Span(if public { EVERY_MIN_PUBLIC } else { EVERY_MIN });
        for (name, every) in [("every", self.every), ("releases_every", self.releases_every)] {
            if every < least {
                return Err(Error::broken(format!("{name} = \"{every}\" is too often; write \"{least}\" or more")));
            }
        }
        if self.timeout.0.is_zero() {
            return Err(Error::broken("timeout is zero; write for example \"30s\""));
        }
        if public && self.token.is_none() { self.validate_without_token() } else { Ok(()) }
    }

    fn validate_without_token(&self) -> Result<()> {
        let per_hour = |every: Span| 3600.0 / every.0.as_secs_f64() * self.repos.len() as f64;
        let releases = if self.releases { per_hour(self.releases_every) } else { 0.0 };
        let requests = per_hour(self.every) + releases;
        if requests <= REQUESTS_PER_HOUR_WITHOUT_TOKEN {
            return Ok(());
        }
        let left = REQUESTS_PER_HOUR_WITHOUT_TOKEN - releases;
        let remedy = if left > 0.0 {
            let minutes = (60.0 * self.repos.len() as f64 / left).ceil();
            format!("set a token, or every = \"{minutes}m\" or more")
        } else {
            "set a token, or a longer releases_every".to_owned()
        };
        Err(Error::broken(format!(
            "{} repositories every {} are {requests:.0} requests an hour, but without a token {PUBLIC} answers only 60; {remedy}",
            self.repos.len(),
            self.every
        )))
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

    fn check(json: &str, expected: Result<(), &str>) {
        let config: Config = serde_json::from_str(json).unwrap();
        let found = config.validate().map_err(|e| e.chain());
        assert_eq!(found.as_ref().map_err(String::as_str), expected.as_ref().map_err(|text| *text).map(|()| &()), "{json}");
    }

    #[test]
    fn what_keeps_to_the_limits_is_accepted() {
        check(r#"{"repos":["rust-lang/rust"]}"#, Ok(()));
        check(r#"{"repos":["a/b","a/c"],"every":"2m"}"#, Ok(()));
        check(r#"{"repos":["a/b","a/c"],"every":"1m","token":{"env":"X"}}"#, Ok(()));
        check(r#"{"repos":["a/b"],"every":"1s","base_url":"http://127.0.0.1:8080/api/v3"}"#, Ok(()));
    }

    #[test]
    fn each_error_names_the_setting_and_the_remedy() {
        check(r#"{"repos":[]}"#, Err(r#"repos is empty; write at least one, such as repos = ["rust-lang/rust"]"#));
        check(r#"{"repos":["rust"]}"#, Err(r#"repos: "rust" is not a repository; write "owner/name""#));
        check(r#"{"repos":["a/../b"]}"#, Err(r#"repos: "a/../b" is not a repository; write "owner/name""#));
        check(r#"{"repos":["a/b","A/B"]}"#, Err(r#"repos: "A/B" is there twice; remove one"#));
        check(r#"{"repos":["a/b"],"every":"59s"}"#, Err(r#"every = "59s" is too often; write "1m" or more"#));
        check(r#"{"repos":["a/b"],"every":"0s","base_url":"http://h"}"#, Err(r#"every = "0s" is too often; write "1s" or more"#));
        check(r#"{"repos":["a/b"],"timeout":"0s"}"#, Err(r#"timeout is zero; write for example "30s""#));
        check(
            r#"{"repos":["a/b","a/c","a/d"],"every":"2m"}"#,
            Err(
                r#"3 repositories every 2m are 90 requests an hour, but without a token api.github.com answers only 60; set a token, or every = "3m" or more"#,
            ),
        );
        check(
            r#"{"repos":["a/b","a/c"],"every":"2m","releases":true}"#,
            Err(
                r#"2 repositories every 2m are 64 requests an hour, but without a token api.github.com answers only 60; set a token, or every = "3m" or more"#,
            ),
        );
        check(
            r#"{"repos":["a/b"],"base_url":"api.github.com"}"#,
            Err(
                r#"base_url "api.github.com" is not an address such as "https://host" or "https://host/api/v3": relative URL without a base"#,
            ),
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
