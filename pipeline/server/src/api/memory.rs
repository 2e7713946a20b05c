//! Stores in memory, for tests of the API alone: they answer from lists and keep the contract of the ports, paging
//! included. A page token is the number of items before it.

use async_trait::async_trait;
use floodmark_core::{
    Error, Result,
    ports::{
        DeadLetterQuery, EventFilter, EventQuery, Page, RollupFilter, RollupQuery, ScoreFilter, ScoreQuery, SeriesFilter, SeriesQuery,
        query::{KnownSeries, StoredEvent},
    },
};
use floodmark_schemas::{DeadLetter, Payload, Rollup, Score, Series, Timestamp};
use std::collections::BTreeMap;

/// What the stores hold.
#[derive(Default)]
pub(crate) struct Memory {
    pub events: Vec<StoredEvent>,
    pub rollups: Vec<Rollup>,
    pub scores: Vec<Score>,
    pub series: Vec<KnownSeries>,
    pub dead_letters: Vec<DeadLetter>,
    /// When set, no question is answered.
    pub away: bool,
}

impl Memory {
    fn page<T: Clone>(&self, found: Vec<T>, after: Option<&str>, limit: usize) -> Result<Page<T>> {
        if self.away {
            return Err(Error::unavailable("asking the store").because("the disk is on fire"));
        }
        let start = match after {
            None => 0,
            Some(token) => token.parse::<usize>().map_err(|_| Error::rejected(format!("{token:?} is not a page")))?,
        };
        let items: Vec<T> = found.iter().skip(start).take(limit).cloned().collect();
        let end = start + items.len();
        Ok(Page { items, next: (end < found.len()).then(|| end.to_string()) })
    }
}

fn is<T: PartialEq>(wanted: &Option<T>, value: &T) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == value)
}

fn within(time: Timestamp, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
    from.is_none_or(|from| time >= from) && to.is_none_or(|to| time < to)
}

fn has(series: &Series, metric: &Option<String>, labels: &BTreeMap<String, String>) -> bool {
    is(metric, &series.metric) && labels.iter().all(|(name, value)| series.labels.get(name) == Some(value))
}

#[async_trait]
impl EventQuery for Memory {
    async fn events(&self, filter: &EventFilter, after: Option<&str>, limit: usize) -> Result<Page<StoredEvent>> {
        let wanted = |stored: &&StoredEvent| {
            let event = &stored.event;
            let series = match &event.payload {
                Payload::Sample(sample) => sample.series.clone(),
                Payload::Check(check) => check.series("", ""),
                Payload::Record(_) => Series::default(),
            };
            is(&filter.source, &event.source)
                && is(&filter.kind, &event.payload.type_name().to_owned())
                && within(event.time, filter.from, filter.to)
                && has(&series, &filter.metric, &filter.labels)
        };
        self.page(self.events.iter().filter(wanted).cloned().collect(), after, limit)
    }
}

#[async_trait]
impl RollupQuery for Memory {
    async fn rollups(&self, filter: &RollupFilter, after: Option<&str>, limit: usize) -> Result<Page<Rollup>> {
        let wanted = |rollup: &&Rollup| {
            !rollup.is_retraction()
                && is(&filter.operator, &rollup.operator)
                && is(&filter.source, &rollup.source)
                && within(rollup.window.start, filter.from, filter.to)
                && has(&rollup.series, &filter.metric, &filter.labels)
        };
        let mut found: Vec<Rollup> = self.rollups.iter().filter(wanted).cloned().collect();
        found.sort_by_key(|rollup| rollup.window.start);
        if filter.newest_first {
            found.reverse();
        }
        self.page(found, after, limit)
    }

    async fn rollup(&self, id: &str) -> Result<Option<Rollup>> {
        Ok(self.rollups.iter().find(|rollup| rollup.id == id).cloned())
    }
}

#[async_trait]
impl ScoreQuery for Memory {
    async fn scores(&self, filter: &ScoreFilter, after: Option<&str>, limit: usize) -> Result<Page<Score>> {
        let wanted = |score: &&Score| {
            is(&filter.operator, &score.operator)
                && is(&filter.source, &score.source)
                && within(score.time, filter.from, filter.to)
                && has(&score.series, &filter.metric, &filter.labels)
                && filter.score_min.is_none_or(|least| score.score >= least)
                && (!filter.only_episodes || score.episode.is_some())
        };
        let mut found: Vec<Score> = self.scores.iter().filter(wanted).cloned().collect();
        found.sort_by_key(|score| score.time);
        if filter.newest_first {
            found.reverse();
        }
        self.page(found, after, limit)
    }

    async fn score(&self, id: &str) -> Result<Option<Score>> {
        Ok(self.scores.iter().find(|score| score.id == id).cloned())
    }
}

#[async_trait]
impl SeriesQuery for Memory {
    async fn series(&self, filter: &SeriesFilter, after: Option<&str>, limit: usize) -> Result<Page<KnownSeries>> {
        let wanted = |known: &&KnownSeries| is(&filter.source, &known.source) && has(&known.series, &filter.metric, &filter.labels);
        self.page(self.series.iter().filter(wanted).cloned().collect(), after, limit)
    }
}

#[async_trait]
impl DeadLetterQuery for Memory {
    async fn dead_letters(&self, component: Option<&str>, after: Option<&str>, limit: usize) -> Result<Page<DeadLetter>> {
        let wanted = |letter: &&DeadLetter| component.is_none_or(|component| component == letter.component);
        self.page(self.dead_letters.iter().rev().filter(wanted).cloned().collect(), after, limit)
    }

    async fn dead_letter(&self, component: &str, id: &str) -> Result<Option<DeadLetter>> {
        Ok(self.dead_letters.iter().find(|letter| letter.component == component && letter.id == id).cloned())
    }
}
