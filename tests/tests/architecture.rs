//! The rules of the house that the compiler does not know: who may depend on whom, what the core may not touch, which
//! libraries stay out, how long a file may be, and that no file names a path of one machine.
#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// The longest `.rs` file. Longer ones have more than one responsibility.
const LINES_MAX: usize = 500;

/// Each crate with the crates of this workspace that it may use. Engine and connectors never see each other.
const MAY_USE: [(&str, &[&str]); 6] = [
    ("floodmark-schemas", &[]),
    ("floodmark-core", &["floodmark-schemas"]),
    ("floodmark-engine", &["floodmark-schemas", "floodmark-core"]),
    ("floodmark-connectors", &["floodmark-schemas", "floodmark-core"]),
    ("floodmark", &["floodmark-schemas", "floodmark-core", "floodmark-engine", "floodmark-connectors"]),
    ("floodmark-tests", &["floodmark-schemas", "floodmark-core", "floodmark-engine", "floodmark-connectors", "floodmark"]),
];

/// Direct dependencies that would bring a clock, a runtime, a socket or a disk into the core.
const NOT_IN_CORE: [&str; 7] = ["tokio", "rusqlite", "reqwest", "hyper", "rand", "getrandom", "tracing"];

/// What the core has for its calendar can also ask for the time and for the machine's files: those calls are banned there.
const NOT_CALLED_IN_CORE: [&str; 6] = [
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "jiff::tz::TimeZone::system",
    "jiff::tz::TimeZone::try_system",
    "jiff::tz::TimeZone::get",
    "jiff::tz::db",
];

/// One TLS stack (rustls) with one cryptography library (aws-lc-rs).
const NOWHERE: [&str; 3] = ["ring", "openssl-sys", "native-tls"];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate of tests lies in the workspace").to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
}

/// The committed and the new files that are not ignored, as paths below the root; of a source tree without git, all
/// files but the hidden and the built ones.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root()).output();
    let mut files: Vec<PathBuf> = match listed {
        Ok(listed) if listed.status.success() => {
            String::from_utf8(listed.stdout).unwrap().split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect()
        }
        _ => walk(Path::new("")),
    };
    files.retain(|file| root().join(file).is_file());
    assert!(files.contains(&PathBuf::from("Cargo.toml")), "the list of files does not hold Cargo.toml: {files:?}");
    files
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = folder.join(&name);
        match entry.file_type().unwrap().is_dir() {
            true if name.starts_with('.') || name == "target" || name == "floodmark-data" => {}
            true => files.extend(walk(&path)),
            false => files.push(path),
        }
    }
    files
}

#[test]
fn crates_depend_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut wrong = Vec::new();
    for package in metadata().packages {
        let Some(may_use) = allowed.get(package.name.as_str()) else {
            wrong.push(format!("{} is not in MAY_USE: decide where it stands", package.name));
            continue;
        };
        let used = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal && d.path.is_some());
        wrong.extend(used.filter(|d| !may_use.contains(&d.name.as_str())).map(|d| format!("{} uses {}", package.name, d.name)));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_core_has_no_runtime_no_clock_and_no_io() {
    let metadata = metadata();
    let core = metadata.packages.iter().find(|p| p.name.as_str() == "floodmark-core").expect("the workspace has its core");
    let normal = core.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal).map(|d| d.name.as_str());
    assert_eq!(normal.filter(|name| NOT_IN_CORE.contains(name)).collect::<Vec<_>>(), Vec::<&str>::new());
    let bans = fs::read_to_string(root().join("pipeline/core/clippy.toml")).unwrap();
    let banned = |call: &&str| bans.contains(&format!("{{ path = \"{call}\", "));
    assert_eq!(NOT_CALLED_IN_CORE.iter().filter(|call| !banned(call)).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let without: Vec<String> = metadata()
        .packages
        .iter()
        .filter(|package| {
            let manifest = fs::read_to_string(&package.manifest_path).unwrap();
            !manifest.split("[lints]").nth(1).is_some_and(|rest| rest.trim_start().starts_with("workspace = true"))
        })
        .map(|package| package.name.to_string())
        .collect();
    assert_eq!(without, Vec::<String>::new(), "each needs [lints] workspace = true");
}

/// `cargo tree` and not `cargo metadata`, which also lists optional dependencies that only a weak feature names.
#[test]
fn there_is_one_tls_stack() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--workspace", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let names: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("rustls"), "the tree was not read: {names:?}");
    assert_eq!(NOWHERE.into_iter().filter(|name| names.contains(name)).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn files_are_short() {
    let mut lengths: Vec<(usize, PathBuf)> = files()
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "rs"))
        .map(|file| (fs::read_to_string(root().join(&file)).unwrap().lines().count(), file))
        .collect();
    lengths.sort();
    let at = |share: usize| lengths[(lengths.len() - 1) * share / 100].0;
    println!("{} files; lines: median {}, 90th percentile {}, longest {}", lengths.len(), at(50), at(90), at(100));
    let long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > LINES_MAX).collect();
    assert!(long.is_empty(), "more than {LINES_MAX} lines: {long:?}");
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    // Put together here, so that this file does not name them.
    let folders = ["work", "root"].map(|name| format!("/{name}/"));
    let mut found = Vec::new();
    for file in files() {
        // Files that are not text (images, Arrow samples) name no paths.
        let Ok(text) = fs::read_to_string(root().join(&file)) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            if folders.iter().any(|folder| names_folder(line, folder)) {
                found.push(format!("{}:{number}: {line}", file.display()));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// Whether an absolute path into `folder` stands in `line`; `a/work/b` is none.
fn names_folder(line: &str, folder: &str) -> bool {
    let inside_a_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '}' | '*' | '/');
    line.match_indices(folder).any(|(at, _)| !line[..at].chars().next_back().is_some_and(inside_a_path))
}

#[test]
fn a_path_of_one_machine_is_recognised() {
    let folder = format!("/{}/", "root");
    for (line, expected) in [("cd {}x", true), ("{}x", true), ("\"{}x\"", true), ("a{}x", false), ("../shared{}x", false)] {
        assert_eq!(names_folder(&line.replace("{}", &folder), &folder), expected, "{line}");
    }
}
