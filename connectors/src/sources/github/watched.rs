//! One repository: where it is, what is known of it, and how a look at it becomes events.

use std::time::Duration;

use floodmark_core::ports::Clock;
use floodmark_schemas::{Check, DeadLetter, Event, Reason, Record, Timestamp};
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use super::api::{Api, Fetched, Validator};
use super::config::split;
use super::limits::{self, Marks};
use super::releases::{PER_PAGE, Release, Told};
use super::repository::Repository;
use super::verdict::judge;
use crate::sources::http_client::{Answer, Verdict, letter_id};

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The repository and its numbers.
    Numbers,
    /// Its releases.
    Releases,
}

/// A repository.
pub struct Watched {
    /// As configured.
    name: String,
    /// As of the last answer.
    known_as: String,
    numbers: Place,
    /// The last answer with content; a "not modified" repeats it. It lives and ends with the validator in `numbers`.
    repository: Option<Repository>,
    releases: Place,
    told: Told,
}

/// Where one thing is asked for.
struct Place {
    home: Url,
    /// Differs from `home` after the repository has moved for good.
    now: Url,
    validator: Option<Validator>,
}

/// What a look came to.
pub struct Seen {
    /// When the answer, or its absence, was there.
    pub time: Timestamp,
    /// Samples and records.
    pub events: Vec<Event>,
    /// The check of this look.
    pub check: Check,
    /// For the agenda.
    pub verdict: Verdict,
    /// An answer that could not be understood.
    pub letter: Option<DeadLetter>,
    /// How long until the limit, of which nothing remains, is reset.
    pub spent: Option<Duration>,
}

impl Place {
    fn new(home: Url) -> Self {
        Self { now: home.clone(), home, validator: None }
    }
}

impl Watched {
    /// The repository `name` (`owner/name`) of the server behind `api`.
    pub fn new(name: &str, api: &Api) -> Self {
        let (owner, repo) = split(name).expect("a valid configuration names owner and repository");
        let mut releases = api.url(["repos", owner, repo, "releases"]);
        releases.query_pairs_mut().append_pair("per_page", PER_PAGE);
        Self {
            name: name.to_owned(),
            known_as: name.to_owned(),
            numbers: Place::new(api.url(["repos", owner, repo])),
            repository: None,
            releases: Place::new(releases),
            told: Told::default(),
        }
    }

    /// As configured: the name that stays.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The target of the checks.
    pub fn target(&self, look: Look) -> String {
        match look {
            Look::Numbers => self.name.clone(),
            Look::Releases => format!("{}/releases", self.name),
        }
    }

    /// When the newest release that was told was published.
    pub fn newest_release(&self) -> Option<Timestamp> {
        self.told.newest()
    }

    /// Its present name, when it is no longer the configured one.
    pub fn renamed_to(&self) -> Option<&str> {
        (!self.known_as.eq_ignore_ascii_case(&self.name)).then_some(&self.known_as)
    }

    /// Continues from what an earlier run has kept.
    pub fn resume(&mut self, newest_release: Option<Timestamp>, renamed_to: Option<&String>) {
        self.told = Told::up_to(newest_release);
        // Releases that were told but not kept must come again, which "not modified" would prevent.
        self.releases.validator = None;
        self.known_as = renamed_to.unwrap_or(&self.name).clone();
    }

    /// Looks once. `strikes` is how many answers in a row asked to wait. May be dropped at any await: what is known changes
    /// only after the last one.
    pub async fn look(&mut self, look: Look, api: &Api, source: &str, clock: &dyn Clock, strikes: u32) -> Seen {
        let place = match look {
            Look::Numbers => &self.numbers,
            Look::Releases => &self.releases,
        };
        let started = Instant::now();
        let fetched = api.get(&place.now, place.validator.as_ref()).await;
        let mut check = Check::of(self.target(look));
        check.duration_us = u64::try_from(started.elapsed().as_micros()).ok();
        let time = clock.now();
        let mut seen = Seen { time, events: Vec::new(), check, verdict: Verdict::Answered, letter: None, spent: None };
        match fetched {
            Err(failure) => {
                seen.verdict = Verdict::Unavailable;
                seen.failed(failure.reason, api.credential.scrub(&failure.detail));
            }
            Ok(fetched) => self.read(look, fetched, api, source, strikes, &mut seen),
        }
        seen
    }

    fn read(&mut self, look: Look, fetched: Fetched, api: &Api, source: &str, strikes: u32, seen: &mut Seen) {
        let Fetched { answer, url, moved } = fetched;
        seen.check.status = Some(answer.status);
        let place = self.place(look);
        if let Some(moved) = moved {
            place.now = moved;
        }
        let asked_conditionally = place.validator.is_some();
        match answer.status {
            200 => match self.understand(look, &answer, source, seen) {
                Ok(()) => {
                    self.place(look).validator = Validator::of(&answer, &url);
                    seen.check.up = Some(true);
                }
                Err(what) => seen.malformed(what, &answer, &url, api, source),
            },
            304 if asked_conditionally => {
                if look == Look::Numbers {
                    self.tell_numbers(source, seen);
                }
                seen.check.up = Some(true);
            }
            status => {
                let meaning = judge(&answer, strikes, seen.time);
                if matches!(status, 404 | 410) {
                    // Where it moved to it is no more; perhaps it is again where it was.
                    let place = self.place(look);
                    place.now = place.home.clone();
                }
                seen.verdict = meaning.verdict;
                seen.failed(meaning.reason, api.credential.scrub(&meaning.detail));
                return;
            }
        }
        seen.spent = limits::spent(&Marks::of(&answer, "", seen.time), seen.time);
    }

    fn place(&mut self, look: Look) -> &mut Place {
        match look {
            Look::Numbers => &mut self.numbers,
            Look::Releases => &mut self.releases,
        }
    }

    fn understand(&mut self, look: Look, answer: &Answer, source: &str, seen: &mut Seen) -> Result<(), String> {
        match look {
            Look::Numbers => {
                let repository: Repository = answer.json()?;
                self.tell_rename(&repository, source, seen);
                self.repository = Some(repository);
                self.tell_numbers(source, seen);
            }
            Look::Releases => {
                let page: Vec<Release> = answer.json()?;
                for (time, release) in self.told.news(page) {
                    seen.events.push(release.record(source, &self.known_as, time));
                }
            }
        }
        Ok(())
    }

    fn tell_rename(&mut self, repository: &Repository, source: &str, seen: &mut Seen) {
        let Some(name) = repository.full_name.as_ref().filter(|name| !name.eq_ignore_ascii_case(&self.known_as)) else { return };
        let fact = [("from", json!(self.known_as)), ("to", json!(name)), ("repo_id", json!(repository.id.to_string()))];
        let fact = fact.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let id = format!("renamed:{}:{}:{name}", repository.id, self.known_as);
        let mut event = Event::record(source, id, seen.time, Record { name: "github.renamed".to_owned(), fact });
        event.subject = Some(self.name.clone());
        seen.events.push(event);
        self.known_as.clone_from(name);
    }

    fn tell_numbers(&self, source: &str, seen: &mut Seen) {
        let Some(repository) = &self.repository else { return };
        for (series, value) in repository.gauges(&self.name) {
            let id = format!("{}:{}@{}", series.metric, repository.id, seen.time.micros());
            seen.events.push(Event::sample(source, id, seen.time, series, value));
        }
    }
}

impl Seen {
    fn failed(&mut self, reason: Reason, detail: String) {
        // A service that is asked too often says nothing about what was asked for.
        self.check.up = (reason != Reason::RateLimited).then_some(false);
        self.check.reason = Some(reason);
        self.check.detail = Some(detail);
    }

    fn malformed(&mut self, what: String, answer: &Answer, url: &Url, api: &Api, source: &str) {
        let body = api.credential.scrub(&String::from_utf8_lossy(&answer.body));
        let what = api.credential.scrub(&what);
        let id = letter_id(url.as_str(), &answer.body);
        self.letter = Some(DeadLetter::new(source, id, url.as_str(), what.clone(), self.time, body.as_bytes()));
        self.failed(Reason::Malformed, what);
    }
}
