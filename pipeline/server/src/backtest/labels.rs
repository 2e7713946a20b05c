//! What was really wrong, and when: by which alerts are judged.

use std::collections::BTreeMap;
use std::path::Path;

use floodmark_core::ports::AlertQuery;
use floodmark_core::ports::alerts::{AlertFilter, IncidentFilter};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use serde::Serialize;

use super::cases::Case;
use crate::incidents::{all_alerts, all_incidents};

/// A time during which something was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// With this source; with any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// To be told by this rule; by any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// With what has these labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// What is known of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// What was wrong.
    pub wrong: Vec<Label>,
    /// Where nothing was, although there was an alert. `None` when nothing was wrong but what is known to have been.
    pub noise: Option<Vec<Label>>,
}

impl Label {
    /// Whether an alert tells of it: it was active at some time of it, and of what it is about.
    pub(super) fn is_told_by(&self, case: &Case) -> bool {
        let same = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        case.from <= self.to
            && case.to.is_none_or(|to| to >= self.from)
            && same(&self.source, &case.source)
            && same(&self.rule, &case.rule)
            && self.labels.iter().all(|(name, value)| case.labels.get(name) == Some(value))
    }
}

impl Labels {
    /// Reads a file with a header: `from` and `to` as RFC 3339, then perhaps `source` and `rule`; each other column is a label. What is empty
    /// means any.
    ///
    /// # Errors
    /// `Rejected` when it cannot be read; the text says in which line.
    pub fn read(path: &Path) -> Result<Self> {
        let doing = |what: String| Error::rejected(format!("reading labels from {}{what}", path.display()));
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|e| doing(String::new()).because(e))?;
        let names = reader.headers().map_err(|e| doing(String::new()).because(e))?.clone();
        if let Some(missing) = ["from", "to"].into_iter().find(|name| !names.iter().any(|known| known == *name)) {
            let known: Vec<&str> = names.iter().collect();
            return Err(doing(format!(": there is no column {missing:?} among {}", known.join(", "))));
        }
        let mut wrong = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|e| doing(String::new()).because(e))?;
            let line = row.position().map_or(0, csv::Position::line);
            let mut fields: BTreeMap<&str, &str> = names.iter().zip(&row).filter(|(_, value)| !value.is_empty()).collect();
            let mut time = |name: &str| -> Result<Timestamp> {
                let text = fields.remove(name).ok_or_else(|| doing(format!(", line {line}: there is no `{name}`")))?;
                Timestamp::parse(text).map_err(|e| doing(format!(", line {line}: `{name}` is {text:?}")).because(e))
            };
            let (from, to) = (time("from")?, time("to")?);
            if from > to {
                return Err(doing(format!(", line {line}: it ends before it begins")));
            }
            let (source, rule) = (fields.remove("source").map(str::to_owned), fields.remove("rule").map(str::to_owned));
            let labels = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            wrong.push(Label { from, to, source, rule, labels });
        }
        Ok(Self { wrong, noise: None })
    }

    /// What people have said of incidents when they acknowledged them; `None` when nobody has said anything.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn of_acknowledgements(store: &dyn AlertQuery) -> Result<Option<Self>> {
        let (mut wrong, mut noise) = (Vec::new(), Vec::new());
        for record in all_incidents(store, &IncidentFilter::default()).await? {
            let Some(useful) = record.incident.acknowledged.as_ref().and_then(|said| said.useful) else { continue };
            let filter = AlertFilter { incident: Some(record.incident.id.clone()), ..AlertFilter::default() };
            // Alerts are told apart by rule, source and labels: those of an incident need not be about the same.
            let to = record.incident.resolved.unwrap_or(Timestamp::MAX);
            let labels = all_alerts(store, &filter).await?.into_iter().map(|record| Label {
                from: record.alert.fired.unwrap_or(record.alert.began),
                to: if record.is_open() { to } else { record.alert.time },
                source: Some(record.alert.source),
                rule: Some(record.alert.rule),
                labels: record.alert.labels,
            });
            if useful { wrong.extend(labels) } else { noise.extend(labels) }
        }
        let found = !(wrong.is_empty() && noise.is_empty());
        Ok(found.then_some(Self { wrong, noise: Some(noise) }))
    }
}
