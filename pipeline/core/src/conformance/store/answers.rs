//! What questions about rollups answer, against a plain list.

use std::collections::BTreeMap;

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Rollup, Series, Timestamp};

use super::entries::{Numbers, commit_entries, rollup};
use super::{Fixture, Stores, all_pages};
use crate::Kind;
use crate::ports::{Position, RollupFilter};

/// What a question must answer.
fn oracle(rollups: &[Rollup], filter: &RollupFilter) -> Vec<Rollup> {
    let mut highest = BTreeMap::new();
    for r in rollups {
        let key = (r.window.start, r.source.clone(), r.series.key(), r.operator.clone(), r.window.end);
        let stored: &mut Rollup = highest.entry(key).or_insert_with(|| r.clone());
        if r.revision > stored.revision {
            *stored = r.clone();
        }
    }
    let wanted = |r: &Rollup| {
        filter.operator.as_ref().is_none_or(|operator| *operator == r.operator)
            && filter.source.as_ref().is_none_or(|source| *source == r.source)
            && filter.metric.as_ref().is_none_or(|metric| *metric == r.series.metric)
            && filter.labels.iter().all(|(name, value)| r.series.labels.get(name) == Some(value))
            && filter.from.is_none_or(|from| r.window.start >= from)
            && filter.to.is_none_or(|to| r.window.start < to)
    };
    let mut answer: Vec<Rollup> = highest.into_values().filter(wanted).collect();
    if filter.newest_first {
        // Stable: within one start the order stays.
        answer.sort_by_key(|r| std::cmp::Reverse(r.window.start));
    }
    answer
}

async fn ask(stores: &Stores, filter: &RollupFilter, limit: usize) -> Vec<Rollup> {
    all_pages(limit, |token| async move { stores.query.rollups(filter, token.as_deref(), limit).await }).await
}

async fn write(stores: &Stores, from: u64, rollups: &[Rollup]) -> u64 {
    let entries = commit_entries(from, rollups.iter().cloned().map(Output::Rollup).collect());
    let to = from + entries.len() as u64;
    stores.rollups.write(&entries, Position(from), Position(to)).await.expect("written");
    to
}

fn some_rollups(count: usize) -> Vec<Rollup> {
    let mut numbers = Numbers(7);
    let one = |_| {
        let operator = ["w10s", "w1m", "a"][numbers.below(3) as usize];
        let source = ["host", "web", "meteo"][numbers.below(3) as usize];
        let mut series = Series::new(["load", "up"][numbers.below(2) as usize]).label("core", numbers.below(20).to_string());
        if numbers.below(3) == 0 {
            series = series.label("zone", ["a", "b"][numbers.below(2) as usize]);
        }
        let start = (numbers.below(40).cast_signed() - 10) * 10;
        rollup(operator, source, series, start, numbers.below(4) as u32, 0.5)
    };
    (0..count).map(one).collect()
}

/// More than a thousand rollups, every kind of filter, pages of several sizes: together exactly what a list answers.
pub async fn rollup_pages_equal_the_oracle(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let rollups = some_rollups(1_500);
    let mut at = 0;
    for part in rollups.chunks(400) {
        at = write(&stores, at, part).await;
    }
    let text = |text: &str| Some(text.to_owned());
    let labels = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let secs = |secs| Some(Timestamp::from_secs(secs));
    let all = RollupFilter::default();
    let filters = [
        all.clone(),
        RollupFilter { operator: text("w1m"), ..all.clone() },
        RollupFilter { operator: text("none"), ..all.clone() },
        RollupFilter { source: text("web"), ..all.clone() },
        RollupFilter { source: text("none"), ..all.clone() },
        RollupFilter { metric: text("up"), labels: labels("core", "7"), ..all.clone() },
        RollupFilter { labels: labels("zone", "b"), from: secs(-30), to: secs(80), ..all.clone() },
        RollupFilter { operator: text("a"), source: text("host"), metric: text("load"), labels: labels("core", "3"), ..all.clone() },
        RollupFilter { from: secs(0), ..all.clone() },
        RollupFilter { to: secs(0), ..all.clone() },
        RollupFilter { from: secs(10), to: secs(10), ..all.clone() },
        RollupFilter { from: Some(Timestamp::MIN), to: Some(Timestamp::MAX), ..all.clone() },
        RollupFilter { to: Some(Timestamp::MIN), ..all },
    ];
    for filter in filters {
        for newest_first in [false, true] {
            let filter = RollupFilter { newest_first, ..filter.clone() };
            let expected = oracle(&rollups, &filter);
            for limit in [37, 100_000] {
                let limit = limit.min(expected.len().max(1) + 1);
                assert!(ask(&stores, &filter, limit).await == expected, "{filter:?} in pages of {limit}");
            }
        }
    }
}

/// Names and values of labels may hold anything.
pub async fn labels_match_with_any_characters(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let odd = ["", "a.b", "$.a", "a\"b", "a'b", "[0]", "a\\b", "ü", "%", "_", "\u{0}x", "line\nbreak", "😀", "NULL", "1"];
    let of = |name: &str, value: &str| rollup("w", "s", Series::new("m").label(name, value), 0, 0, 1.0);
    let rollups: Vec<Rollup> = odd.iter().flat_map(|name| odd.iter().map(move |value| of(name, value))).collect();
    write(&stores, 0, &rollups).await;
    for name in odd {
        for value in odd {
            let labels = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let found = ask(&stores, &RollupFilter { labels, ..RollupFilter::default() }, 10).await;
            assert_eq!(found, [of(name, value)], "{name:?} {value:?}");
        }
    }
}

/// A token is good for its own question only.
pub async fn a_page_of_another_question_about_rollups_is_rejected(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let rollups: Vec<Rollup> = (0..5).map(|n| rollup("w", "s", Series::new("m"), n * 10, 0, 1.0)).collect();
    write(&stores, 0, &rollups).await;
    let filter = RollupFilter::default();
    let token = stores.query.rollups(&filter, None, 2).await.expect("a page").next.expect("more pages");
    let page = stores.query.rollups(&filter, Some(&token), 2).await.expect("a page");
    assert_eq!(page.items, rollups[2..4]);
    let other = RollupFilter { newest_first: true, ..RollupFilter::default() };
    let error = stores.query.rollups(&other, Some(&token), 2).await.expect_err("another question");
    assert_eq!(error.kind(), Kind::Rejected);
    let (half, shifted) = (&token[..token.len() / 2], &format!("{token}9")[1..]);
    for bad in super::NO_PAGES.into_iter().chain([half, shifted]) {
        let error = stores.query.rollups(&filter, Some(bad), 2).await.expect_err("not a page");
        assert_eq!(error.kind(), Kind::Rejected, "{bad:?}");
    }
}

/// Pages are cut by what they hold, not by how many came before.
pub async fn rows_that_come_between_pages_neither_repeat_nor_hide_others(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let of = |start| rollup("w", "s", Series::new("m"), start, 0, 1.0);
    let at = write(&stores, 0, &[of(20), of(40), of(60), of(80)]).await;
    for newest_first in [false, true] {
        let filter = RollupFilter { newest_first, ..RollupFilter::default() };
        let first = stores.query.rollups(&filter, None, 2).await.expect("a page");
        if !newest_first {
            write(&stores, at, &[of(10), of(30), of(70)]).await;
            let second = stores.query.rollups(&filter, first.next.as_deref(), 9).await.expect("a page");
            assert_eq!((first.items, second.items), (vec![of(20), of(40)], vec![of(60), of(70), of(80)]));
        } else {
            write(&stores, at + 1, &[of(90), of(50)]).await;
            let second = stores.query.rollups(&filter, first.next.as_deref(), 3).await.expect("a page");
            assert_eq!((first.items, second.items), (vec![of(80), of(70)], vec![of(60), of(50), of(40)]));
        }
    }
}
