//! The page that shows people what is wrong and what there is.

use axum::{
    extract::State,
    http::header,
    response::{Html, IntoResponse, Response},
};
use floodmark_core::ports::IncidentFilter;

use super::{error::ApiError, situation::AlertState, state::ApiState};
use crate::incidents::{Overview, sentence};

/// How many incidents are on it.
const SHOWN_MAX: usize = 20;
/// Where they stand.
const PLACE: &str = "<!-- incidents -->\n";

/// Open incidents, and where to go from here. Nothing on it comes from elsewhere, and nothing runs.
pub(super) async fn home(State(state): State<ApiState>) -> Response {
    let incidents = match &state.alerts {
        None => String::new(),
        Some(alerts) => match open(&state, alerts).await {
            Ok((shown, more)) => listed(&shown, more),
            Err(_) => "<p>What is wrong is not known: the store of alerts does not answer.</p>\n".to_owned(),
        },
    };
    let policy = [(header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'")];
    (policy, Html(include_str!("home.html").replace(PLACE, &incidents))).into_response()
}

/// The newest, and whether there are more.
async fn open(state: &ApiState, alerts: &AlertState) -> Result<(Vec<Overview>, bool), ApiError> {
    let filter = IncidentFilter { open: Some(true), ..IncidentFilter::default() };
    let found = alerts.of.query.incidents(&filter, None, SHOWN_MAX).await?;
    let (more, situation) = (found.next.is_some(), alerts.situation(!found.items.is_empty()).await?);
    Ok((Overview::page(found, &situation, state.clock.now()).items, more))
}

fn listed(incidents: &[Overview], more: bool) -> String {
    if incidents.is_empty() {
        return "<h2>Nothing is wrong</h2>\n<p>No incident is open.</p>\n".to_owned();
    }
    let rows: String = incidents.iter().map(row).collect();
    let more = if more { "<p>And more: <a href=\"/api/v1/incidents\">all of them</a>.</p>\n" } else { "" };
    format!("<h2>Open incidents</h2>\n<table class=\"open\">\n{rows}</table>\n{more}")
}

fn row(overview: &Overview) -> String {
    let incident = &overview.incident;
    let severity = incident.severity;
    let acknowledged = incident.acknowledged.as_ref().map(|by| format!("<br>{} looks after it", escaped(&by.owner)));
    let muted = match (overview.muted, overview.alerts) {
        (0, _) => String::new(),
        (muted, all) => {
            let why: Vec<String> = overview.muted_by.iter().map(sentence::mute).collect();
            let of = if muted == all { "silent".to_owned() } else { format!("{muted} of {all} silent") };
            format!("<br>{of}: {}", escaped(&why.join(", ")))
        }
    };
    format!(
        "  <tr><td class=\"{severity}\">{severity}<td><a href=\"/api/v1/incidents/{}\">{}</a><br>since {}{}{muted}\n",
        incident.id,
        escaped(&incident.title),
        sentence::time(incident.opened),
        acknowledged.unwrap_or_default(),
    )
}

/// The text as text of a page.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
