//! Dashboards and provisioning: what they refer to is there.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

use super::documented::metrics_and_records;
use super::expression::{faults, named_in, result_labels};
use super::panels::{Dashboard, dashboards, targets};
use crate::files::{read, yaml};

/// The tables and views of PostgreSQL that dashboards may ask.
const TABLES: [&str; 6] = ["availability", "dead_letter", "event", "gaps", "latest", "series"];

/// Provisioned data sources: the type of each uid.
fn sources() -> BTreeMap<String, String> {
    let document = yaml("datasources", &read("dashboards/grafana/provisioning/datasources/floodmark.yaml"));
    let of = |source: &Value| (source["uid"].as_str().unwrap().to_owned(), source["type"].as_str().unwrap().to_owned());
    document["datasources"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn there_are_three_data_sources() {
    let expected =
        [("floodmark-loki", "loki"), ("floodmark-postgres", "grafana-postgresql-datasource"), ("floodmark-prometheus", "prometheus")];
    assert_eq!(sources(), expected.map(|(uid, kind)| (uid.to_owned(), kind.to_owned())).into());
}

#[test]
fn uids_are_stable_and_unique() {
    let uids: Vec<(String, String)> = dashboards().into_iter().map(|d| (d.name, d.says["uid"].as_str().unwrap().to_owned())).collect();
    let expected = [("data", "floodmark-data"), ("pipeline", "floodmark-pipeline")];
    assert_eq!(uids, expected.map(|(name, uid)| (name.to_owned(), uid.to_owned())));
}

#[test]
fn every_data_source_is_provisioned() {
    let sources = sources();
    for dashboard in dashboards() {
        let mut asked = Vec::new();
        collect(&dashboard.says, "datasource", &mut asked);
        assert!(asked.len() > 5, "{}", dashboard.name);
        for source in asked {
            let uid = source["uid"].as_str().unwrap_or_else(|| panic!("{}: {source} has no uid", dashboard.name));
            assert_eq!(sources.get(uid).map(String::as_str), source["type"].as_str(), "{}: {uid}", dashboard.name);
        }
    }
}

/// All values of a key, wherever it stands.
fn collect<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(key));
            fields.values().for_each(|value| collect(value, key, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, key, found)),
        _ => {}
    }
}

#[test]
fn dashboards_ask_for_metrics_that_are_there() {
    let documented = metrics_and_records();
    let mut asked = 0;
    for (panel, target) in targets("prometheus") {
        let expression = target["expr"].as_str().unwrap();
        assert_eq!(faults(expression, &documented), Vec::<String>::new(), "{panel}");
        let legend = target["legendFormat"].as_str().unwrap();
        assert!(!legend.is_empty(), "{panel}: a legend");
        let labels = result_labels(expression, &documented);
        assert!(named_in(legend).is_subset(&labels), "{panel}: {legend:?} of {labels:?}");
        asked += 1;
    }
    assert!(asked > 20);
}

/// `label_values(metric{..}, label)` of variables.
#[test]
fn variables_ask_for_labels_that_are_there() {
    let documented = metrics_and_records();
    let form = Regex::new(r"^label_values\((.*), ([a-z]+)\)$").unwrap();
    for dashboard in dashboards() {
        for variable in dashboard.variables() {
            if variable["datasource"]["type"] == "prometheus" {
                let query = variable["query"]["query"].as_str().unwrap();
                let parts = form.captures(query).unwrap_or_else(|| panic!("{query}"));
                assert_eq!(faults(&parts[1], &documented), Vec::<String>::new(), "{query}");
                assert!(result_labels(&parts[1], &documented).contains(&parts[2]), "{query}");
            }
        }
    }
}

#[test]
fn variables_are_used_and_what_is_used_is_a_variable() {
    let used = Regex::new(r"\$(?:\{([a-z]+)(?::[a-z]+)?\}|([a-z]+)\b)").unwrap();
    for dashboard in dashboards() {
        let defined: BTreeSet<&str> = dashboard.variables().iter().map(|variable| variable["name"].as_str().unwrap()).collect();
        let text = dashboard.says["panels"].to_string();
        let named: BTreeSet<&str> = used.captures_iter(&text).map(|found| found.get(1).or(found.get(2)).unwrap().as_str()).collect();
        assert_eq!(named, defined, "{}", dashboard.name);
    }
}

#[test]
fn the_database_is_asked_for_tables_that_are_documented() {
    let table = Regex::new(r"\b(?:FROM|JOIN)\s+([a-z_.]+)").unwrap();
    let mut asked = BTreeSet::new();
    let variables = dashboards().into_iter().flat_map(|d| d.variables().to_vec());
    let of_variables = variables.filter_map(|variable| variable["query"].as_str().map(str::to_owned));
    let of_panels = targets("grafana-postgresql-datasource").into_iter().map(|(_, target)| target["rawSql"].as_str().unwrap().to_owned());
    for sql in of_variables.chain(of_panels) {
        for found in table.captures_iter(&sql).filter(|found| &found[1] != "jsonb_each_text") {
            let name = found[1].strip_prefix("floodmark.").unwrap_or_else(|| panic!("{sql}: {} without its schema", &found[1]));
            assert!(TABLES.contains(&name), "{sql}");
            asked.insert(name.to_owned());
        }
    }
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), TABLES);
}

/// The dashboards lie where the provider looks, and the home page is one of them.
#[test]
fn the_provider_finds_the_dashboards() {
    let provider = yaml("provider", &read("dashboards/grafana/provisioning/dashboards/floodmark.yaml"));
    let path = provider["providers"][0]["options"]["path"].as_str().unwrap();
    let service = read("compose/services/grafana.yaml");
    assert!(service.contains(&format!("../../dashboards/grafana:{path}:ro")), "{path}");
    assert!(service.contains("../../dashboards/grafana/provisioning:/etc/grafana/provisioning:ro"));
    assert!(service.contains(&format!("GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: {path}/pipeline.json")));
}

#[test]
fn links_lead_to_dashboards() {
    let all = dashboards();
    let uid = |dashboard: &Dashboard| dashboard.says["uid"].as_str().unwrap().to_owned();
    let uids: BTreeSet<String> = all.iter().map(uid).collect();
    for dashboard in &all {
        for link in dashboard.says["links"].as_array().unwrap() {
            let to = link["url"].as_str().unwrap().strip_prefix("/d/").unwrap();
            assert!(uids.contains(to) && to != uid(dashboard), "{}: {to}", dashboard.name);
        }
    }
}
