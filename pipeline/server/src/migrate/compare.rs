//! Old against new store, document by document; what only the old one has is handed to the new one where that is possible.

use floodmark_core::Result;
use floodmark_core::ports::query::{Answers, KnownSeries, StoredEvent};
use floodmark_core::ports::{EventFilter, EventQuery, Log, RollupFilter, RollupQuery, ScoreFilter, ScoreQuery, SeriesFilter, SeriesQuery};
use floodmark_engine::SinkPlan;
use floodmark_engine::ingest::Logs;
use floodmark_schemas::commit::Output;
use floodmark_schemas::{DeadLetter, Rollup, Score, Timestamp};

use super::pairs::{PAGE, Pages, Pair, Pairs};
use super::progress::Progress;
use super::stale::Stale;
use super::summary::{Differences, OfStore, seconds};
use super::{letters, older};
use floodmark_connectors::stores::embedded::LAST_SEEN_STEP_US;

fn rollup_pages(query: &dyn RollupQuery) -> Pages<'_, Rollup> {
    Pages::new(move |after| Box::pin(async move { query.rollups(&RollupFilter::default(), after.as_deref(), PAGE).await }))
}

fn score_pages(query: &dyn ScoreQuery) -> Pages<'_, Score> {
    Pages::new(move |after| Box::pin(async move { query.scores(&ScoreFilter::default(), after.as_deref(), PAGE).await }))
}

fn series_pages(query: &dyn SeriesQuery) -> Pages<'_, KnownSeries> {
    Pages::new(move |after| Box::pin(async move { query.series(&SeriesFilter::default(), after.as_deref(), PAGE).await }))
}

fn event_pages(query: &dyn EventQuery) -> Pages<'_, StoredEvent> {
    Pages::new(move |after| Box::pin(async move { query.events(&EventFilter::default(), after.as_deref(), PAGE).await }))
}

/// What is counted while two stores are compared.
struct Count {
    of: OfStore,
    progress: Progress,
}

impl Count {
    fn begin(what: &str) -> Self {
        Self { of: OfStore { what: what.to_owned(), ..OfStore::default() }, progress: Progress::begin(format!("comparing {what}"), 0) }
    }

    fn see<T>(&mut self, pair: &Pair<T>) {
        let (old, new) = match pair {
            Pair::Old(_) => (1, 0),
            Pair::New(_) => (0, 1),
            Pair::Both(..) => (1, 1),
        };
        self.of.old += old;
        self.of.new += new;
        self.progress.add(1);
    }

    fn end(mut self) -> OfStore {
        self.of.seconds = seconds(self.progress.elapsed());
        self.of
    }
}

/// Compares all rollups, every field of them. Those that only the old store has go to the new one.
pub(super) async fn rollups(old: &Answers, new: &Answers, missing: older::Results<'_>, differences: &mut Differences) -> Result<OfStore> {
    let of = |rollup: &Rollup| (rollup.source.clone(), rollup.series.key(), rollup.operator.clone(), rollup.window.end);
    let pairs = || Pairs::new(rollup_pages(old), rollup_pages(new), |rollup: &Rollup| rollup.window.start, of);
    let name = |r: &Rollup| format!("rollup of {} from {}, {} at {}", r.operator, r.source, r.series, r.window.start);
    results("rollups", pairs, Output::Rollup, name, missing, differences).await
}

/// The same of all scores.
pub(super) async fn scores(old: &Answers, new: &Answers, missing: older::Results<'_>, differences: &mut Differences) -> Result<OfStore> {
    let of = |score: &Score| (score.source.clone(), score.series.key(), score.operator.clone());
    let pairs = || Pairs::new(score_pages(old), score_pages(new), |score: &Score| score.time, of);
    let name = |s: &Score| format!("score of {} from {}, {} at {}", s.operator, s.source, s.series, s.time);
    results("scores", pairs, Output::Score, name, missing, differences).await
}

async fn results<'a, T: PartialEq + serde::Serialize, G: Ord, I: Ord>(
    what: &str,
    pairs: impl Fn() -> Pairs<'a, T, G, I>,
    output: fn(T) -> Output,
    name: impl Fn(&T) -> String,
    mut missing: older::Results<'_>,
    differences: &mut Differences,
) -> Result<OfStore> {
    let mut all = pairs();
    while let Some(pair) = all.next().await? {
        if let Pair::Old(result) = pair {
            missing.put(output(result)).await?;
        }
    }
    missing.flush().await?;
    let mut count = Count::begin(what);
    count.of.older_copied = missing.copied;
    let mut all = pairs();
    while let Some(pair) = all.next().await? {
        count.see(&pair);
        match pair {
            Pair::Both(old, new) if old == new => {}
            Pair::Both(old, new) => differences.add(format!("{}: {}", name(&old), fields(&old, &new))),
            Pair::Old(old) => differences.add(format!("{}: not in the new store", name(&old))),
            Pair::New(new) => differences.add(format!("{}: not in the old store", name(&new))),
        }
    }
    Ok(count.end())
}

/// The fields that differ.
fn fields(old: &impl serde::Serialize, new: &impl serde::Serialize) -> String {
    let (old, new) = (serde_json::to_value(old).unwrap_or_default(), serde_json::to_value(new).unwrap_or_default());
    let names: std::collections::BTreeSet<&String> =
        [&old, &new].into_iter().filter_map(|value| value.as_object()).flat_map(|object| object.keys()).collect();
    let differ = names.into_iter().filter(|name| old.get(name.as_str()) != new.get(name.as_str()));
    let texts: Vec<String> = differ
        .map(|name| {
            let text = |value: &serde_json::Value| value.get(name.as_str()).map_or_else(|| "nothing".to_owned(), ToString::to_string);
            format!("`{name}` is {}, was {}", text(&new), text(&old))
        })
        .collect();
    texts.join(", ")
}

/// Compares all dead letters; `copied` of them came from the old store.
pub(super) async fn dead_letters(old: &Answers, new: &Answers, copied: u64, differences: &mut Differences) -> Result<OfStore> {
    let mut count = Count::begin("dead letters");
    count.of.older_copied = copied;
    let (old, new) = (letters::pages(&*old.dead_letters), letters::pages(&*new.dead_letters));
    let mut all = Pairs::new(old, new, |l: &DeadLetter| std::cmp::Reverse(l.time), |l: &DeadLetter| (l.component.clone(), l.id.clone()));
    while let Some(pair) = all.next().await? {
        count.see(&pair);
        let name = |letter: &DeadLetter| format!("dead letter {} of {}", letter.id, letter.component);
        match pair {
            Pair::Both(old, new) if old == new => {}
            Pair::Both(old, new) => differences.add(format!("{}: {}", name(&old), fields(&old, &new))),
            Pair::Old(old) => differences.add(format!("{}: not in the new store", name(&old))),
            Pair::New(new) => differences.add(format!("{}: not in the old store; {}", name(&new), new.reason)),
        }
    }
    Ok(count.end())
}

/// Compares all series. What the new store does not know because the events are not in the log any more goes to
/// `catalogs`, the sinks that keep series.
pub(super) async fn series(
    old: &Answers,
    new: &Answers,
    catalogs: &[&SinkPlan],
    logs: &Logs,
    differences: &mut Differences,
) -> Result<OfStore> {
    let pairs =
        || Pairs::new(series_pages(&*old.series), series_pages(&*new.series), |s: &KnownSeries| (s.source.clone(), s.series.key()), |_| ());
    let (mut missing, mut copied) = (Vec::new(), 0);
    let mut all = pairs();
    loop {
        let pair = all.next().await?;
        let last = pair.is_none();
        match pair {
            Some(Pair::Old(old)) => missing.push(old),
            Some(Pair::Both(old, new)) if old.first_seen < new.first_seen || later(old.last_seen, new.last_seen) => missing.push(old),
            _ => {}
        }
        if missing.len() >= older::ENTRY_MAX || last {
            copied += missing.len() as u64;
            older::series(catalogs, logs, &missing).await?;
            missing.clear();
        }
        if last {
            break;
        }
    }
    let mut count = Count::begin("series");
    count.of.older_copied = copied;
    let mut all = pairs();
    while let Some(pair) = all.next().await? {
        count.see(&pair);
        let name = |known: &KnownSeries| format!("series {} of {}", known.series, known.source);
        match pair {
            Pair::Both(old, new) if same(&old, &new) => {}
            Pair::Both(old, new) => differences.add(format!("{}: {}", name(&old), fields(&old, &new))),
            Pair::Old(old) => differences.add(format!("{}: not in the new store", name(&old))),
            Pair::New(new) => differences.add(format!("{}: not in the old store", name(&new))),
        }
    }
    Ok(count.end())
}

/// The latest time is written in steps.
fn later(a: Timestamp, b: Timestamp) -> bool {
    a.micros().saturating_sub(b.micros()) > LAST_SEEN_STEP_US
}

fn same(old: &KnownSeries, new: &KnownSeries) -> bool {
    let times = old.first_seen == new.first_seen && !later(old.last_seen, new.last_seen) && !later(new.last_seen, old.last_seen);
    times && old.series == new.series
}

/// Compares raw events, as far as the log `events` holds them. The new store may leave out what is older than `kept_from`,
/// and frames that came again.
pub(super) async fn raw(
    old: &dyn EventQuery,
    new: &dyn EventQuery,
    events: &dyn Log,
    kept_from: Option<Timestamp>,
    differences: &mut Differences,
) -> Result<OfStore> {
    let mut count = Count::begin("raw events");
    let first = events.continuity().await?.first.0;
    let mut all = Pairs::new(event_pages(old), event_pages(new), |e: &StoredEvent| e.position, |e: &StoredEvent| e.index);
    let mut stale: Option<Stale> = None;
    let mut reasons = std::collections::BTreeSet::new();
    while let Some(pair) = all.next().await? {
        count.see(&pair);
        let name = |e: &StoredEvent| format!("raw event {}.{}", e.position, e.index);
        match pair {
            Pair::Both(old, new) if old == new => {}
            Pair::Both(old, new) => differences.add(format!("{}: {}", name(&old), fields(&old, &new))),
            Pair::New(new) => differences.add(format!("{}: not in the old store", name(&new))),
            Pair::Old(old) => {
                let reason = if old.position < first {
                    Some("they are not in the log any more")
                } else if kept_from.is_some_and(|from| old.event.time < from) {
                    Some("they are older than `retention` of the new store")
                } else {
                    if stale.is_none() {
                        stale = Some(Stale::find(events).await?);
                    }
                    stale.as_ref().is_some_and(|stale| stale.holds(old.position)).then_some("they came twice")
                };
                match reason {
                    Some(reason) => {
                        count.of.left += 1;
                        reasons.insert(reason);
                    }
                    None => differences.add(format!("{}: not in the new store", name(&old))),
                }
            }
        }
    }
    count.of.left_because = reasons.into_iter().collect::<Vec<_>>().join(", or ");
    Ok(count.end())
}
