//! Prometheus' own checks, by promtool.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::files::{folder, read, root, texts, yaml};

/// promtool: what the environment says, or what stands in the search path.
fn promtool() -> PathBuf {
    let told = env::var_os("FLOODMARK_TEST_PROMTOOL").filter(|path| !path.is_empty()).map(PathBuf::from);
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = || env::split_paths(&paths).map(|folder| folder.join("promtool")).find(|file| file.is_file());
    told.or_else(found)
        .expect("promtool is missing: FLOODMARK_TEST_PROMTOOL is not set and it is not in the search path; run `make servers`")
}

/// Runs promtool in dashboards/prometheus; it must succeed.
fn promtool_says(args: &[&str], files: &[PathBuf]) -> String {
    let folder = root().join("dashboards/prometheus");
    let run = Command::new(promtool()).args(args).args(files).current_dir(folder).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "promtool {args:?}: {said}");
    said
}

fn files(kind: &str) -> Vec<PathBuf> {
    folder(&format!("dashboards/prometheus/{kind}"), "yml").into_iter().map(|path| root().join(path)).collect()
}

#[test]
fn promtool_accepts_the_configuration() {
    let said = promtool_says(&["check", "config", "prometheus.yml"], &[]);
    assert!(said.contains("1 rule files found"), "{said}");
}

#[test]
fn promtool_accepts_the_rules() {
    promtool_says(&["check", "rules", "--lint=all", "--lint-fatal"], &files("rules"));
}

#[test]
fn the_tests_of_the_rules_pass() {
    let files = files("tests");
    let said = promtool_says(&["test", "rules"], &files);
    assert_eq!(said.matches("SUCCESS").count(), files.len(), "{said}");
}

/// What is scraped is a service of the stack at the port on which it answers.
#[test]
fn every_target_is_in_the_stack() {
    let config = yaml("prometheus.yml", &read("dashboards/prometheus/prometheus.yml"));
    let jobs = config["scrape_configs"].as_array().unwrap();
    let names: Vec<&str> = jobs.iter().map(|job| job["job_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["floodmark", "prometheus", "loki", "alloy", "grafana"]);
    for job in jobs {
        for target in texts(&job["static_configs"][0]["targets"]) {
            let (host, port) = target.split_once(':').unwrap();
            let service = if host == "127.0.0.1" { "prometheus" } else { host };
            let text = read(format!("compose/services/{service}.yaml"));
            assert!(text.contains(&format!(":{port}\"")), "{target}");
        }
    }
}
