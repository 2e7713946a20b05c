//! Releases, each told once.

use std::collections::BTreeSet;

use floodmark_schemas::{Event, Record, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How many releases are asked for; the newest come first.
pub const PER_PAGE: &str = "30";
/// How many ids are remembered; the oldest are forgotten first.
const KNOWN_MAX: usize = 1_000;

/// What is used of a release.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    id: u64,
    #[serde(default)]
    tag_name: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    draft: Option<bool>,
    #[serde(default)]
    prerelease: Option<bool>,
    #[serde(default)]
    published_at: Option<Timestamp>,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    author: Option<Author>,
}

#[derive(Clone, Debug, Deserialize)]
struct Author {
    #[serde(default)]
    login: Option<String>,
}

/// Which releases of one repository have been told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    ids: BTreeSet<u64>,
    /// Those published up to here have been told before this process began, or are older than its first look.
    floor: Option<Timestamp>,
    newest: Option<Timestamp>,
}

impl Told {
    /// Continues after the releases published up to `newest`.
    pub fn up_to(newest: Option<Timestamp>) -> Self {
        Self { ids: BTreeSet::new(), floor: newest, newest }
    }

    /// When the newest that was told was published: what a later process continues after.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Those of `page` that have not been told, oldest first; from now on they have. Drafts are not published, so they
    /// are not new yet. The ids decide, because a release may become visible later than one published after it.
    pub fn news(&mut self, page: Vec<Release>) -> Vec<(Timestamp, Release)> {
        let published = |release: Release| Some((release.published_at.filter(|_| release.draft != Some(true))?, release));
        let mut news: Vec<_> = page.into_iter().filter_map(published).collect();
        news.sort_by_key(|(time, release)| (*time, release.id));
        let first_look = news.first().map(|(time, _)| *time);
        news.retain(|(time, release)| self.floor.is_none_or(|floor| *time > floor) && self.ids.insert(release.id));
        // A release that the page shows only because another was deleted is not news.
        self.floor = self.floor.or(first_look.map(|time| time.plus_micros(-1)));
        self.newest = self.newest.max(news.last().map(|(time, _)| *time));
        while self.ids.len() > KNOWN_MAX {
            self.ids.pop_first();
        }
        news
    }
}

impl Release {
    /// The record of this release: its id is the release's, its time that of the publication.
    pub fn record(&self, source: &str, repo: &str, time: Timestamp) -> Event {
        let fact = [
            ("repo", json!(repo)),
            ("tag", json!(self.tag_name)),
            ("name", json!(self.name)),
            ("prerelease", json!(self.prerelease)),
            ("url", json!(self.html_url)),
            ("author", json!(self.author.as_ref().and_then(|author| author.login.as_ref()))),
            ("published_at", json!(time)),
        ];
        let fact: Map<String, Value> =
            fact.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)).collect();
        let mut event = Event::record(source, self.id.to_string(), time, Record { name: "github.release".to_owned(), fact });
        event.subject = Some(repo.to_owned());
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(releases: &[(u64, Option<i64>)]) -> Vec<Release> {
        let release = |(id, hour): &(u64, Option<i64>)| json!({"id": id, "published_at": hour.map(|h| Timestamp::from_secs(h * 3600)), "draft": hour.is_none()});
        releases.iter().map(|release_of| serde_json::from_value(release(release_of)).unwrap()).collect()
    }

    fn check(told: &mut Told, releases: &[(u64, Option<i64>)], expected: &[u64]) {
        assert_eq!(told.news(page(releases)).iter().map(|(_, release)| release.id).collect::<Vec<_>>(), expected, "{releases:?}");
    }

    #[test]
    fn each_release_is_told_once_and_the_oldest_first() {
        let mut told = Told::default();
        check(&mut told, &[(3, Some(30)), (2, Some(20)), (9, None)], &[2, 3]);
        check(&mut told, &[(3, Some(30)), (2, Some(20))], &[]);
        check(&mut told, &[(9, Some(40)), (3, Some(30)), (2, Some(20))], &[9]);
        // 3 was deleted, so that 1 comes into view; 5 was published before 9 but is visible only now.
        check(&mut told, &[(9, Some(40)), (5, Some(39)), (2, Some(20)), (1, Some(10))], &[5]);
        assert_eq!(told.newest(), Some(Timestamp::from_secs(40 * 3600)));
    }

    #[test]
    fn a_later_process_continues_after_the_newest() {
        let mut told = Told::up_to(Some(Timestamp::from_secs(30 * 3600)));
        check(&mut told, &[(4, Some(40)), (3, Some(30)), (2, Some(20))], &[4]);
        check(&mut Told::default(), &[], &[]);
    }

    #[test]
    fn the_record_holds_what_is_known() {
        let release: Release = serde_json::from_value(json!({
            "id": 5, "tag_name": "v1", "name": null, "prerelease": false, "author": {"login": "a"}, "assets": [1], "html_url": "https://x"
        }))
        .unwrap();
        let event = release.record("gh", "a/b", Timestamp::from_secs(0));
        assert_eq!(
            serde_json::to_value(event).unwrap(),
            json!({
                "specversion": "1.0", "id": "5", "source": "gh", "time": "1970-01-01T00:00:00Z", "subject": "a/b",
                "type": "floodmark.record.v1",
                "data": {"name": "github.release", "fact": {
                    "repo": "a/b", "tag": "v1", "prerelease": false, "url": "https://x", "author": "a", "published_at": "1970-01-01T00:00:00Z"
                }}
            })
        );
    }
}
