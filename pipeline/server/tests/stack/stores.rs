//! Rows P1, P2, M1, S1: the stores die, the program dies while it writes to them, they are slow or out of reach.

use std::time::Duration;

use floodmark_tests::support::eventually::eventually;
use floodmark_tests::support::jetstream;
use floodmark_tests::support::ledger::Ledger;
use floodmark_tests::support::proxy::{Proxy, Way};
use tokio_postgres::NoTls;

use crate::servers::Own;
use crate::stack::{EVENTS, Settings, Stack, kills};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_a_postgres_that_is_killed_has_each_event_once() {
    let mut stack = Stack::new("P1", Own { postgres: true, ..Own::default() }, &Settings::default()).await;
    stack.start().await;
    let work = async |stack: &mut Stack| {
        for _ in 0..kills(3) {
            stack.works_a_while().await;
            stack.servers.postgres().kill().await;
            stack.faults += 1;
            stack.moment(Duration::from_millis(300)).await;
            stack.servers.postgres().restart().await;
        }
    };
    stack.under_load(work).await;
    stack.settle().await;
}

/// Waits until a statement that copies raw events is under way.
async fn copies(stack: &Stack) {
    let (client, connection) = tokio_postgres::connect(stack.servers.database.uri(), NoTls).await.expect("PostgreSQL runs");
    let question = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY%'";
    let looking = async {
        loop {
            let found: i64 = client.query_one(question, &[]).await.expect("PostgreSQL answers").get(0);
            if found > 0 {
                return;
            }
        }
    };
    let coming = async {
        tokio::select! {
            () = looking => {}
            ended = connection => panic!("PostgreSQL has ended the connection: {ended:?}"),
        }
    };
    stack.program().while_it_runs("a COPY", coming).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_a_program_that_is_killed_while_it_copies_writes_each_event_once() {
    let mut stack = Stack::with("P2", Own::default(), &Settings::default(), Ledger::of(200..600)).await;
    let work = async |stack: &mut Stack| {
        for _ in 0..kills(3) {
            stack.start().await;
            stack.acknowledges().await;
            copies(stack).await;
            stack.kill().await;
        }
        stack.start().await;
    };
    stack.under_load(work).await;
    stack.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_a_mongodb_that_is_killed_has_each_window_once() {
    let mut stack = Stack::new("M1", Own { mongo: true, ..Own::default() }, &Settings::default()).await;
    stack.start().await;
    let work = async |stack: &mut Stack| {
        for _ in 0..kills(2) {
            stack.works_a_while().await;
            stack.servers.mongo().kill().await;
            stack.faults += 1;
            stack.moment(Duration::from_millis(300)).await;
            stack.servers.mongo().restart().await;
        }
    };
    stack.under_load(work).await;
    stack.settle().await;
}

/// How far raw events are behind the log.
async fn lag(stack: &Stack) -> i64 {
    jetstream::tail(stack.servers.nats.url(), EVENTS).await as i64 - stack.raw_position().await
}

async fn lag_is(stack: &Stack, entries: i64) {
    eventually("a lag", || async { (lag(stack).await >= entries).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_a_slow_and_then_unreachable_postgres_delays_nobody_else() {
    let mut stack = Stack::new("S1", Own::default(), &Settings::default()).await;
    let database: tokio_postgres::Config = stack.servers.database.uri().parse().expect("it is an address of PostgreSQL");
    let proxy = Proxy::to(database.get_ports()[0]).await;
    stack.configure(&Settings { postgres_port: Some(proxy.port()), ..Settings::default() });
    stack.start().await;
    let work = async |stack: &mut Stack| {
        stack.acknowledges().await;
        for (way, entries) in [(Way::Narrow(2_000), 150), (Way::Cut, 300)] {
            let before = stack.windows().await;
            proxy.set(way);
            stack.faults += 1;
            lag_is(stack, entries).await;
            // Rollups go on meanwhile.
            eventually("more windows", || async { (stack.windows().await > before).then_some(()) }).await;
            assert!(lag(stack).await >= entries, "PostgreSQL is behind all the while");
        }
        println!("S1: {} entries behind", lag(stack).await);
        proxy.set(Way::Open);
    };
    stack.under_load(work).await;
    stack.settle().await;
}
