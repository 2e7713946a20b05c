//! Query parameters: each is known, given at most once (but `label`), and read into its type, or it is an error.

use std::collections::BTreeMap;

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use floodmark_core::ports::Clock;
use floodmark_schemas::{Timestamp, event, subject};

use super::{error::ApiError, time};

/// The most items on a page.
pub(super) const LIMIT_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 100;
/// How many slips (a letter more, less, other, or two swapped) a known name may be away to be suggested.
const SLIPS_MAX: usize = 2;

/// The parameters of a request as they were given.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

/// In which order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Newest,
    Oldest,
}

/// A part of the answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageOf {
    pub after: Option<String>,
    pub limit: usize,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        read.map(|Query(pairs)| Self(pairs)).map_err(|rejection| ApiError::query(rejection.body_text()))
    }
}

impl Parameters {
    /// Refuses every name that is not among `known`.
    pub fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        let Some((name, _)) = self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) else { return Ok(()) };
        if known.is_empty() {
            return Err(ApiError::parameter(name, format!("there is no parameter {name:?}: this path takes none")));
        }
        let similar = known.iter().map(|known| (strsim::osa_distance(name, known), known)).filter(|(slips, _)| *slips <= SLIPS_MAX);
        let hint = match similar.min() {
            Some((_, known)) => format!("did you mean {known:?}?"),
            None => format!("this path takes {}", known.join(", ")),
        };
        Err(ApiError::parameter(name, format!("there is no parameter {name:?}: {hint}")))
    }

    /// The text of `name`, if it was given.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut given = self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        match (given.next(), given.next()) {
            (Some(_), Some(_)) => Err(ApiError::parameter(name, format!("{name:?} is given more than once"))),
            (Some(""), None) => Err(ApiError::parameter(name, format!("{name:?} is empty; leave it out to ask for everything"))),
            (value, _) => Ok(value),
        }
    }

    /// The text of `name`, owned.
    pub fn owned(&self, name: &str) -> Result<Option<String>, ApiError> {
        Ok(self.text(name)?.map(str::to_owned))
    }

    /// The id of a component.
    pub fn id(&self, name: &str) -> Result<Option<String>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        subject::token(text).map(|id| Some(id.to_owned())).map_err(|error| ApiError::parameter(name, error.to_string()))
    }

    /// The CloudEvents type, also by its short name.
    pub fn event_type(&self, name: &str) -> Result<Option<String>, ApiError> {
        let full = match self.text(name)? {
            None => return Ok(None),
            Some("sample" | event::SAMPLE) => event::SAMPLE,
            Some("check" | event::CHECK) => event::CHECK,
            Some("record" | event::RECORD) => event::RECORD,
            Some(other) => return Err(ApiError::parameter(name, format!("{other:?} is not sample, check or record"))),
        };
        Ok(Some(full.to_owned()))
    }

    /// All labels, each given as `label=name:value`. The value may hold colons.
    pub fn labels(&self) -> Result<BTreeMap<String, String>, ApiError> {
        let mut labels = BTreeMap::new();
        for (_, text) in self.0.iter().filter(|(name, _)| name == "label") {
            let wrong = |message| ApiError::parameter("label", message);
            let (name, value) = text
                .split_once(':')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| wrong(format!("{text:?} is not name:value, such as label=host:web1")))?;
            if labels.insert(name.to_owned(), value.to_owned()).is_some_and(|before| before != value) {
                return Err(wrong(format!("the label {name:?} is given with two values; nothing has both")));
            }
        }
        Ok(labels)
    }

    /// `from` and `to`: not before the first, before the second.
    pub fn span(&self, clock: &dyn Clock) -> Result<(Option<Timestamp>, Option<Timestamp>), ApiError> {
        // Both are relative to the same moment.
        let now = std::cell::OnceCell::new();
        let read = |name: &str| match self.text(name)? {
            None => Ok(None),
            Some(text) => time::parse(text, || *now.get_or_init(|| clock.now())).map(Some).map_err(|e| ApiError::parameter(name, e)),
        };
        match (read("from")?, read("to")?) {
            (Some(from), Some(to)) if from > to => Err(ApiError::parameter("to", format!("to ({to}) lies before from ({from})"))),
            span => Ok(span),
        }
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<Option<f64>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Some).ok_or_else(|| ApiError::parameter(name, format!("{text:?} is not a number")))
    }

    /// Whether something is so; it is not when nothing is said.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(ApiError::parameter(name, format!("{other:?} is not true or false"))),
        }
    }

    /// The order, newest first unless asked otherwise.
    pub fn order(&self) -> Result<Order, ApiError> {
        match self.text("order")? {
            None | Some("newest") => Ok(Order::Newest),
            Some("oldest") => Ok(Order::Oldest),
            Some(other) => Err(ApiError::parameter("order", format!("{other:?} is not newest or oldest"))),
        }
    }

    /// Which part of the answers.
    pub fn page(&self) -> Result<PageOf, ApiError> {
        let limit = match self.text("limit")? {
            None => LIMIT_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                .ok_or_else(|| ApiError::parameter("limit", format!("{text:?} is not a number from 1 to {LIMIT_MAX}")))?,
        };
        Ok(PageOf { after: self.owned("after")?, limit })
    }
}
