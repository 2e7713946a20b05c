//! Two logs, entry by entry.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use floodmark_core::Result;
use floodmark_core::ports::{Entry, Limit, Log, Position, Reader};
use floodmark_schemas::subject;

use super::progress::Progress;
use super::summary::Differences;

/// What was compared.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Entries of the old log.
    pub(super) entries: u64,
    /// Entries behind the old log's tail: what the target's sinks have set aside when they were filled.
    pub(super) set_aside: u64,
    /// How long it took.
    pub(super) took: Duration,
}

/// Compares `new` with `old`, of which it is a copy: each entry, what each log says of itself, and the last entry of each
/// subject.
///
/// # Errors
/// `Unavailable`.
pub(super) async fn verify(name: &str, old: &dyn Log, new: &dyn Log, differences: &mut Differences) -> Result<Compared> {
    let (held, copied) = (old.continuity().await?, new.continuity().await?);
    let progress = Progress::begin(format!("comparing the log of {name}"), (held.tail.0 + 1).saturating_sub(held.first.0));
    let mut compared = Compared::default();
    if held.created != copied.created {
        differences.add(format!("log of {name}: created at {}, copied as {}", held.created, copied.created));
    }
    if copied.tail < held.tail {
        differences.add(format!("log of {name}: the tail is {}, copied as {}", held.tail, copied.tail));
    }
    let mut olds = Entries::of(old, held.tail).await?;
    let mut news = Entries::of(new, copied.tail).await?;
    let mut last: BTreeMap<String, Position> = BTreeMap::new();
    loop {
        let (a, b) = (olds.peek().await?, news.peek().await?);
        match (a, b) {
            (None, None) => break,
            (Some(a), Some(b)) if a == b => {
                let (a, b) = (olds.take(), news.take());
                compared.entries += 1;
                if let Some(what) = difference(&a, &b) {
                    differences.add(format!("log of {name}: the entry at {} has {what}", a.position));
                }
                progress.at(a.position.0 + 1 - held.first.0.min(a.position.0));
                last.insert(a.subject, a.position);
            }
            (Some(a), b) if b.is_none_or(|b| a < b) => {
                let entry = olds.take();
                compared.entries += 1;
                differences.add(format!("log of {name}: the entry at {a} on {} was not copied", entry.subject));
                last.insert(entry.subject, a);
            }
            (_, _) => {
                let entry = news.take();
                if entry.position > held.tail && subject::matches(subject::DEAD, &entry.subject) {
                    compared.set_aside += 1;
                    continue;
                }
                differences.add(format!("log of {name}: the entry at {} on {} is not in the old log", entry.position, entry.subject));
            }
        }
    }
    for (subject, position) in last {
        let found = new.last(&subject).await?.map(|entry| entry.position);
        if found != Some(position) && found.is_none_or(|found| found <= held.tail) {
            let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
            differences.add(format!("log of {name}: the last entry on {subject} stands at {position}, copied as {found}"));
        }
    }
    compared.took = progress.elapsed();
    Ok(compared)
}

/// How a copied entry differs from the one it was copied from.
pub(super) fn difference(old: &Entry, new: &Entry) -> Option<String> {
    if old.time != new.time {
        return Some(format!("log time {}, copied as {}", old.time, new.time));
    }
    if old.subject != new.subject {
        return Some(format!("subject {}, copied as {}", old.subject, new.subject));
    }
    if old.id != new.id {
        return Some(format!("id {:?}, copied as {:?}", old.id, new.id));
    }
    let headers = |entry: &Entry| entry.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>();
    let (a, b) = (headers(old), headers(new));
    if a != b {
        let name = a.iter().find(|(name, value)| b.get(*name) != Some(value)).or_else(|| b.iter().find(|(name, _)| !a.contains_key(*name)));
        let name = name.map_or("", |(name, _)| name);
        return Some(format!("header {name} {:?}, copied as {:?}", a.get(name), b.get(name)));
    }
    (old.body != new.body).then(|| {
        let place = old.body.iter().zip(&new.body).take_while(|(a, b)| a == b).count();
        format!("a body of {} bytes, copied as {}; the first difference is at byte {place}", old.body.len(), new.body.len())
    })
}

/// The entries of a log up to a position.
struct Entries {
    reader: Box<dyn Reader>,
    until: Position,
    ahead: VecDeque<Entry>,
    over: bool,
}

impl Entries {
    async fn of(log: &dyn Log, until: Position) -> Result<Self> {
        let reader = log.reader(vec![">".to_owned()], Position::START).await?;
        Ok(Self { reader, until, ahead: VecDeque::new(), over: false })
    }

    /// Where the next entry stands.
    async fn peek(&mut self) -> Result<Option<Position>> {
        if self.ahead.is_empty() && !self.over {
            self.ahead = self.reader.next(Limit { until: Some(self.until), ..Limit::default() }).await?.into();
            self.over = self.ahead.is_empty();
        }
        Ok(self.ahead.front().map(|entry| entry.position))
    }

    fn take(&mut self) -> Entry {
        self.ahead.pop_front().expect("it was seen by `peek`")
    }
}
