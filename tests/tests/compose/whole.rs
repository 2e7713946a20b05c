//! The stack that is committed has no fault, and each rule finds what breaks it.

use std::collections::BTreeSet;
use std::path::Path;

use super::scripts::secrets_of_init;
use super::stack::{Stack, committed};
use super::{faults, stack::MAIN};

fn made() -> BTreeSet<String> {
    secrets_of_init().into_keys().collect()
}

#[test]
fn the_stack_is_sound() {
    let stack = Stack::of(&committed());
    assert_eq!(faults::of(&stack, &made()), Vec::<String>::new());
    let names: BTreeSet<&str> = stack.services.iter().map(|service| service.name.as_str()).collect();
    let expected = ["alloy", "floodmark", "grafana", "loki", "mailpit", "mongodb", "nats", "postgres", "prometheus"];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn each_service_stands_in_the_file_of_its_name() {
    for service in Stack::of(&committed()).services {
        assert_eq!(service.file, Path::new("compose/services").join(&service.name).with_extension("yaml"));
    }
}

#[test]
fn what_is_wrong_with_a_stack_is_found() {
    let cases = [
        ("nats", "nats:2.12.12-alpine", "nats", r#"nats: image "nats" has no exact version"#),
        ("nats", "nats:2.12.12-alpine", "nats:latest", r#"nats: image "nats:latest" has no exact version"#),
        ("mongodb", "mongo:8.0.20", "mongo:8", r#"mongodb: image "mongo:8" has no exact version"#),
        ("nats", "127.0.0.1:${NATS_PORT:-4222}:4222", "4222:4222", r#"nats: port "4222:4222" is not bound as "127.0.0.1:${X_PORT:-1}:1""#),
        ("mailpit", "MAILPIT_PORT", "MAILPIT_SMTP_PORT", "mailpit: MAILPIT_SMTP_PORT is taken by mailpit"),
        ("mongodb", "MONGODB_PORT:-27017", "MONGODB_PORT:-12345", "mongodb: 12345 is taken by alloy"),
        ("nats", "../config/nats.conf", "../config/gnats.conf", "nats: compose/config/gnats.conf is not there"),
        ("loki", "../config/loki.yaml:", "/etc/loki:", "loki: it mounts /etc/loki of the machine"),
        ("nats", "restart: unless-stopped", "restart: \"no\"", "nats: it is not started again"),
        ("nats", r#"["CMD", "wget""#, r#"["NONE", "wget""#, "nats: it has no health check that works without a shell"),
        ("nats", r#"cpus: "2.0""#, "", "nats: it has no limits"),
        ("nats", "no-new-privileges", "label", "nats: it may gain rights"),
        ("nats", "nats_users.conf", "nats_floodmark_password", "secret nats_users.conf is not used"),
        ("alloy", "      loki:\n", "      doki:\n", "alloy: it does not wait until doki is healthy, or there is none"),
        ("nats", "nats_data:\n", "data:\n", "nats: volume nats_data is not declared beside it"),
        (
            "grafana",
            "PASSWORD__FILE: /run/secrets/grafana_admin_password",
            "PASSWORD: secret",
            "grafana: GF_SECURITY_ADMIN_PASSWORD names no secret that it has",
        ),
        ("mongodb", "mongodb://mongodb:27017", "mongodb://me:you@mongodb:27017", "mongodb: an address holds a password"),
        (
            "nats",
            "restart:",
            "restrat:",
            "compose/services/nats.yaml: /services/nats: Additional properties are not allowed ('restrat' was unexpected)",
        ),
        (
            "nats",
            "retries: 6",
            "retries: six",
            "compose/services/nats.yaml: /services/nats/healthcheck/retries: \"six\" is not of type \"integer\"",
        ),
    ];
    for (service, from, to, expected) in cases {
        let file = Path::new("compose/services").join(service).with_extension("yaml");
        check(&file, from, to, expected);
    }
    check(Path::new(MAIN), "  - services/loki.yaml\n", "", "compose/services/loki.yaml is not included, or not there");
    check(
        Path::new(MAIN),
        "secrets/grafana_admin_password",
        "secrets/x",
        "secret grafana_admin_password: init.sh makes no compose/secrets/x",
    );
}

/// Replaces a text of a file; `expected` is then among the faults.
fn check(file: &Path, from: &str, to: &str, expected: &str) {
    let mut texts = committed();
    let text = texts.get_mut(file).unwrap();
    assert!(text.contains(from), "{}: {from}", file.display());
    *text = text.replace(from, to);
    let found = faults::of(&Stack::of(&texts), &made());
    assert!(found.iter().any(|fault| fault == expected), "{from} -> {to}: {found:#?}");
}
