//! The address under which people find an incident.

use floodmark_schemas::Incident;
use url::Url;

use crate::settings::Fault;

/// Where the id of the incident goes.
const PLACE: &str = "{id}";

/// The address of `incident` by the setting `link`.
pub(super) fn of(link: Option<&String>, incident: &Incident) -> Option<String> {
    link.map(|link| link.replace(PLACE, &incident.id))
}

/// What cannot work about the setting.
pub(super) fn fault(link: Option<&String>) -> Option<Fault> {
    let link = link?;
    let good = Url::parse(&link.replace(PLACE, "0")).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let remedy = "write for example \"https://status.example.org/incidents/{id}\"";
    (!good).then(|| Fault::of("link", format!("{link:?} is not an address"), remedy))
}
