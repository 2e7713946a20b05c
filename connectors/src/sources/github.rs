//! `github`: numbers and releases of repositories, from the REST API of GitHub or GitHub Enterprise Server.
//!
//! One source is one credential: it asks one thing at a time, for all its repositories, and keeps to what the service says
//! about limits. Every scheduled look at a repository leaves a check, also while the service has asked to wait.

mod api;
mod config;
mod limits;
mod releases;
mod repository;
mod verdict;
mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Ingest, Source};
use floodmark_schemas::{Event, EventBatch, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::settings::Fault;
use crate::sources::http_client::{Agenda, Turn};
use crate::sources::polling;
use api::Api;
pub use config::Config;
use watched::{Look, Watched};

/// The source.
pub struct Github {
    id: String,
    config: Config,
    clock: Arc<dyn Clock>,
    api: Api,
    agenda: Agenda,
    /// Task `i` polls the numbers of repository `i`; the tasks after those its releases.
    watched: Vec<Watched>,
}

/// What a later process has to know, as JSON.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// When the newest release that was told was published.
    releases: BTreeMap<String, Timestamp>,
    /// The present names of those that were renamed.
    names: BTreeMap<String, String>,
}

impl Github {
    /// A source that watches what `config` says. Reads the token; asks nothing yet.
    ///
    /// # Errors
    /// `Broken` when the configuration is not valid or the token cannot be read.
    pub fn new(id: &str, config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        Fault::refuse(id, &config.validate())?;
        let api = Api::new(&config)?;
        let watched: Vec<_> = config.repos.iter().map(|name| Watched::new(name, &api)).collect();
        let agenda = Agenda::new(clock.clone(), config.polls());
        Ok(Self { id: id.to_owned(), config, clock, api, agenda, watched })
    }

    /// Continues where the last durable cursor stood, also after a run that has failed: what was told but not kept is told again.
    fn resume(&mut self, cursor: Option<String>) {
        let cursor: Cursor = cursor.map_or_else(Cursor::default, |text| {
            serde_json::from_str(&text).unwrap_or_else(|error| {
                warn!(source = self.id, %error, "cursor cannot be read, releases will be told again");
                Cursor::default()
            })
        });
        for watched in &mut self.watched {
            watched.resume(cursor.releases.get(watched.name()).copied(), cursor.names.get(watched.name()));
        }
    }

    fn cursor(&self) -> String {
        let cursor = Cursor {
            releases: self.watched.iter().filter_map(|w| Some((w.name().to_owned(), w.newest_release()?))).collect(),
            names: self.watched.iter().filter_map(|w| Some((w.name().to_owned(), w.renamed_to()?.to_owned()))).collect(),
        };
        serde_json::to_string(&cursor).expect("maps of texts are always JSON")
    }

    /// One turn: at most one request, and its redirects.
    async fn take(&mut self, turn: &Turn, ingest: &dyn Ingest) -> Result<Vec<Event>> {
        let (repository, look, every) = self.task(turn.task);
        let target = self.watched[repository].target(look);
        let mut events = Vec::new();
        let check_id = |time: Timestamp| format!("check:{target}@{}", time.micros());
        if let Some((time, check)) = turn.missed_check(&target, every) {
            events.push(Event::check(&self.id, check_id(time), time, check));
        }
        if let Some(hold) = &turn.held {
            events.push(Event::check(&self.id, check_id(turn.scheduled), turn.scheduled, hold.check(&target)));
            return Ok(events);
        }
        let seen = self.watched[repository].look(look, &self.api, &self.id, &*self.clock, self.agenda.strikes()).await;
        let mut check = seen.check;
        check.attempt = turn.attempt;
        if let Some(letter) = seen.letter {
            ingest.dead_letter(letter).await?;
        }
        if let Some(reason) = check.reason {
            info!(source = self.id, %target, ?reason, detail = check.detail, "poll failed");
        }
        self.agenda.settle(turn.task, &seen.verdict, &check);
        if let Some(wait) = seen.spent {
            self.agenda.hold(wait, "nothing remains of the limit until it is reset");
        }
        events.extend(seen.events);
        events.push(Event::check(&self.id, check_id(seen.time), seen.time, check));
        Ok(events)
    }

    fn task(&self, task: usize) -> (usize, Look, Duration) {
        match task.checked_sub(self.watched.len()) {
            None => (task, Look::Numbers, self.config.every.0),
            Some(repository) => (repository, Look::Releases, self.config.releases_every.0),
        }
    }
}

#[async_trait]
impl Source for Github {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        self.resume(ingest.cursor());
        loop {
            let turn = self.agenda.next().await;
            if turn.attempt == 1 {
                ingest.polled(polling::lateness(&*self.clock, turn.scheduled));
            }
            let events = self.take(&turn, ingest).await?;
            ingest.send(EventBatch::from_iter(events), Some(self.cursor())).await?;
        }
    }
}
