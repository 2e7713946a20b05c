//! The kinds of results that replays are compared by: what tells one result from another, and what it says.
//!
//! Rollups and scores, from stores; alerts, see [`super::lives`]. Who adds a kind adds it to digests, diffs and verdicts.

use floodmark_core::ports::{RollupFilter, RollupQuery, ScoreFilter, ScoreQuery};
use floodmark_engine::replay::Period;
use floodmark_schemas::{Rollup, Score, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::migrate::pairs::{PAGE, Pages};

/// What tells one result from all others at the same time.
pub(super) type Identity = (String, String, String, Timestamp);

/// A kind of result.
pub(super) trait Kind: Serialize + Clone + Send + 'static {
    /// Its name in summaries.
    const NAME: &'static str;
    /// Whether it depends on everything that its series ever did, not only on its window.
    const REMEMBERS: bool;
    /// The time by which answers are in order.
    fn time(&self) -> Timestamp;
    /// What tells it from others at that time.
    fn identity(&self) -> Identity;
    /// The operator that made it.
    fn operator(&self) -> &str;
    /// The operator's definition.
    fn version(&self) -> &str;
    /// The source it is about.
    fn source(&self) -> &str;
    /// What it is about, for people.
    fn about(&self) -> Value;
    /// Whether it says the same as another one, which may be of another definition of the operator.
    fn says_the_same(&self, other: &Self) -> bool;
    /// What it says.
    fn says(&self) -> Value;
}

impl Kind for Rollup {
    const NAME: &'static str = "rollups";
    const REMEMBERS: bool = false;

    fn time(&self) -> Timestamp {
        self.window.start
    }

    fn identity(&self) -> Identity {
        (self.source.clone(), self.series.key(), self.operator.clone(), self.window.end)
    }

    fn operator(&self) -> &str {
        &self.operator
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn source(&self) -> &str {
        &self.source
    }

    fn about(&self) -> Value {
        json!({ "operator": self.operator, "source": self.source, "series": self.series, "window": self.window })
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.revision == other.revision && self.aggregates == other.aggregates
    }

    fn says(&self) -> Value {
        let mut says = json!(self.aggregates);
        says["revision"] = json!(self.revision);
        says
    }
}

impl Kind for Score {
    const NAME: &'static str = "scores";
    const REMEMBERS: bool = true;

    fn time(&self) -> Timestamp {
        self.time
    }

    fn identity(&self) -> Identity {
        (self.source.clone(), self.series.key(), self.operator.clone(), self.window.map_or(self.time, |window| window.start))
    }

    fn operator(&self) -> &str {
        &self.operator
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn source(&self) -> &str {
        &self.source
    }

    fn about(&self) -> Value {
        json!({ "operator": self.operator, "source": self.source, "series": self.series, "time": self.time, "window": self.window })
    }

    fn says_the_same(&self, other: &Self) -> bool {
        said(self) == said(other)
    }

    fn says(&self) -> Value {
        let mut says = json!(bare(self));
        if let Some(fields) = says.as_object_mut() {
            ["id", "operator", "version", "source", "series", "time", "window"].iter().for_each(|name| drop(fields.remove(*name)));
        }
        says
    }
}

/// What a score says, without what tells whose it is and without ids that change with the definition of its operator.
fn said(score: &Score) -> impl PartialEq {
    let Score { id: _, operator: _, version: _, source: _, series: _, time: _, window, revision, value, .. } = score;
    let Score { score, novelty, jump, staleness, head, baseline, lower, upper, state, episode, .. } = score;
    let episode = episode.as_ref().map(|episode| (episode.opened, episode.peak, episode.closed));
    ((*window, *revision, *value), (*score, *novelty, *jump, *staleness, *head), (*baseline, *lower, *upper), *state, episode)
}

/// A score without the ids that change with the definition of its operator.
fn bare(score: &Score) -> Score {
    let mut bare = Score { id: String::new(), version: String::new(), ..score.clone() };
    if let Some(episode) = &mut bare.episode {
        episode.id.clear();
    }
    bare
}

/// The scores of a period, in their order.
pub(super) fn scores(query: &dyn ScoreQuery, period: Period) -> Pages<'_, Score> {
    let filter = ScoreFilter { from: period.from, to: period.to, ..ScoreFilter::default() };
    Pages::new(move |after| {
        let filter = filter.clone();
        Box::pin(async move { query.scores(&filter, after.as_deref(), PAGE).await })
    })
}

/// The rollups of a period, in their order.
pub(super) fn rollups(query: &dyn RollupQuery, period: Period) -> Pages<'_, Rollup> {
    let filter = RollupFilter { from: period.from, to: period.to, ..RollupFilter::default() };
    Pages::new(move |after| {
        let filter = filter.clone();
        Box::pin(async move { query.rollups(&filter, after.as_deref(), PAGE).await })
    })
}
