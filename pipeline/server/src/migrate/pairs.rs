//! Two lists in the same order, page by page, and which of their items belong together.

use std::collections::{BTreeMap, VecDeque};

use floodmark_core::Result;
use floodmark_core::ports::Page;
use futures_util::future::BoxFuture;

/// How many items are asked for at once.
pub(crate) const PAGE: usize = 2_000;

type Fetch<'a, T> = Box<dyn FnMut(Option<String>) -> BoxFuture<'a, Result<Page<T>>> + Send + 'a>;

/// A list that comes in pages.
pub(crate) struct Pages<'a, T> {
    fetch: Fetch<'a, T>,
    ahead: VecDeque<T>,
    next: Option<String>,
    over: bool,
}

impl<'a, T> Pages<'a, T> {
    /// `fetch` gives the page that a token names, or the first.
    pub(crate) fn new(fetch: impl FnMut(Option<String>) -> BoxFuture<'a, Result<Page<T>>> + Send + 'a) -> Self {
        Self { fetch: Box::new(fetch), ahead: VecDeque::new(), next: None, over: false }
    }

    async fn peek(&mut self) -> Result<Option<&T>> {
        while self.ahead.is_empty() && !self.over {
            let page = (self.fetch)(self.next.take()).await?;
            self.over = page.next.is_none();
            self.next = page.next;
            self.ahead = page.items.into();
        }
        Ok(self.ahead.front())
    }

    /// The next item.
    pub(crate) async fn next(&mut self) -> Result<Option<T>> {
        self.peek().await?;
        Ok(self.ahead.pop_front())
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
