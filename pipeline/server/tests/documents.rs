//! What README, ARCHITECTURE and the guides show: configurations load, commands exist, links and named files are there.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

use floodmark::config::{Config, from_text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The documents that people wrote, as paths below the root.
fn documents() -> Vec<PathBuf> {
    let folder = |folder: &str| {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name())).collect::<Vec<_>>()
    };
    let mut all: Vec<PathBuf> = ["", "docs", "docs/adr", "docs/guides"].into_iter().flat_map(folder).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(all.len() > 15, "{all:?}");
    all
}

/// The code blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    text.split(&format!("```{language}\n")).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn loaded(name: &str, text: &str) -> Config {
    from_text(name, text).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn the_configuration_of_the_readme_loads() {
    let readme = read("README.md");
    let [text, servers] = blocks(&readme, "toml")[..] else { panic!("README.md shows one configuration, and its servers") };
    assert!(text.lines().filter(|line| !line.is_empty()).count() <= 15);
    let config = loaded("README.md", text);
    assert_eq!(config.sources.keys().collect::<Vec<_>>(), ["machine", "weather", "website"]);
    let config = loaded("README.md", &format!("{text}{servers}"));
    let sinks: Vec<_> = config.sinks.iter().map(|(id, sink)| (id.as_str(), sink.kind.type_name())).collect();
    assert_eq!((config.log.type_name(), &sinks[..]), ("jetstream", &[("raw", "postgres"), ("rollups", "mongodb")][..]));
}

#[test]
fn the_quickstart_watches_what_it_says() {
    let config = loaded("quickstart.toml", &read("examples/quickstart.toml"));
    let kinds: Vec<_> = config.sources.iter().map(|(id, source)| (id.as_str(), source.kind.type_name())).collect();
    assert_eq!(kinds, [("machine", "host"), ("rust", "github"), ("weather", "open_meteo"), ("website", "http_probe")]);
    assert_eq!(config.operators.keys().collect::<Vec<_>>(), ["one_hour", "one_minute"]);
}

#[test]
fn every_configuration_of_the_guide_of_incidents_loads() {
    let guide = read("docs/guides/incidents.md");
    let [base, more @ ..] = &blocks(&guide, "toml")[..] else { panic!("the guide begins with a configuration") };
    assert_eq!(more.len(), 3);
    let policies = more.iter().map(|text| loaded("incidents.md", &format!("{base}{text}")));
    let [incidents, routes, silence] = &policies.collect::<Vec<_>>()[..] else { panic!("there are three") };
    assert_eq!(incidents.incidents, floodmark::config::Incidents::default());
    let names: Vec<_> = routes.routing.routes.iter().map(|route| route.id.as_str()).collect();
    assert_eq!(names, ["grave", "database"]);
    assert_eq!((silence.inhibitions.len(), silence.maintenance.len()), (1, 1));
    assert_eq!(loaded("incidents.md", &more.iter().fold((*base).to_owned(), |all, text| all + text)).notices, []);
}

#[test]
fn every_command_of_the_readme_exists() {
    let readme = read("README.md");
    let table = readme.split("## Commands").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let mut seen = 0;
    for cell in table.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap()) {
        for command in cell.split('`').skip(1).step_by(2) {
            let words = command.trim_start_matches("floodmark ").split(' ').filter(|word| !word.starts_with('\''));
            let help = Command::new(env!("CARGO_BIN_EXE_floodmark")).args(words).arg("--help").output().unwrap();
            assert!(help.status.success(), "{command}: {}", String::from_utf8_lossy(&help.stderr));
            seen += 1;
        }
    }
    assert_eq!(seen, 45);
}

#[test]
fn every_link_leads_to_a_file() {
    let mut links = 0;
    for document in documents() {
        let text = read(&document);
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let path = target.split('#').next().unwrap();
            if !path.contains("://") && !path.is_empty() {
                assert!(root().join(document.parent().unwrap()).join(path).exists(), "{}: {target}", document.display());
                links += 1;
            }
        }
    }
    assert!(links > 30, "{links}");
}

/// Source files and folders of this repository, wherever a document names one with its path.
#[test]
fn every_file_that_is_named_exists() {
    let mut named = 0;
    for document in documents() {
        let text = read(&document);
        let inline = text.split('`').skip(1).step_by(2).filter(|code| code.contains('/') && !code.contains(char::is_whitespace));
        let ours = ["schemas/", "pipeline/", "connectors/", "tests/", "docs/", "examples/", "scripts/"];
        for path in inline.filter(|code| ours.iter().any(|folder| code.starts_with(folder)) && !code.contains(['{', '*', '<'])) {
            assert!(root().join(path).exists() || path == NOT_THERE, "{}: {path}", document.display());
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}

/// What the guide makes.
const NOT_THERE: &str = "connectors/src/sources/file_age.rs";
