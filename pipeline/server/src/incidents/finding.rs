//! One of many by the beginning of its id.

use floodmark_core::alert::desk::{AlertRecord, IncidentRecord, Silence};
use floodmark_core::ports::{AlertFilter, AlertQuery, IncidentFilter};
use floodmark_core::{Kind, Result};

use super::sentence;

/// How many are named when several begin so.
const NAMED_MAX: usize = 10;
/// How many pages are searched for their names.
const PAGES_MAX: usize = 100;
/// How many are on a page.
const PAGE: usize = 1_000;

/// What begins so.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    /// Nothing.
    None,
    /// This.
    One(T),
    /// Several: a line for each of the newest.
    Several(Vec<String>),
}

impl<T> Found<T> {
    /// The same, of another type.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::None => Found::None,
            Self::One(one) => Found::One(change(one)),
            Self::Several(lines) => Found::Several(lines),
        }
    }
}

/// The incident whose id begins so.
///
/// # Errors
/// `Unavailable`.
pub async fn incident(query: &dyn AlertQuery, beginning: &str) -> Result<Found<IncidentRecord>> {
    match query.incident(beginning).await {
        Ok(found) => Ok(found.map_or(Found::None, Found::One)),
        Err(e) if e.kind() == Kind::Rejected => {
            let (mut lines, mut after) = (Vec::new(), None);
            for _ in 0..PAGES_MAX {
                let page = query.incidents(&IncidentFilter::default(), after.as_deref(), PAGE).await?;
                let named = page.items.iter().filter(|record| record.incident.id.starts_with(beginning));
                lines.extend(named.map(|record| format!("incident {} {}", record.incident.id, record.incident.title)));
                after = page.next;
                if after.is_none() || lines.len() >= NAMED_MAX {
                    break;
                }
            }
            Ok(several(lines))
        }
        Err(e) => Err(e),
    }
}

/// The alert whose id begins so.
///
/// # Errors
/// `Unavailable`.
pub async fn alert(query: &dyn AlertQuery, beginning: &str) -> Result<Found<AlertRecord>> {
    match query.alert(beginning).await {
        Ok(found) => Ok(found.map_or(Found::None, Found::One)),
        Err(e) if e.kind() == Kind::Rejected => {
            let (mut lines, mut after) = (Vec::new(), None);
            for _ in 0..PAGES_MAX {
                let page = query.alerts(&AlertFilter::default(), after.as_deref(), PAGE).await?;
                let named = page.items.iter().filter(|record| record.alert.id.starts_with(beginning));
                lines.extend(named.map(|record| format!("alert {} {}", record.alert.id, sentence::name(&record.alert))));
                after = page.next;
                if after.is_none() || lines.len() >= NAMED_MAX {
                    break;
                }
            }
            Ok(several(lines))
        }
        Err(e) => Err(e),
    }
}

/// The silence that is not over and whose id begins so.
///
/// # Errors
/// `Unavailable`.
pub async fn silence(query: &dyn AlertQuery, beginning: &str) -> Result<Found<Silence>> {
    let mut found = query.silences(false).await?;
    found.retain(|silence| silence.id.starts_with(beginning));
    Ok(match found.len() {
        0 => Found::None,
        1 => found.pop().map_or(Found::None, Found::One),
        _ => several(found.iter().map(|silence| format!("silence {} {}", silence.id, sentence::matchers(&silence.matchers))).collect()),
    })
}

fn several<T>(mut lines: Vec<String>) -> Found<T> {
    lines.truncate(NAMED_MAX);
    Found::Several(lines)
}
