//! compose/Dockerfile: what it builds from, what it copies, and who the program runs as.

use regex::Regex;

use crate::files::{read, root};

/// The instructions, each on one line.
fn instructions(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.lines().map(words).filter(|line| !line.is_empty()).collect()
}

/// What an instruction of this name says.
fn argument(line: &str, name: &str) -> Option<String> {
    line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned)
}

/// What is wrong with a Dockerfile.
fn faults(text: &str) -> Vec<String> {
    let instructions = instructions(text);
    let of = |name: &'static str| instructions.iter().filter_map(move |line| argument(line, name));
    let mut faults = Vec::new();

    // A version or, of Debian, the day it was made.
    let exact = Regex::new(r"^[a-z0-9./-]+:(\d+\.\d+\.\d+-[a-z]+|[a-z]+-\d{8}-slim)( AS [a-z]+)?$").expect("it is a regular expression");
    faults.extend(of("FROM").filter(|from| !exact.is_match(from)).map(|from| format!("FROM {from} has no exact version")));

    let ignore = read("compose/Dockerfile.dockerignore");
    let kept: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for copy in of("COPY").filter(|copy| !copy.contains("--from=")) {
        let words: Vec<&str> = copy.split(' ').filter(|word| !word.starts_with("--")).collect();
        for source in &words[..words.len() - 1] {
            if !root().join(source).exists() || !kept.contains(source) {
                faults.push(format!("COPY {source}: it is not there, or kept out by Dockerfile.dockerignore"));
            }
        }
    }

    let last = instructions.iter().rposition(|line| line.starts_with("FROM ")).unwrap_or(0);
    let in_last = |name: &'static str| instructions[last..].iter().rev().find_map(|line| argument(line, name));
    // Numbers: an orchestrator can see that they are not root, which it cannot of a name.
    let user = in_last("USER").unwrap_or_default();
    if !Regex::new(r"^[1-9]\d*:[1-9]\d*$").expect("it is a regular expression").is_match(&user) {
        faults.push(format!("USER {user:?} is not the number of a user without rights"));
    }
    if !in_last("HEALTHCHECK").is_some_and(|check| check.contains("CMD [")) {
        faults.push("no HEALTHCHECK".to_owned());
    }
    if !of("RUN").any(|run| run.contains("cargo build --release --locked") && run.contains("--mount=type=cache")) {
        faults.push("it is not built with --release --locked and caches".to_owned());
    }
    faults
}

fn dockerfile() -> String {
    read("compose/Dockerfile")
}

#[test]
fn the_dockerfile_is_sound() {
    assert_eq!(faults(&dockerfile()), Vec::<String>::new());
}

#[test]
fn what_is_wrong_with_a_dockerfile_is_found() {
    let cases = [
        ("debian:trixie-20260623-slim", "debian:latest", "FROM debian:latest has no exact version"),
        ("rust:1.95.0-bookworm AS", "rust:1.95 AS", "FROM rust:1.95 AS build has no exact version"),
        ("USER 10001:10001", "USER 0:0", "USER \"0:0\" is not the number of a user without rights"),
        ("USER 10001:10001", "", "USER \"\" is not the number of a user without rights"),
        ("HEALTHCHECK", "LABEL", "no HEALTHCHECK"),
        ("COPY schemas schemas", "COPY shemas schemas", "COPY shemas: it is not there, or kept out by Dockerfile.dockerignore"),
        (
            "COPY schemas schemas",
            "COPY compose/secrets schemas",
            "COPY compose/secrets: it is not there, or kept out by Dockerfile.dockerignore",
        ),
        ("--release --locked", "--release", "it is not built with --release --locked and caches"),
    ];
    for (from, to, expected) in cases {
        let text = dockerfile();
        assert!(text.contains(from), "{from}");
        assert_eq!(faults(&text.replace(from, to)), [expected], "{from} -> {to}");
    }
}

#[test]
fn it_is_built_with_the_rust_and_named_with_the_version_of_the_workspace() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let package = &manifest["workspace"]["package"];
    let rust = package["rust-version"].as_str().unwrap();
    assert!(dockerfile().contains(&format!("FROM rust:{rust}.")), "rust-version is {rust}");
    let version = package["version"].as_str().unwrap();
    let service = read("compose/services/floodmark.yaml");
    assert!(service.contains(&format!("image: floodmark:{version}\n")), "the version is {version}");
}

/// `cargo build` reads the manifest of every member, whichever package it builds.
#[test]
fn every_member_of_the_workspace_is_copied() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap().iter().map(|member| member.as_str().unwrap());
    let text = dockerfile();
    let missing: Vec<&str> = members
        .filter(|member| {
            let top = member.split('/').next().unwrap();
            !text.contains(&format!("COPY {top} {top}\n"))
        })
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}
