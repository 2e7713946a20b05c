//! What people read when something does not fit.

use floodmark_connectors::findings::Verdict;
use floodmark_connectors::settings::{Secret, Span};
use floodmark_connectors::stores::mongodb::{Config, Store};
use floodmark_core::Kind;
use floodmark_tests::servers::{Mongo, Port};

use crate::support::{At, config};

/// What a check says: a line for each finding.
async fn check(config: &Config) -> Vec<String> {
    let line = |what: String, verdict| match verdict {
        Verdict::Good { detail: found } => format!("{what}: {found}"),
        Verdict::Bad { problem, remedy } => format!("{what}: PROBLEM {problem}; {remedy}"),
    };
    Store::check(config).await.into_iter().map(|finding| line(finding.what, finding.verdict)).collect()
}

#[tokio::test]
async fn a_server_that_is_not_there_is_to_be_tried_again() {
    let port = Port::free();
    let uri = format!("mongodb://127.0.0.1:{}", port.number());
    let config = Config { uri, connect_timeout: Span::millis(300), ..Config::default() };
    let error = Store::open(&config).await.err().expect("nobody listens");
    assert_eq!((error.kind(), error.to_string()), (Kind::Unavailable, format!("connecting to MongoDB at 127.0.0.1:{}", port.number())));
    let said = check(&config).await;
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with(&format!("server: PROBLEM connecting to MongoDB at 127.0.0.1:{}: ", port.number())), "{said:?}");
    assert!(said[0].ends_with("; start the server, or correct `uri`, `tls`, `user` and `password`"), "{said:?}");
}

#[tokio::test]
async fn a_user_whom_the_server_refuses_is_told_what_to_check() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("password");
    std::fs::write(&path, "wrong-password").unwrap();
    let database = Mongo::shared().await.database();
    let config = Config { user: Some("nobody".to_owned()), password: Some(Secret::File(path)), ..config(&database) };
    let error = Store::open(&config).await.err().expect("there is no such user");
    assert_eq!(error.kind(), Kind::Broken, "{}", error.chain());
    let text = error.to_string();
    let remedy =
        "as \"nobody\" of database \"admin\"; check `user`, `password` and `auth_database`, the database in which the user was made";
    assert!(text.starts_with("logging in to MongoDB at 127.0.0.1:") && text.ends_with(remedy), "{text}");
    assert!(!error.chain().contains("wrong-password"), "{}", error.chain());
}

#[tokio::test]
async fn a_check_of_a_good_server_says_what_it_found_and_leaves_nothing() {
    let database = Mongo::shared().await.database();
    let config = config(&database);
    let before = check(&config).await;
    assert_eq!(before[0], format!("server: {} answers", config.uri));
    assert_eq!(
        before[2..],
        [
            "TLS: not asked for".to_owned(),
            format!("writing: allowed in database {}", config.database),
            "indexes: `floodmark run` makes rollups.by_time, rollups.by_series, rollups.by_label, rollups.by_id, \
             scores.by_time, scores.by_series, scores.by_label, scores.by_id, scores.unusual, scores.of_episodes"
                .to_owned(),
            "retention: rollups and scores are kept for ever".to_owned(),
        ]
    );
    let at_server = At::new().await;
    let config = Config { ttl: Some("30d".parse().unwrap()), ..at_server.config.clone() };
    Store::open(&config).await.unwrap();
    let after = check(&config).await;
    let retention = "retention: rollups are deleted 30d after the end of their window, scores 30d after their time";
    assert_eq!(after[4..], ["indexes: all there", retention]);
    let left = at_server.client().await.collection::<mongodb::bson::Document>("rollups_position").count_documents(Default::default()).await;
    assert_eq!(left.unwrap(), 0);
}
