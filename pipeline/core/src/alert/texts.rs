//! Labels and annotations of alerts: texts with placeholders, such as `{{ labels.host }} is at {{ value | round(1) }}`.
//!
//! Templates are those of minijinja (<https://docs.rs/minijinja/latest/minijinja/syntax/>). Rendering is a function of what is given: no
//! clock, no files, no other templates, and it ends after a fixed number of steps. What a series does not have is empty.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_schemas::{AlertState, Series, Severity, Timestamp};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

/// What templates of labels may name: what stays the same while an alert lasts.
pub const LABEL_NAMES: [&str; 5] = ["rule", "source", "metric", "unit", "labels"];
/// What templates of annotations may name.
pub const ANNOTATION_NAMES: [&str; 13] =
    ["rule", "source", "metric", "unit", "labels", "value", "threshold", "severity", "state", "began", "time", "flapping", "text"];

/// Steps after which rendering is given up.
const FUEL: u64 = 10_000;
/// The longest text that comes out, in bytes; of more the beginning.
const BYTES_MAX: usize = 4_096;

/// Texts by their names.
pub type Texts = BTreeMap<String, String>;

/// What a template can name.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The rule.
    pub rule: &'a str,
    /// The source of the series.
    pub source: &'a str,
    /// The series.
    pub series: &'a Series,
    /// The labels of the alert; those of the series while labels are rendered.
    pub labels: &'a BTreeMap<String, String>,
    /// What only annotations know.
    pub now: Option<Now<'a>>,
}

/// What an alert is at a step.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The value that decided.
    pub value: Option<f64>,
    /// The limit.
    pub threshold: Option<f64>,
    /// How grave it is.
    pub severity: Severity,
    /// What it is.
    pub state: AlertState,
    /// When it began.
    pub began: Timestamp,
    /// When it came to this state.
    pub time: Timestamp,
    /// Whether the series flaps.
    pub flapping: bool,
    /// What a pattern was found in.
    pub text: Option<&'a str>,
}

/// Renders templates.
#[derive(Clone, Debug)]
pub struct Renderer(Environment<'static>);

impl Default for Renderer {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(FUEL));
        Self(environment)
    }
}

impl Renderer {
    /// The texts of some templates. One that fails says so in its own place: an alert must not be lost for a text.
    pub fn render(&self, templates: &Texts, facts: &Facts<'_>) -> Texts {
        if templates.is_empty() {
            return Texts::new();
        }
        let known = context_of(facts);
        templates.iter().map(|(name, template)| (name.clone(), self.one(template, &known))).collect()
    }

    fn one(&self, template: &str, known: &Value) -> String {
        let is_plain = !template.contains("{{") && !template.contains("{%") && !template.contains("{#");
        let mut text = match self.0.render_str(template, known.clone()) {
            _ if is_plain => template.to_owned(),
            Ok(text) => text,
            Err(e) => format!("{template} ({e})"),
        };
        if text.len() > BYTES_MAX {
            text.truncate(text.floor_char_boundary(BYTES_MAX));
        }
        text
    }

    /// What is wrong with a template that may use these names: what it is, and what to do.
    pub fn fault(&self, template: &str, names: &[&str]) -> Option<(String, String)> {
        let syntax = || "templates are those of https://docs.rs/minijinja/latest/minijinja/syntax/".to_owned();
        let parsed = match self.0.template_from_str(template) {
            Ok(parsed) => parsed,
            Err(e) => return Some((format!("this is not a template: {}", e.detail().unwrap_or("it cannot be read")), syntax())),
        };
        let globals: BTreeSet<&str> = self.0.globals().map(|(name, _)| name).collect();
        let used: BTreeSet<String> = parsed.undeclared_variables(false).into_iter().collect();
        if let Some(unknown) = used.iter().find(|name| !names.contains(&name.as_str()) && !globals.contains(name.as_str())) {
            let near = names.iter().map(|name| (strsim::damerau_levenshtein(unknown, name), *name)).min().filter(|(far, _)| *far <= 2);
            let known = || format!("known names: {}; a label is labels.{unknown}", names.join(", "));
            return Some((format!("there is no `{unknown}` here"), near.map_or_else(known, |(_, name)| format!("did you mean `{name}`?"))));
        }
        let series = Series::new("metric").label("host", "a");
        let (began, time) = (Timestamp::from_secs(0), Timestamp::from_secs(60));
        let (value, threshold, severity, state) = (Some(1.5), Some(1.0), Severity::Warning, AlertState::Firing);
        let now = Now { value, threshold, severity, state, began, time, flapping: false, text: Some("text") };
        let facts = Facts { rule: "rule", source: "source", series: &series, labels: &series.labels, now: Some(now) };
        let failed = parsed.render(context_of(&facts)).err()?;
        Some((format!("this template fails: {}", failed.detail().map_or_else(|| failed.to_string(), str::to_owned)), syntax()))
    }
}

fn state_name(state: AlertState) -> &'static str {
    match state {
        AlertState::Inactive => "inactive",
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
        AlertState::Recovering => "recovering",
        AlertState::Resolved => "resolved",
        AlertState::NoData => "no_data",
        AlertState::Error => "error",
    }
}

fn context_of(facts: &Facts<'_>) -> Value {
    let Facts { rule, source, series, labels, now } = *facts;
    let (metric, unit, labels) =
        (&series.metric, &series.unit, Value::from_pairs(labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
    match now {
        None => context! { rule, source, metric, unit, labels },
        Some(Now { value, threshold, severity, state, began, time, flapping, text }) => {
            let (severity, state) = (severity.name(), state_name(state));
            let (began, time) = (began.to_string(), time.to_string());
            // What is not there is empty, and not the word "none".
            let [value, threshold] = [value, threshold].map(|number| number.map_or(Value::UNDEFINED, Value::from));
            let text = text.map_or(Value::UNDEFINED, Value::from);
            context! { rule, source, metric, unit, labels, value, threshold, severity, state, began, time, flapping, text }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, expected: &str) {
        let series = Series::new("cpu").unit("%").label("host", "web-1");
        let (began, time) = (Timestamp::from_secs(0), Timestamp::from_secs(60));
        let (value, threshold, severity, state) = (Some(97.25), None, Severity::Critical, AlertState::NoData);
        let now = Now { value, threshold, severity, state, began, time, flapping: true, text: Some("v1 <b>") };
        let facts = Facts { rule: "hot", source: "machine", series: &series, labels: &series.labels, now: Some(now) };
        let templates = Texts::from([("t".to_owned(), template.to_owned())]);
        assert_eq!(Renderer::default().render(&templates, &facts)["t"], expected, "{template}");
    }

    #[test]
    fn placeholders_become_what_the_alert_says() {
        check("no placeholder", "no placeholder");
        check("{{ labels.host }}: {{ metric }} is {{ value }} {{ unit }}", "web-1: cpu is 97.25 %");
        check("{{ value | round(1) }}, {{ threshold }}, {{ labels.none }}.", "97.2, , .");
        check("{{ severity }} {{ state }} since {{ began }}", "critical no_data since 1970-01-01T00:00:00Z");
        check("{% if flapping %}flaps{% endif %} {{ text }} {{ rule }} {{ source }}", "flaps v1 <b> hot machine");
    }

    #[test]
    fn a_template_that_would_not_end_is_given_up() {
        let series = Series::new("m");
        let facts = Facts { rule: "r", source: "s", series: &series, labels: &series.labels, now: None };
        let template = "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}";
        let text = Renderer::default().render(&Texts::from([("t".to_owned(), template.to_owned())]), &facts);
        assert!(text["t"].contains("fuel"), "{}", text["t"]);
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told_with_a_remedy() {
        let renderer = Renderer::default();
        for (template, names, expected) in [
            ("{{ value }} {{ labels.host }} {{ range(3) }}", &ANNOTATION_NAMES[..], None),
            ("{{ vlaue }}", &ANNOTATION_NAMES, Some(("there is no `vlaue` here", "did you mean `value`?"))),
            (
                "{{ value }}",
                &LABEL_NAMES,
                Some(("there is no `value` here", "known names: rule, source, metric, unit, labels; a label is labels.value")),
            ),
            ("{{ labels.host", &LABEL_NAMES, Some(("this is not a template: ", "templates are those of "))),
            ("{{ value | bold }}", &ANNOTATION_NAMES, Some(("this template fails: ", "templates are those of "))),
        ] {
            match (renderer.fault(template, names), expected) {
                (None, None) => {}
                (Some((what, remedy)), Some((start, hint))) => {
                    assert!(what.starts_with(start) && remedy.starts_with(hint), "{template}: {what}; {remedy}");
                }
                (found, expected) => panic!("{template}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
