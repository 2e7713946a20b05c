//! Broken configurations: each error names its place and the remedy, all at once, and nothing panics.

#![cfg(test)]

use std::fs;
use std::path::Path;

use floodmark::config::{Report, from_text, load};
use proptest::prelude::*;

/// The problems as `line:column message | hint`.
fn problems(report: &Report) -> Vec<String> {
    let line = |p: floodmark::config::Problem| {
        let place = p.at.map_or_else(String::new, |at| format!("{}:{} ", at.line, at.column));
        let hint = p.hint.map_or_else(String::new, |hint| format!(" | {hint}"));
        format!("{place}{}{hint}", p.message)
    };
    report.problems().into_iter().map(line).collect()
}

fn check(text: &str, expected: &[&str]) {
    let found = from_text("floodmark.toml", text).map_or_else(|report| problems(&report), |_| vec!["no problem".to_owned()]);
    assert_eq!(found, expected, "\n{text}\nfound:\n{}\n", found.iter().map(|f| format!("    {f:?},\n")).collect::<String>());
}

macro_rules! broken {
    ($($name:ident: $text:literal => [$($expected:literal),+ $(,)?],)+) => {
        $(#[test] fn $name() { check($text, &[$($expected),+]); })+
    };
}

#[path = "config/broken.rs"]
mod broken;
#[path = "config/contradictions.rs"]
mod contradictions;
#[path = "config/coverage.rs"]
mod coverage;
#[path = "config/receivers.rs"]
mod receivers;
#[path = "config/routes.rs"]
mod routes;

#[test]
fn there_are_forty_broken_configurations() {
    let files = [include_str!("config/broken.rs"), include_str!("config/contradictions.rs")];
    let cases: usize = files.map(|text| text.matches(" => [").count()).iter().sum();
    assert!(cases >= 40, "{cases}");
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(dir.join("conf.d")).unwrap();
    for (name, text) in files {
        fs::write(dir.join(name), text).unwrap();
    }
}

#[test]
fn files_of_conf_d_are_merged_in_order() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            ("floodmark.toml", "partitions = 2\n[sources.a]\ntype = \"host\"\n"),
            ("conf.d/20.toml", "[sources.b]\ntype = \"host\"\n"),
            ("conf.d/10.toml", "[sources.a]\ndisorder = \"1s\"\n[log]\nretention_age = \"1d\"\n"),
            ("conf.d/ignored.txt", "not TOML"),
            ("conf.d/.hidden.toml", "not TOML"),
        ],
    );
    let config = load(&dir.path().join("floodmark.toml")).unwrap();
    assert_eq!(config.sources.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((config.partitions.get(), config.sources["a"].disorder.to_string()), (2, "1s".to_owned()));
}

#[test]
fn a_key_that_is_set_in_two_files_names_both_places() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[
            ("floodmark.toml", "[sources.a]\ntype = \"host\"\n\n[api]\nlisten = \"127.0.0.1:1\"\n"),
            ("conf.d/10.toml", "# more\n[sources.a]\n  type = \"host\"\n"),
            ("conf.d/20.toml", "[api]\nlisten = \"127.0.0.1:1\"\nenabled = 1\n"),
        ],
    );
    let report = load(&dir.path().join("floodmark.toml")).unwrap_err();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let places: Vec<_> = report
        .problems()
        .into_iter()
        .map(|p| {
            let related = p.related.map(|r| (r.file, r.at.line, r.at.column));
            (p.file, p.at.map(|at| (at.line, at.column)), p.message, related)
        })
        .collect();
    let main = file("floodmark.toml");
    assert_eq!(
        places,
        [
            (file("conf.d/10.toml"), Some((3, 3)), "`sources.a.type` is set twice".to_owned(), Some((main.clone(), 2, 1))),
            (file("conf.d/20.toml"), Some((2, 1)), "`api.listen` is set twice".to_owned(), Some((main.clone(), 5, 1))),
            (file("conf.d/20.toml"), Some((3, 11)), "expected true or false, found the number 1".to_owned(), None),
        ]
    );
    let text = report.to_string();
    assert!(text.contains("10.toml:3:3") && text.contains("first set here"), "{text}");
}

#[test]
fn what_cannot_be_read_is_reported_with_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("conf.d/10.toml", "a = \n"), ("conf.d/20.toml", "")]);
    fs::write(dir.path().join("conf.d/20.toml"), b"# \xc3\xbc\nx = \"\xff\"\n").unwrap();
    let report = load(&dir.path().join("floodmark.toml")).unwrap_err();
    assert_eq!(
        problems(&report),
        [
            "does not exist | `floodmark demo` needs no configuration; to write one, start from examples/quickstart.toml and name it with -c",
            "1:5 a value is missing | write it behind the `=`, texts in quotes",
            "2:6 this byte is not UTF-8 | save the file as UTF-8",
        ]
    );
}

/// One change of the bytes of a file.
#[derive(Clone, Debug)]
enum Change {
    Delete(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Put(prop::sample::Index, u8),
    Cut(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    let telling = prop::sample::select(b"[]{}=\"'.,#\n\r\t-0x\xff\\e ".to_vec());
    prop_oneof![
        8 => index().prop_map(Change::Delete),
        8 => (index(), index()).prop_map(|(a, b)| Change::Swap(a, b)),
        8 => (index(), prop_oneof![telling, any::<u8>()]).prop_map(|(i, b)| Change::Put(i, b)),
        1 => index().prop_map(Change::Cut),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    match change {
        Change::Delete(i) => drop(bytes.remove(i.index(bytes.len()))),
        Change::Swap(a, b) => {
            let (a, b) = (a.index(bytes.len()), b.index(bytes.len()));
            bytes.swap(a, b);
        }
        Change::Put(i, byte) => bytes.insert(i.index(bytes.len()), *byte),
        Change::Cut(i) => bytes.truncate(i.index(bytes.len())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_change_of_the_quickstart_makes_it_panic(changes in prop::collection::vec(change(), 1..12)) {
        let mut bytes = include_bytes!("../../examples/quickstart.toml").to_vec();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("floodmark.toml");
        fs::write(&path, &bytes).unwrap();
        if let Err(report) = load(&path) {
            prop_assert!(!report.problems().is_empty());
            prop_assert!(report.problems().iter().all(|p| p.at.is_some()));
            prop_assert!(!report.to_string().is_empty());
            prop_assert!(report.to_json()["ok"] == false);
        }
    }
}
