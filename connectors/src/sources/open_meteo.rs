//! `open_meteo`: the weather of places, from the API of open-meteo.com or a server of one's own.
//!
//! One request asks for all places. The values of `current` change every 15 minutes: they become samples when their time
//! has advanced, at that time; every look leaves a check for each place. Sums and maxima belong to the time before their
//! stamp, which the service gives as the end of the window and which is kept so.
//!
//! A forecast is not an observation. Its samples have a metric of their own, `<variable>_forecast`, and are stamped with
//! the time at which it was made; the label `horizon` says for how many hours later. Were they stamped with the hour they
//! are for, event time would run ahead of the observations of the same source and make those late.

mod config;
mod forecast;
mod limits;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_core::ports::{Clock, Ingest, Source};
use floodmark_schemas::{Check, DeadLetter, Event, EventBatch, Reason, Timestamp};
use reqwest::header::HeaderMap;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::settings::Fault;
use crate::sources::http_client::{Agenda, Answer, Credential, Failure, HttpClient, Turn, Verdict, letter_id};
use crate::sources::polling;
pub use config::{Config, Place};
use forecast::Observation;

/// The source.
pub struct OpenMeteo {
    id: String,
    config: Config,
    clock: Arc<dyn Clock>,
    client: HttpClient,
    credential: Credential,
    agenda: Agenda,
    /// The time of the newest values that were told, by the key of the place.
    told: BTreeMap<String, Timestamp>,
}

/// What became of one request, without what is different for each place.
struct Outcome {
    verdict: Verdict,
    status: Option<u16>,
    /// One for each place, or why there is none for anybody.
    observations: Result<Vec<Result<Observation, String>>, (Reason, String)>,
    letter: Option<DeadLetter>,
}

impl OpenMeteo {
    /// A source that watches what `config` says. Reads the key; asks nothing yet.
    ///
    /// # Errors
    /// `Broken` when the configuration is not valid or the key cannot be read.
    pub fn new(id: &str, config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        Fault::refuse(id, &config.validate())?;
        let agenda = Agenda::new(clock.clone(), [(id.to_owned(), config.every.0)]);
        let (client, credential) = (HttpClient::new(config.timeout.0), Credential::read(config.apikey.as_ref())?);
        Ok(Self { id: id.to_owned(), clock, client, credential, agenda, told: BTreeMap::new(), config })
    }

    async fn take(&mut self, turn: &Turn, ingest: &dyn Ingest) -> Result<Vec<Event>> {
        let every: Duration = self.config.every.0;
        let mut events = Vec::new();
        for place in &self.config.places {
            let missed = turn.missed_check(&place.name, every);
            let held = turn.held.as_ref().map(|hold| (turn.scheduled, hold.check(&place.name)));
            events.extend([missed, held].into_iter().flatten().map(|(time, check)| self.check(time, check)));
        }
        if turn.held.is_some() {
            return Ok(events);
        }
        let started = Instant::now();
        let url = self.config.request(self.credential.expose())?;
        let answered = self.client.get(&url, HeaderMap::new()).await;
        let duration_us = u64::try_from(started.elapsed().as_micros()).ok();
        let time = self.clock.now();
        let outcome = self.outcome(answered, time);
        if let Some(letter) = outcome.letter {
            ingest.dead_letter(letter).await?;
        }
        let base = |place: &Place| Check { status: outcome.status, duration_us, attempt: turn.attempt, ..Check::of(&place.name) };
        let failed = |place: &Place, reason: Reason, detail: &str| Check {
            up: (reason != Reason::RateLimited).then_some(false),
            reason: Some(reason),
            detail: Some(self.credential.scrub(detail)),
            ..base(place)
        };
        let mut told = Vec::new();
        let mut last_check = Check::of("");
        for (i, place) in self.config.places.iter().enumerate() {
            let check = match &outcome.observations {
                Err((reason, detail)) => failed(place, *reason, detail),
                Ok(observations) => match &observations[i] {
                    Err(what) => failed(place, Reason::Malformed, what),
                    Ok(observation) => {
                        if self.told.get(&place.key()).is_none_or(|last| observation.time > *last) {
                            events.extend(observation.samples(&self.id, place));
                            told.push((place.key(), observation.time));
                        }
                        Check { up: Some(true), ..base(place) }
                    }
                },
            };
            if let Some(reason) = check.reason {
                info!(source = self.id, target = check.target, ?reason, detail = check.detail, "poll failed");
            }
            last_check = check.clone();
            events.push(self.check(time, check));
        }
        self.told.extend(told);
        self.agenda.settle(turn.task, &outcome.verdict, &last_check);
        Ok(events)
    }

    fn check(&self, time: Timestamp, check: Check) -> Event {
        Event::check(&self.id, format!("check:{}@{}", check.target, time.micros()), time, check)
    }

    fn outcome(&self, answered: Result<Answer, Failure>, now: Timestamp) -> Outcome {
        let answer = match answered {
            Ok(answer) => answer,
            Err(Failure { reason, detail }) => {
                return Outcome { verdict: Verdict::Unavailable, status: None, observations: Err((reason, detail)), letter: None };
            }
        };
        let status = Some(answer.status);
        match forecast::read(&answer, self.config.places.len()) {
            forecast::Read::Observations(observations) => {
                let letter = observations.iter().find_map(|o| o.as_ref().err()).map(|what| self.letter(what, &answer, now));
                Outcome { verdict: Verdict::Answered, status, observations: Ok(observations), letter }
            }
            forecast::Read::Malformed(what) => {
                let letter = Some(self.letter(&what, &answer, now));
                Outcome { verdict: Verdict::Answered, status, observations: Err((Reason::Malformed, what)), letter }
            }
            forecast::Read::Refused(said) => {
                let (verdict, reason, detail) = limits::judge(&answer, &said, self.agenda.strikes(), now);
                Outcome { verdict, status, observations: Err((reason, detail)), letter: None }
            }
        }
    }

    fn letter(&self, what: &str, answer: &Answer, now: Timestamp) -> DeadLetter {
        // Without the key, which is part of the request's address.
        let origin = self.config.request(None).map_or_else(|_| self.config.base_url.clone(), |url| url.to_string());
        let body = self.credential.scrub(&String::from_utf8_lossy(&answer.body));
        DeadLetter::new(&self.id, letter_id(&origin, &answer.body), origin, self.credential.scrub(what), now, body.as_bytes())
    }

    fn resume(&mut self, cursor: Option<String>) {
        self.told = cursor.map_or_else(BTreeMap::new, |text| {
            serde_json::from_str(&text).unwrap_or_else(|error| {
                warn!(source = self.id, %error, "cursor cannot be read, the newest values may be told again");
                BTreeMap::new()
            })
        });
        let keys: Vec<_> = self.config.places.iter().map(Place::key).collect();
        self.told.retain(|key, _| keys.contains(key));
    }
}

#[async_trait]
impl Source for OpenMeteo {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        self.resume(ingest.cursor());
        loop {
            let turn = self.agenda.next().await;
            if turn.attempt == 1 {
                ingest.polled(polling::lateness(&*self.clock, turn.scheduled));
            }
            let events = self.take(&turn, ingest).await?;
            let cursor = serde_json::to_string(&self.told).expect("a map of texts is always JSON");
            ingest.send(EventBatch::from_iter(events), Some(cursor)).await?;
        }
    }
}
