//! The scripts of compose/, run as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::files::{read, root};

/// Runs init.sh for this folder.
pub fn init(folder: &Path) {
    let run = Command::new("sh").arg(root().join("compose/init.sh")).arg(folder).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

fn contents(folder: &Path) -> BTreeMap<String, String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| (name.clone(), std::fs::read_to_string(folder.join(name)).unwrap())).collect()
}

/// What init.sh makes: names and contents.
pub fn secrets_of_init() -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    contents(folder.path())
}

#[test]
fn init_makes_a_password_of_its_own_for_everybody() {
    let mut made = secrets_of_init();
    let users = made.remove("nats_users.conf").unwrap();
    assert!(users.contains(&made["nats_floodmark_password"]), "NATS knows the password");
    let values: BTreeSet<&String> = made.values().collect();
    assert_eq!(values.len(), made.len(), "no two are the same");
    // 24 random bytes as hexadecimal digits.
    assert!(values.iter().all(|value| value.len() == 48 && value.bytes().all(|b| b.is_ascii_hexdigit())));
    assert_ne!(secrets_of_init()["grafana_admin_password"], made["grafana_admin_password"]);
}

#[test]
fn init_leaves_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    init(&secrets);
    let before = contents(&secrets);
    std::fs::remove_file(secrets.join("mongodb_admin_password")).unwrap();
    init(&secrets);
    let mut after = contents(&secrets);
    assert_ne!(after.remove("mongodb_admin_password"), before.get("mongodb_admin_password").cloned());
    assert!(after.iter().all(|(name, value)| before[name] == *value));
}

#[test]
fn only_the_owner_enters_the_folder_of_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    init(&secrets);
    assert_eq!(std::fs::metadata(&secrets).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn secrets_are_never_committed() {
    let lines: Vec<String> = read("compose/.gitignore").lines().map(str::to_owned).collect();
    assert!(lines.contains(&"/secrets/".to_owned()) && lines.contains(&"/.env".to_owned()), "{lines:?}");
}

/// The exit of http-ok.sh when a server answers `answer` to one request, which is given back.
fn http_ok(answer: &'static str) -> (bool, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        // To its end: a connection that is closed with something unread takes the answer with it.
        let lines = BufReader::new(connection.try_clone().unwrap()).lines().map(Result::unwrap);
        let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        // A client that has read enough may have gone.
        let _ = connection.write_all(answer.as_bytes());
        request[0].clone()
    });
    (asks(port), server.join().unwrap())
}

fn asks(port: u16) -> bool {
    let mut script = Command::new("bash");
    script.arg(root().join("compose/http-ok.sh")).args([&port.to_string(), "/-/ready"]).stderr(Stdio::null());
    script.status().unwrap().success()
}

#[test]
fn only_a_200_is_healthy() {
    let request = "GET /-/ready HTTP/1.1".to_owned();
    assert_eq!(http_ok("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n"), (true, request.clone()));
    assert_eq!(http_ok("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), (false, request.clone()));
    assert_eq!(http_ok("HTTP/1.1 404 Not Found\r\n\r\n"), (false, request.clone()));
    assert_eq!(http_ok(""), (false, request));
}

#[test]
fn who_does_not_listen_is_not_healthy() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert!(!asks(port));
}

/// Health checks of Floodmark ask with the program itself.
#[test]
fn floodmark_is_asked_by_a_command_that_it_has() {
    for file in ["compose/Dockerfile", "compose/services/floodmark.yaml"] {
        assert!(
            read(file).contains(r#"["CMD", "floodmark", "health", "--ready"]"#)
                || read(file).contains(r#"CMD ["floodmark", "health", "--ready"]"#),
            "{file}"
        );
    }
    let arguments = read("pipeline/server/src/cli/args.rs");
    assert!(arguments.contains("Health(health::Args)"));
}
