//! The configurations are accepted by the programs that read them.

use std::env;
use std::process::Command;

use floodmark::config::load;

use super::scripts::init;
use crate::files::{read, root, yaml};

/// What `floodmark check` does.
fn accepted(path: &str) {
    let config = load(&root().join(path)).unwrap_or_else(|report| panic!("{path}: {report}"));
    assert_eq!(config.sinks.keys().collect::<Vec<_>>(), ["raw", "rollups"], "{path}");
}

#[test]
fn floodmark_accepts_its_configuration_for_the_stack() {
    accepted("compose/floodmark.toml");
}

#[test]
fn floodmark_accepts_the_example_for_servers() {
    accepted("examples/stack.toml");
}

/// Whoever moves from the embedded default to servers changes where things are kept, and nothing else.
#[test]
fn the_stack_watches_and_computes_what_the_quickstart_does() {
    let table = |path: &str| -> toml::Table { toml::from_str(&read(path)).unwrap() };
    let quickstart = table("examples/quickstart.toml");
    for path in ["compose/floodmark.toml", "examples/stack.toml"] {
        let stack = table(path);
        for part in ["sources", "operators"] {
            assert_eq!(stack[part], quickstart[part], "{path}: {part}");
        }
    }
}

/// Both name the same servers, seen from inside and from outside of the containers.
#[test]
fn the_example_reaches_the_servers_of_the_stack() {
    let shown = read("compose/floodmark.toml");
    let inside: toml::Table = toml::from_str(&shown).unwrap();
    let outside: toml::Table = toml::from_str(&read("examples/stack.toml")).unwrap();
    for key in ["prefix", "user"] {
        assert_eq!(inside["log"][key], outside["log"][key], "log.{key}");
    }
    for (sink, key) in [("raw", "database"), ("raw", "user"), ("raw", "schema"), ("rollups", "database"), ("rollups", "user")] {
        assert_eq!(inside["sinks"][sink][key], outside["sinks"][sink][key], "sinks.{sink}.{key}");
    }
}

/// The server itself, where the tests know one; with the file of users where it is in the container.
#[test]
fn nats_accepts_its_configuration() {
    let Some(server) = env::var_os("FLOODMARK_TEST_NATS_SERVER") else {
        println!("skipped: FLOODMARK_TEST_NATS_SERVER not set");
        return;
    };
    let machine = tempfile::tempdir().unwrap();
    let config = machine.path().join("etc/nats/nats.conf");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::copy(root().join("compose/config/nats.conf"), &config).unwrap();
    init(&machine.path().join("run/secrets"));
    let check = Command::new(&server).arg("-t").arg("-c").arg(&config).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    std::fs::remove_file(machine.path().join("run/secrets/nats_users.conf")).unwrap();
    let without = Command::new(&server).arg("-t").arg("-c").arg(&config).output().unwrap();
    assert!(!without.status.success(), "without its users it does not start");
}

/// Both streams fit into the server, so that a full stream makes sources wait before the server is full.
#[test]
fn the_streams_fit_into_the_server() {
    let gib = |text: &str, after: &str| -> u64 {
        let rest = text.split(after).nth(1).unwrap_or_else(|| panic!("{after:?} is not there"));
        rest.split('G').next().unwrap().trim().parse().unwrap()
    };
    let stream = gib(&read("compose/floodmark.toml"), "\nsize_max = \"");
    let server = gib(&read("compose/config/nats.conf"), "\n  max_file_store: ");
    // NATS reads "24GB" as 24 * 2^30.
    assert!(2 * stream <= server, "two streams of {stream} GiB in {server} GiB");
}

#[test]
fn loki_keeps_a_week_and_deletes_the_rest() {
    let loki = yaml("loki.yaml", &read("compose/config/loki.yaml"));
    assert_eq!(loki["limits_config"]["retention_period"], "168h");
    assert_eq!(loki["compactor"]["retention_enabled"], true);
    assert_eq!(loki["auth_enabled"], false);
}

/// Alloy has its own language: each block is closed, and each component that is named is there.
#[test]
fn the_components_of_alloy_name_each_other() {
    let text = read("compose/config/config.alloy");
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect();
    let count = |c: char| code.matches(c).count();
    assert_eq!((count('{'), count('[')), (count('}'), count(']')));
    let blocks = code.lines().filter(|line| !line.starts_with(' ') && line.ends_with('{'));
    let components: Vec<String> = blocks.map(|line| line.trim_end_matches(" {").replace(" \"", ".").replace('"', "")).collect();
    assert_eq!(
        components,
        ["discovery.docker.project", "discovery.relabel.project", "loki.source.docker.project", "loki.process.project", "loki.write.loki"]
    );
    let named = regex::Regex::new(r"\b((?:discovery|loki)(?:\.\w+)+)\.(?:targets|output|receiver)\b").unwrap();
    let named: Vec<String> = named.captures_iter(&code).map(|found| found[1].to_owned()).collect();
    assert_eq!(named.len(), 4);
    assert!(named.iter().all(|name| components.contains(name)), "{named:?}");
    assert!(code.contains("http://loki:3100/"), "the name and the port of the service");
}
