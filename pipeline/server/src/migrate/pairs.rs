//! Two lists in the same order, page by page, and which of their items belong together.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;

use floodmark_core::Result;
use floodmark_core::ports::Page;
use futures_util::future::{BoxFuture, MaybeDone, maybe_done};
use futures_util::poll;

/// How many items are asked for at once.
pub(crate) const PAGE: usize = 2_000;

type Fetch<'a, T> = Box<dyn FnMut(Option<String>) -> BoxFuture<'a, Result<Page<T>>> + Send + 'a>;

/// A list that comes in pages.
///
/// The page after the one that is looked at is asked for before it is needed: a store that answers in the background works
/// while the items of this one are looked at.
pub(crate) struct Pages<'a, T> {
    fetch: Fetch<'a, T>,
    ahead: VecDeque<T>,
    coming: Option<Coming<'a, T>>,
}

type Coming<'a, T> = MaybeDone<BoxFuture<'a, Result<Page<T>>>>;

impl<'a, T> Pages<'a, T> {
    /// `fetch` gives the page that a token names, or the first.
    pub(crate) fn new(mut fetch: impl FnMut(Option<String>) -> BoxFuture<'a, Result<Page<T>>> + Send + 'a) -> Self {
        let first = maybe_done(fetch(None));
        Self { fetch: Box::new(fetch), ahead: VecDeque::new(), coming: Some(first) }
    }

    async fn peek(&mut self) -> Result<Option<&T>> {
        while self.ahead.is_empty()
            && let Some(mut coming) = self.coming.take()
        {
            (&mut coming).await;
            let page = Pin::new(&mut coming).take_output().expect("it was just awaited, and nobody else takes it")?;
            self.ahead = page.items.into();
            if page.next.is_some() {
                let mut following = maybe_done((self.fetch)(page.next));
                // Polled once, it begins.
                let _ = poll!(&mut following);
                self.coming = Some(following);
            }
        }
        Ok(self.ahead.front())
    }

    /// The next item.
    pub(crate) async fn next(&mut self) -> Result<Option<T>> {
        self.peek().await?;
        Ok(self.ahead.pop_front())
    }

    /// All that is left.
    pub(crate) async fn all(mut self) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while self.peek().await?.is_some() {
            items.extend(self.ahead.drain(..));
        }
        Ok(items)
    }
}

/// What stands in one list, or in both.
#[derive(Debug, PartialEq)]
pub(crate) enum Pair<T> {
    Old(T),
    New(T),
    Both(T, T),
}

/// Two lists side by side. Both are in the order of `G`; items with the same `G` may come in any order and are told apart
/// by `I`.
pub(crate) struct Pairs<'a, T, G, I> {
    old: Pages<'a, T>,
    new: Pages<'a, T>,
    group: fn(&T) -> G,
    identity: fn(&T) -> I,
    ready: VecDeque<Pair<T>>,
}

impl<'a, T, G: Ord, I: Ord> Pairs<'a, T, G, I> {
    pub(crate) fn new(old: Pages<'a, T>, new: Pages<'a, T>, group: fn(&T) -> G, identity: fn(&T) -> I) -> Self {
        Self { old, new, group, identity, ready: VecDeque::new() }
    }

    /// The next pair, in the order of the lists.
    pub(crate) async fn next(&mut self) -> Result<Option<Pair<T>>> {
        while self.ready.is_empty() {
            let group = match (self.old.peek().await?.map(self.group), self.new.peek().await?.map(self.group)) {
                (None, None) => return Ok(None),
                (Some(old), Some(new)) => old.min(new),
                (old, new) => old.or(new).expect("one is there"),
            };
            let old = self.take(&group, Side::Old).await?;
            let mut new = self.take(&group, Side::New).await?;
            for (identity, item) in old {
                self.ready.push_back(match new.remove(&identity) {
                    Some(other) => Pair::Both(item, other),
                    None => Pair::Old(item),
                });
            }
            self.ready.extend(new.into_values().map(Pair::New));
        }
        Ok(self.ready.pop_front())
    }

    async fn take(&mut self, group: &G, side: Side) -> Result<BTreeMap<I, T>> {
        let pages = match side {
            Side::Old => &mut self.old,
            Side::New => &mut self.new,
        };
        let mut items = BTreeMap::new();
        while pages.peek().await?.is_some_and(|item| (self.group)(item) == *group) {
            let item = pages.next().await?.expect("it was seen");
            items.insert((self.identity)(&item), item);
        }
        Ok(items)
    }
}

#[derive(Clone, Copy)]
enum Side {
    Old,
    New,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of two.
    fn pages(items: &'static [(u32, &'static str)]) -> Pages<'static, (u32, &'static str)> {
        Pages::new(move |after| {
            let from: usize = after.map_or(0, |text| text.parse().unwrap());
            let next = (from + 2 < items.len()).then(|| (from + 2).to_string());
            let items = items[from..].iter().take(2).copied().collect();
            Box::pin(async move { Ok(Page { items, next }) })
        })
    }

    #[tokio::test]
    async fn items_of_one_group_may_come_in_any_order() {
        let old = pages(&[(1, "a"), (2, "b"), (2, "c"), (2, "d"), (4, "e")]);
        let new = pages(&[(2, "d"), (2, "b"), (3, "x"), (4, "f"), (5, "y")]);
        let mut pairs = Pairs::new(old, new, |item| item.0, |item| item.1);
        let mut found = Vec::new();
        while let Some(pair) = pairs.next().await.unwrap() {
            found.push(match pair {
                Pair::Old(item) => format!("old {}", item.1),
                Pair::New(item) => format!("new {}", item.1),
                Pair::Both(item, _) => format!("both {}", item.1),
            });
        }
        assert_eq!(found, ["old a", "both b", "old c", "both d", "new x", "old e", "new f", "new y"]);
    }
}
