//! The servers that tests start: they answer real clients, keep what they stored over a kill, and leave nothing behind.
#![cfg(test)]

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use async_nats::jetstream;
use floodmark_tests::servers::{Mongo, Nats, Postgres, python};
use floodmark_tests::support::eventually::within;
use floodmark_tests::support::processes::still_there;
use mongodb::bson::{Document, doc};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

/// How long a server that is frozen is given to answer.
const SILENCE: Duration = Duration::from_millis(300);

async fn publish(nats: &Nats, body: &'static str) -> u64 {
    let client = async_nats::connect(nats.url()).await.unwrap();
    let context = jetstream::new(client);
    let config = jetstream::stream::Config { name: "S".into(), subjects: vec!["s.>".into()], ..Default::default() };
    context.get_or_create_stream(config).await.unwrap();
    context.publish("s.a", body.into()).await.unwrap().await.unwrap().sequence
}

async fn message(nats: &Nats, sequence: u64) -> String {
    let context = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let message = context.get_stream("S").await.unwrap().get_raw_message(sequence).await.unwrap();
    String::from_utf8(message.payload.to_vec()).unwrap()
}

/// A client whose connection is driven as long as the set lives.
async fn connect(uri: &str) -> (tokio_postgres::Client, JoinSet<()>) {
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.unwrap();
    let mut driving = JoinSet::new();
    driving.spawn(async { drop(connection.await) });
    (client, driving)
}

async fn number(uri: &str, sql: &str) -> i64 {
    let (client, _driving) = connect(uri).await;
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn nats_keeps_its_streams_over_a_kill_and_answers_on_the_same_port() {
    let mut nats = Nats::start().await;
    assert_eq!(publish(&nats, "one").await, 1);
    nats.kill().await;
    assert!(async_nats::connect(nats.url()).await.is_err());
    nats.restart().await;
    assert_eq!(publish(&nats, "two").await, 2);
    assert_eq!((message(&nats, 1).await, message(&nats, 2).await), ("one".to_owned(), "two".to_owned()));
    nats.stop().await;
    nats.restart().await;
    assert_eq!(message(&nats, 2).await, "two");
    assert!(nats.store_dir().join("jetstream").is_dir());
}

#[tokio::test]
async fn nats_takes_limits_and_users() {
    let config = "jetstream { max_file_store: 1MB }\nauthorization { users: [{ user: u, password: p }] }";
    let nats = Nats::with_config(config).await;
    assert!(async_nats::connect(nats.url()).await.is_err());
    let client = async_nats::ConnectOptions::with_user_and_password("u".into(), "p".into()).connect(nats.url()).await.unwrap();
    let config = jetstream::stream::Config { name: "S".into(), max_bytes: 2 << 20, ..Default::default() };
    let refused = jetstream::new(client).create_stream(config).await.unwrap_err();
    assert!(refused.to_string().contains("insufficient storage resources"), "{refused}");
}

#[tokio::test]
async fn a_frozen_nats_answers_when_it_is_thawed() {
    let mut nats = Nats::start().await;
    let context = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    nats.freeze().await;
    {
        let mut answer = std::pin::pin!(context.query_account());
        assert!(tokio::time::timeout(SILENCE, &mut answer).await.is_err());
        nats.thaw();
        within("the answer", answer).await.unwrap();
    }
}

#[tokio::test]
async fn postgres_gives_each_test_an_empty_database_and_removes_it() {
    let postgres = Postgres::shared().await;
    let (one, two) = (postgres.database().await, postgres.database().await);
    assert_ne!(one.uri(), two.uri());
    let (client, _driving) = connect(one.uri()).await;
    client.batch_execute("CREATE TABLE t (n bigint)").await.unwrap();
    assert_eq!(number(two.uri(), "SELECT count(*) FROM pg_tables WHERE tablename = 't'").await, 0);
    let named = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", one.name());
    assert_eq!(number(postgres.uri(), &named).await, 1);
    drop(one);
    assert_eq!(number(postgres.uri(), &named).await, 0);
}

#[tokio::test]
async fn postgres_keeps_what_it_committed_over_a_kill_with_open_connections() {
    let mut postgres = Postgres::start().await;
    let database = postgres.database().await;
    let (client, _driving) = connect(database.uri()).await;
    client.batch_execute("CREATE TABLE t (n bigint); INSERT INTO t VALUES (7)").await.unwrap();
    let before = postgres.process_ids();
    assert!(before.len() > 2, "the server has children: {before:?}");
    postgres.kill().await;
    assert_eq!(still_there(&before), Vec::<u32>::new());
    assert!(client.batch_execute("SELECT 1").await.is_err());
    postgres.restart().await;
    assert_eq!(number(database.uri(), "SELECT sum(n)::bigint FROM t").await, 7);
    postgres.stop().await;
    postgres.restart().await;
    assert_eq!(number(database.uri(), "SELECT sum(n)::bigint FROM t").await, 7);
}

#[tokio::test]
async fn a_frozen_postgres_answers_when_it_is_thawed() {
    let mut postgres = Postgres::start().await;
    let (client, _driving) = connect(postgres.uri()).await;
    postgres.freeze().await;
    {
        let mut answer = std::pin::pin!(client.batch_execute("SELECT 1"));
        assert!(tokio::time::timeout(SILENCE, &mut answer).await.is_err());
        postgres.thaw();
        within("the answer", answer).await.unwrap();
    }
    assert_eq!(number(postgres.uri(), "SELECT 1::bigint").await, 1);
}

#[tokio::test]
async fn mongodb_gives_each_test_an_empty_database_and_removes_it() {
    let mongo = Mongo::shared().await;
    let (one, two) = (mongo.database(), mongo.database());
    let client = mongodb::Client::with_uri_str(one.uri()).await.unwrap();
    let documents = client.database(one.name()).collection::<Document>("c");
    documents.insert_one(doc! { "_id": 1, "n": 7 }).await.unwrap();
    assert_eq!(documents.find_one(doc! {}).await.unwrap(), Some(doc! { "_id": 1, "n": 7 }));
    assert_eq!(client.database(two.name()).list_collection_names().await.unwrap(), Vec::<String>::new());
    drop(one);
    assert_eq!(documents.find_one(doc! {}).await.unwrap(), None);
}

#[tokio::test]
async fn mongodb_answers_again_after_a_kill() {
    let mut mongo = Mongo::start().await;
    let database = mongo.database();
    let client = mongodb::Client::with_uri_str(mongo.uri()).await.unwrap();
    let documents = client.database(database.name()).collection::<Document>("c");
    documents.insert_one(doc! { "_id": 1 }).await.unwrap();
    mongo.kill().await;
    mongo.restart().await;
    documents.insert_one(doc! { "_id": 2 }).await.unwrap();
    assert_eq!(documents.find_one(doc! { "_id": 2 }).await.unwrap(), Some(doc! { "_id": 2 }));
}

#[tokio::test]
async fn a_test_leaves_no_process_no_port_and_no_file() {
    let (mut nats, mut postgres, mongo) = (Nats::start().await, Postgres::start().await, Mongo::start().await);
    let folder = nats.store_dir().parent().unwrap().to_owned();
    let ports = [nats.port(), postgres.port()];
    let (_client, _driving) = connect(postgres.uri()).await;
    let ids = [nats.process_ids(), postgres.process_ids(), mongo.process_ids()].concat();
    assert!(ids.len() > 4, "{ids:?}");
    nats.freeze().await;
    postgres.freeze().await;
    drop((nats, postgres, mongo));
    assert_eq!(still_there(&ids), Vec::<u32>::new());
    assert!(!Path::new(&folder).exists());
    for port in ports {
        TcpListener::bind(("127.0.0.1", port)).unwrap();
    }
}

#[tokio::test]
async fn python_runs_with_the_clients_of_the_servers() {
    let nats = Nats::start().await;
    let script = "import asyncio, nats, pymongo, sys
async def main():
    client = await nats.connect(sys.argv[1])
    await client.jetstream().add_stream(name='S', subjects=['s.>'])
    print((await client.jetstream().publish('s.a', b'x')).seq)
    await client.close()
asyncio.run(main())";
    assert_eq!(python(script, &[nats.url()]).await, "1\n");
}
