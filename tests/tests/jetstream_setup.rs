//! Connecting to NATS and setting up streams: who may, what is refused, what is changed.
#![cfg(test)]

#[path = "jetstream/support.rs"]
mod support;

use std::path::{Path, PathBuf};

use async_nats::jetstream::stream;
use floodmark_connectors::logs::jetstream::{Applied, Config, Connection, Difference, Tls};
use floodmark_connectors::settings::{Secret, Size, Span};
use floodmark_core::ports::log::Log as _;
use floodmark_core::ports::{Expect, Position};
use floodmark_core::{Error, Kind};
use floodmark_tests::servers::Nats;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::{all, bodies, config, entry};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn refused(config: &Config) -> Error {
    match Connection::open(config).await {
        Ok(_) => panic!("the server accepts it"),
        Err(error) => error,
    }
}

async fn broken(config: &Config, hint: &str) {
    let error = refused(config).await;
    assert_eq!(error.kind(), Kind::Broken, "{}", error.chain());
    assert!(error.chain().contains(hint), "{}", error.chain());
}

/// A secret in a file.
fn secret(directory: &TempDir, name: &str, text: &str) -> Secret {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    Secret::File(path)
}

#[tokio::test]
async fn a_user_and_a_password_open_the_server_and_wrong_ones_do_not() {
    let server = Nats::with_config(r#"authorization { user: "ada", password: "right" }"#).await;
    let directory = TempDir::new().unwrap();
    let with = |text: &str| Config { user: Some("ada".into()), password: Some(secret(&directory, text, text)), ..config(&server) };
    Connection::open(&with("right")).await.unwrap();
    broken(&with("wrong"), "check `user` and `password`").await;
    broken(&config(&server), "it wants to know who connects").await;
}

#[tokio::test]
async fn a_token_opens_the_server_and_a_wrong_one_does_not() {
    let server = Nats::with_config(r#"authorization { token: "right" }"#).await;
    let directory = TempDir::new().unwrap();
    let with = |text: &str| Config { token: Some(secret(&directory, text, text)), ..config(&server) };
    Connection::open(&with("right")).await.unwrap();
    broken(&with("wrong"), "check `token`").await;
}

#[tokio::test]
async fn an_nkey_opens_the_server_and_a_wrong_one_does_not() {
    // Made for this test alone.
    const PUBLIC: &str = "UCYPSHNZGKS7JFTQEGCEOWVCSO5SYJ7CML5X4MSEAVOIELWHWIEUI24V";
    const SEED: &str = "SUABS3JDBQVOXWGFH6FPY3VL43SE2UOMWCVHCGPZZUA65G65O3NU4SXJIA";
    let server = Nats::with_config(&format!("authorization {{ users: [ {{ nkey: {PUBLIC} }} ] }}")).await;
    let directory = TempDir::new().unwrap();
    let with = |name: &str, text: &str| Config { nkey: Some(secret(&directory, name, text)), ..config(&server) };
    Connection::open(&with("seed", SEED)).await.unwrap();
    broken(&with("nonsense", "SUA"), "check `nkey`").await;
}

#[tokio::test]
async fn credentials_of_a_jwt_open_the_server() {
    let identity = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jetstream/identity");
    let server = Nats::with_config(&std::fs::read_to_string(identity.join("operator.conf")).unwrap()).await;
    let with = |path: PathBuf| Config { credentials: Some(path), ..config(&server) };
    Connection::open(&with(identity.join("user.creds"))).await.unwrap();
    broken(&with(identity.join("no.creds")), "no.creds").await;
    broken(&config(&server), "set `user` and `password`, `token`, `nkey` or `credentials`").await;
}

/// A private authority, a server's and a client's certificate of it, as files.
fn certificates(directory: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    std::fs::write(directory.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(directory.join(format!("{name}.pem")), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        std::fs::write(directory.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

#[tokio::test]
async fn tls_needs_the_right_authority_and_the_clients_certificate() {
    let directory = TempDir::new().unwrap();
    certificates(directory.path());
    let file = |name: &str| directory.path().join(name);
    let server = Nats::with_config(&format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    ))
    .await;
    let with = |tls: Tls| Config { tls: Some(tls), ..config(&server) };
    let right = Tls { ca: Some(file("ca.pem")), certificate: Some(file("client.pem")), key: Some(file("client.key")), first: false };
    let connection = Connection::open(&with(right.clone())).await.unwrap();
    connection.ensure(4).await.unwrap();
    broken(&with(Tls { ca: None, ..right.clone() }), "`tls.ca` must hold the authority").await;
    broken(&with(Tls { certificate: None, key: None, ..right.clone() }), "one that the server accepts").await;
    broken(&with(Tls { ca: Some(file("none.pem")), ..right }), "check the files that `tls` names").await;
}

/// Says that it is NATS `version` and accepts the client.
async fn pretend(listener: TcpListener, version: &str) {
    let (mut connection, _) = listener.accept().await.unwrap();
    let info = format!("INFO {{\"version\":\"{version}\",\"max_payload\":1048576,\"headers\":true,\"jetstream\":true}}\r\n");
    connection.write_all(info.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"PING\r\n") {
        assert!(connection.read_buf(&mut received).await.unwrap() > 0, "the client went away");
    }
    connection.write_all(b"PONG\r\n").await.unwrap();
    // Until the client has gone.
    while connection.read_buf(&mut received).await.is_ok_and(|n| n > 0) {}
}

#[tokio::test]
async fn an_old_server_is_refused_by_its_version() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let servers = vec![format!("nats://{}", listener.local_addr().unwrap())];
    let config = Config { servers, ..Config::default() };
    let (error, ()) = tokio::join!(refused(&config), pretend(listener, "2.9.10"));
    assert_eq!(error.kind(), Kind::Broken);
    assert!(error.to_string().contains("is NATS 2.9.10, but 2.12.12 or newer is needed"), "{error}");
}

#[tokio::test]
async fn a_server_without_jetstream_is_refused_with_the_remedy() {
    let server = Nats::with_config("accounts { A: { users: [ { user: a, password: a } ] } }\nno_auth_user: a").await;
    broken(&config(&server), "enable it for the account").await;
}

fn difference(field: &'static str, found: &str, wanted: &str, safe: bool, changeable: bool) -> Difference {
    let (found, wanted) = (found.to_owned(), wanted.to_owned());
    Difference { stream: "FLOODMARK_EVENTS".to_owned(), field, found, wanted, safe, changeable }
}

#[tokio::test]
async fn a_stream_that_others_made_is_refused_field_by_field_until_it_is_changed() {
    let server = Nats::start().await;
    let connection = Connection::open(&config(&server)).await.unwrap();
    let jetstream = async_nats::jetstream::new(connection.client());
    let theirs = stream::Config {
        name: "FLOODMARK_EVENTS".into(),
        subjects: vec!["floodmark.events.*".into()],
        max_age: std::time::Duration::from_secs(3600),
        max_messages: 1000,
        max_bytes: 1 << 30,
        ..stream::Config::default()
    };
    jetstream.create_stream(theirs).await.unwrap();
    let error = connection.ensure(4).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Broken);
    for text in [
        "`subjects` is floodmark.events.*, not floodmark.events.>",
        "`discard` is old, not new",
        "`max_age` is 1h, not unlimited",
        "`max_msgs` is 1000, not unlimited",
        "`metadata.floodmark.partitions` is not known, not 4",
        "run `floodmark streams apply`",
    ] {
        assert!(error.to_string().contains(text), "{text}: {error}");
    }

    let changed = vec![
        difference("subjects", "floodmark.events.*", "floodmark.events.>", false, true),
        difference("discard", "old", "new", false, true),
        difference("max_age", "1h", "unlimited", false, true),
        difference("max_msgs", "1000", "unlimited", false, true),
        difference("max_bytes", "1GiB", "80MiB", true, true),
        difference("allow_direct", "false", "true", true, true),
    ];
    let left = vec![difference("metadata.floodmark.partitions", "not known", "4", false, false)];
    let applied = connection.apply(4).await.unwrap();
    assert_eq!(applied, Applied { created: vec!["FLOODMARK_OUTPUTS".into()], changed, left: left.clone() });
    assert_eq!(connection.list(4).await.unwrap()[0].differences, left);
    assert_eq!(connection.ensure(4).await.unwrap_err().kind(), Kind::Broken);
}

#[tokio::test]
async fn a_stream_that_keeps_nothing_or_loses_order_is_refused() {
    for (theirs, text) in [
        (
            stream::Config { retention: stream::RetentionPolicy::WorkQueue, ..stream::Config::default() },
            "`retention` is workqueue, not limits",
        ),
        (stream::Config { storage: stream::StorageType::Memory, ..stream::Config::default() }, "`storage` is memory, not file"),
        (stream::Config { no_ack: true, ..stream::Config::default() }, "`no_ack` is true, not false"),
        (
            stream::Config { persist_mode: Some(stream::PersistenceMode::Async), ..stream::Config::default() },
            "`persist_mode` is async, not default",
        ),
    ] {
        let server = Nats::start().await;
        let connection = Connection::open(&config(&server)).await.unwrap();
        let theirs = stream::Config { name: "FLOODMARK_EVENTS".into(), subjects: vec!["floodmark.events.>".into()], ..theirs };
        async_nats::jetstream::new(connection.client()).create_stream(theirs).await.unwrap();
        let error = connection.ensure(4).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Broken);
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
}

#[tokio::test]
async fn limits_that_changed_do_not_stop_the_log_and_are_applied() {
    let server = Nats::start().await;
    let before = config(&server);
    Connection::open(&before).await.unwrap().ensure(4).await.unwrap();
    let after = Config { size_max: Some(Size(100 << 20)), duplicate_window: Span::secs(300), ..before };
    let connection = Connection::open(&after).await.unwrap();
    connection.ensure(4).await.unwrap();
    let applied = connection.apply(4).await.unwrap();
    assert_eq!((applied.created.len(), applied.changed.len(), applied.left.len()), (0, 4, 0));
    assert_eq!(connection.apply(4).await.unwrap(), Applied::default());
    let error = connection.ensure(8).await.unwrap_err();
    assert!(error.to_string().contains("`metadata.floodmark.partitions` is 4, not 8"), "{error}");
}

#[tokio::test]
async fn a_server_with_too_little_space_for_a_stream_says_so() {
    let server = Nats::with_config("jetstream { max_file_store: 100MB }").await;
    let error = Connection::open(&config(&server)).await.unwrap().ensure(4).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Broken);
    let text = "making stream FLOODMARK_OUTPUTS: the server cannot set aside 80MiB for it; raise its `max_file_store`, or lower `retention_size` and `size_max`";
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test]
async fn two_installations_on_one_server_do_not_see_each_other() {
    let server = Nats::start().await;
    let mut logs = Vec::new();
    for prefix in ["floodmark", "plant-2"] {
        let connection = Connection::open(&Config { prefix: prefix.into(), ..config(&server) }).await.unwrap();
        connection.ensure(4).await.unwrap();
        let new = vec![entry("floodmark.events.0.host", "same id", prefix)];
        let appended = connection.events().append(new, Expect::LastOnSubject(Position::START)).await.unwrap();
        assert_eq!((appended[0].position, appended[0].duplicate), (Position(1), false));
        logs.push(connection);
    }
    for (connection, prefix) in logs.iter().zip(["floodmark", "plant-2"]) {
        let entries = all(&connection.events()).await;
        assert_eq!((bodies(&entries), entries[0].subject.as_str()), (vec![prefix], "floodmark.events.0.host"));
        let names: Vec<String> = connection.list(4).await.unwrap().into_iter().map(|info| info.name).collect();
        let upper = prefix.to_uppercase();
        assert_eq!(names, [format!("{upper}_EVENTS"), format!("{upper}_OUTPUTS")]);
    }
    assert_eq!(logs[1].purge("PLANT-2_EVENTS", Position(2)).await.unwrap(), 1);
    assert_eq!(logs[1].purge("FLOODMARK_EVENTS", Position(2)).await.unwrap_err().kind(), Kind::Broken);
    assert_eq!(logs[0].list(4).await.unwrap()[0].entries, 1);
}

#[tokio::test]
async fn a_bucket_forgets_what_nobody_renews() {
    let server = Nats::start().await;
    let connection = Connection::open(&config(&server)).await.unwrap();
    let max_age = std::time::Duration::from_millis(500);
    let bucket = connection.bucket("LEASES", max_age).await.unwrap();
    let first = bucket.create("job.0", "me".into()).await.unwrap();
    assert!(connection.bucket("LEASES", max_age).await.unwrap().create("job.0", "other".into()).await.is_err());
    bucket.update("job.0", "me".into(), first).await.unwrap();
    let forgotten = async { while bucket.get("job.0").await.unwrap().is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), forgotten).await.unwrap();
    assert_eq!(bucket.stream_name, "KV_FLOODMARK_LEASES");
}
