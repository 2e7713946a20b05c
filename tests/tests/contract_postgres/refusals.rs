//! What a person is told when the settings do not fit the server.

use floodmark_connectors::findings::{Finding, Verdict};
use floodmark_connectors::settings::Secret;
use floodmark_connectors::stores::postgres::{Config, Store, Tls};
use floodmark_core::Kind;
use floodmark_tests::servers::postgres::Postgres;

use crate::common::{There, config, rows};

async fn refusal(config: &Config) -> (Kind, String) {
    let error = Store::open(config).await.err().expect("it is refused");
    (error.kind(), error.chain())
}

fn said((kind, text): (Kind, String), expected: Kind, parts: &[&str]) {
    assert_eq!(kind, expected, "{text}");
    for part in parts {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_may_come_back() {
    let there = There::new().await;
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = Config { port: unused, ..there.config.clone() };
    said(refusal(&config).await, Kind::Unavailable, &["connecting to PostgreSQL at 127.0.0.1:", "refused"]);
    assert_eq!(Store::check(&config).await.len(), 1);
}

#[tokio::test]
async fn a_missing_database_or_role_comes_with_the_line_that_makes_it() {
    let there = There::new().await;
    let database = Config { database: "no such".into(), ..there.config.clone() };
    let remedy = format!("CREATE DATABASE \"no such\" OWNER \"{}\" ENCODING 'UTF8' TEMPLATE template0", there.config.user);
    said(refusal(&database).await, Kind::Broken, &[&remedy, "database \"no such\" does not exist"]);
    let role = Config { user: "nobody_here".into(), ..there.config.clone() };
    said(refusal(&role).await, Kind::Broken, &["CREATE ROLE \"nobody_here\" LOGIN PASSWORD '...'"]);
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let server = Postgres::shared().await;
    let database = server.database().await;
    let name = format!("{}_latin", database.name());
    rows(server.uri(), &format!("CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")).await;
    let config = Config { database: name.clone(), ..config(database.uri()) };
    let refused = refusal(&config).await;
    rows(server.uri(), &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    said(refused, Kind::Broken, &["LATIN1", "ENCODING 'UTF8' TEMPLATE template0"]);
}

#[tokio::test]
async fn a_role_that_may_not_make_tables_is_told_what_to_grant() {
    let database = Postgres::shared().await.database().await;
    let role = format!("{}_role", database.name());
    rows(database.uri(), &format!("CREATE ROLE {role} LOGIN")).await;
    let config = Config { user: role.clone(), ..config(database.uri()) };
    let refused = refusal(&config).await;
    let findings = Store::check(&config).await;
    rows(database.uri(), &format!("GRANT CREATE ON DATABASE {} TO {role}", database.name())).await;
    let opened = Store::open(&config).await.map(|_| ());
    rows(database.uri(), &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    let grant = format!("GRANT CREATE ON DATABASE \"{}\" TO \"{role}\"", database.name());
    said(refused, Kind::Broken, &[&grant, "permission denied for database"]);
    let permissions = findings.iter().find(|finding| finding.what == "permissions").unwrap();
    assert!(matches!(&permissions.verdict, Verdict::Bad { remedy, .. } if remedy.starts_with(&grant)), "{permissions:?}");
    opened.unwrap();
}

#[tokio::test]
async fn a_wrong_or_missing_password_is_said_and_never_shown() {
    let mut server = Postgres::start().await;
    let database = server.database().await;
    let (role, uri) = ("guarded", database.uri().to_owned());
    rows(&uri, &format!("CREATE ROLE {role} LOGIN PASSWORD 'right'; GRANT CREATE ON DATABASE {} TO {role}", database.name())).await;
    // The administrator keeps the way in that the server was made with.
    let rules = format!("host all {role} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n");
    let file = rows(&uri, "SHOW hba_file").await.remove(0);
    std::fs::write(&file, rules).unwrap();
    rows(&uri, "SELECT pg_reload_conf()").await;
    server.restart().await;
    let folder = tempfile::tempdir().unwrap();
    let secret = |text: &str| {
        let path = folder.path().join(text);
        std::fs::write(&path, text).unwrap();
        Some(Secret::File(path))
    };
    let without = Config { user: role.into(), ..config(&uri) };
    said(refusal(&without).await, Kind::Broken, &["the server asks for a password: set password"]);
    let wrong = refusal(&Config { password: secret("hunter2"), ..without.clone() }).await;
    assert!(!wrong.1.contains("hunter2"));
    said(wrong, Kind::Broken, &["check user and password", "password authentication failed for user \"guarded\""]);
    Store::open(&Config { password: secret("right"), ..without }).await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let there = There::new().await;
    let config = |tls| Config { tls: Some(tls), ..there.config.clone() };
    said(refusal(&config(Tls::Require)).await, Kind::Broken, &["the server must offer TLS"]);
    Store::open(&config(Tls::Prefer)).await.unwrap();
}

#[tokio::test]
async fn a_check_tells_each_thing() {
    let there = There::new().await;
    let findings = Store::check(&there.config).await;
    let text = |finding: &Finding| match &finding.verdict {
        Verdict::Good { detail: more } => format!("{}: {more}", finding.what),
        Verdict::Bad { problem, .. } => format!("{}: bad, {problem}", finding.what),
    };
    let texts: Vec<String> =
        findings.iter().filter(|finding| finding.what != "version" && finding.what != "durability").map(text).collect();
    let Config { host, port, user, .. } = &there.config;
    assert_eq!(
        texts,
        [
            format!("reachable: {host}:{port} as {user}"),
            "tls: not used".to_owned(),
            "permissions: the role may make tables in schema floodmark".to_owned(),
            "tables: version 5".to_owned(),
            "partitions: 0, and 0 events in event_default; TimescaleDB is not used".to_owned(),
        ]
    );
}
