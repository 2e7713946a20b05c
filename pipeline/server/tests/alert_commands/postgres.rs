//! The same commands on PostgreSQL.

use std::sync::Arc;

use floodmark_connectors::stores::postgres::{self, Config, Store};
use floodmark_tests::servers::Postgres;

use crate::world::{CONFIG, World, after_noon, fill, run};

#[tokio::test]
async fn every_question_has_the_same_answer_from_postgres() {
    let database = Postgres::shared().await.database().await;
    let parsed: tokio_postgres::Config = database.uri().parse().unwrap();
    let tokio_postgres::config::Host::Tcp(host) = &parsed.get_hosts()[0] else { panic!("it listens on TCP") };
    let (port, name, user) = (parsed.get_ports()[0], parsed.get_dbname().unwrap(), parsed.get_user().unwrap());
    let settings = Config { host: host.clone(), port, database: name.to_owned(), user: user.to_owned(), ..Config::default() };
    let store = Store::open(&settings).await.unwrap();
    let mut owner = fill(Arc::new(postgres::Alerts::new(store))).await;
    let directory = tempfile::tempdir().unwrap();
    let sink =
        format!("{CONFIG}[sinks.raw]\ntype = \"postgres\"\nhost = \"{host}\"\nport = {port}\ndatabase = \"{name}\"\nuser = \"{user}\"\n");
    std::fs::write(directory.path().join("floodmark.toml"), sink).unwrap();
    let mut embedded = World::new().await;
    let disk = embedded.incident("disk_full on db-1").await;
    let ack = ["alerts", "ack", &disk[..8], "--note", "on it"];
    let silence = ["alerts", "silence", "rule=disk_full", "--until", "2099-01-01T00:00:00Z", "--comment", "known"];
    let mut silences = Vec::new();
    for args in [&ack[..], &silence] {
        let at = after_noon(60);
        let (expected, answer) = (embedded.asked(at, args).await, owner.serve(at, run(directory.path(), args)).await);
        assert_eq!((answer.0, answer.1.split_once(' ').unwrap().1), (0, expected.1.split_once(' ').unwrap().1), "{answer:?}");
        silences = [expected, answer].map(|answer| answer.1[..8].to_owned()).into();
    }
    // The id of a silence depends on when it was asked for.
    let silent = |silence: &str, (code, text, said): (i32, String, String)| {
        let words = text.split_inclusive([' ', '"', ',']).map(|word| if word.starts_with(silence) { "S" } else { word });
        (code, words.collect::<String>(), said)
    };
    for args in [
        &["alerts", "ls", "--severity", "error", "--format", "json"][..],
        &["alerts", "ls", "--alerts", "--all", "--rule", "certificate", "-l", "team=db"],
        &["alerts", "show", &disk, "-n", "3"],
        &["alerts", "show", "d15c0001", "--format", "json"],
        &["alerts", "show", "d15c"],
        &["alerts", "mute-preview", "rule=web_down", "--at", "2026-01-31T12:00:00Z"],
    ] {
        let expected = silent(&silences[0], embedded.run(args).await);
        assert_eq!(silent(&silences[1], run(directory.path(), args).await), expected, "{args:?}");
    }
    let silences = run(directory.path(), &["alerts", "silences"]).await;
    assert_eq!((silences.0, silences.1.lines().count()), (0, 3), "{silences:?}");
}
