//! Panels: each has a place, a unit and a description, and is explained in the guide.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::{folder, read};

/// How wide a dashboard is, in its own units.
const WIDTH: u64 = 24;

/// One dashboard and the name of its file.
pub struct Dashboard {
    pub name: String,
    pub says: Value,
}

impl Dashboard {
    pub fn variables(&self) -> &Vec<Value> {
        self.says["templating"]["list"].as_array().expect("a dashboard has variables")
    }

    fn all(&self) -> &Vec<Value> {
        self.says["panels"].as_array().expect("a dashboard has panels")
    }

    /// Panels that show something.
    fn panels(&self) -> impl Iterator<Item = &Value> {
        self.all().iter().filter(|panel| panel["type"] != "row")
    }
}

/// All dashboards, by the names of their files.
pub fn dashboards() -> Vec<Dashboard> {
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let says = serde_json::from_str(&read(&path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Dashboard { name, says }
    };
    folder("dashboards/grafana", "json").into_iter().map(read).collect()
}

/// What panels ask data sources of a type, each with the name of its panel.
pub fn targets(source: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for dashboard in dashboards() {
        for panel in dashboard.panels() {
            let targets = panel["targets"].as_array().unwrap_or_else(|| panic!("{} asks nothing", panel["title"]));
            assert!(!targets.is_empty(), "{} asks nothing", panel["title"]);
            let name = format!("{}: {}", dashboard.name, panel["title"]);
            found.extend(targets.iter().filter(|t| t["datasource"]["type"] == source).map(|t| (name.clone(), t.clone())));
        }
    }
    found
}

#[test]
fn every_panel_says_what_it_shows() {
    for dashboard in dashboards() {
        assert!(dashboard.says["schemaVersion"].as_u64() >= Some(41), "{}", dashboard.name);
        let mut titles = BTreeSet::new();
        for panel in dashboard.panels() {
            let title = panel["title"].as_str().unwrap();
            assert!(titles.insert(title) && !title.is_empty(), "{title} is there twice");
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title} has no description");
            let has_unit = panel["fieldConfig"]["defaults"]["unit"].is_string() || panel["options"]["textMode"] == "name";
            let needs_unit = ["timeseries", "stat"].contains(&panel["type"].as_str().unwrap()) && !title.starts_with("Values of ");
            assert!(has_unit || !needs_unit, "{title} has no unit");
        }
    }
}

#[test]
fn every_panel_is_explained() {
    let guide = read("docs/guides/dashboards.md");
    for dashboard in dashboards() {
        for panel in dashboard.panels() {
            let title = panel["title"].as_str().unwrap();
            assert!(guide.contains(&format!("| {title} |")), "docs/guides/dashboards.md does not explain {title:?} of {}", dashboard.name);
        }
    }
}

#[test]
fn no_panel_lies_on_another() {
    for dashboard in dashboards() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in dashboard.all() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{} has the id of another", panel["title"]);
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(x + w <= WIDTH && w > 0 && h > 0, "{} is too wide", panel["title"]);
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{} lies on another panel", panel["title"]);
            }
        }
    }
}
