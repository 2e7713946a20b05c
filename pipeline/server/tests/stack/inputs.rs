//! Rows X1 and X3: inputs that cannot become events, and frames that somebody puts on the log again.

use std::collections::BTreeSet;
use std::time::Duration;

use floodmark_schemas::Series;
use floodmark_tests::support::eventually::eventually;
use floodmark_tests::support::jetstream;
use floodmark_tests::support::ledger::{Ledger, Request, line};
use floodmark_tests::support::program::{client, free_port};
use floodmark_tests::support::rng::Rng;

use crate::servers::Own;
use crate::stack::{EVENTS, SOURCE, Settings, Stack, kills};

/// Of so many events one is poison.
const POISON_EVERY: u64 = 1_000;
const EVENT_BYTES_TOO_MANY: usize = 300 * 1024;

/// What a source cannot read.
fn poison(kind: usize, id: &str) -> String {
    let good = line(id, 1_577_836_800_000_000, &Series::new("load"), 1.0);
    match kind {
        0 => good[..good.len() - 3].to_owned(),
        1 => good.replace("floodmark.sample.v1", "floodmark.unknown.v1"),
        2 => good.replace("\"value\":1", "\"value\":NaN"),
        3 => good.replace("\"value\":1", "\"value\":\"much\""),
        _ => good.replace("load", &"x".repeat(EVENT_BYTES_TOO_MANY)),
    }
}

/// Sends the request until it is answered; says how many events were refused.
async fn send(port: u16, request: &Request) -> usize {
    let client = client();
    loop {
        let post = client.post(format!("http://127.0.0.1:{port}/v1/events")).header("Content-Type", "application/x-ndjson");
        let answer = post.header("Idempotency-Key", &request.key).body(request.body.clone()).send().await;
        let Ok(answer) = answer else { continue };
        let (status, text) = (answer.status().as_u16(), answer.text().await);
        match (status, text) {
            (503, _) | (_, Err(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            (200 | 400, Ok(text)) => {
                let answer: serde_json::Value = serde_json::from_str(&text).expect("answers are JSON");
                return answer["rejected"].as_array().map_or(0, Vec::len);
            }
            (status, Ok(text)) => panic!("{status}: {text}"),
        }
    }
}

/// The ids of dead letters of a source, and how many there are.
async fn dead_letters(stack: &Stack) -> (usize, BTreeSet<String>) {
    let question = "SELECT id FROM floodmark.dead_letter WHERE component = 'in'";
    let ids: Vec<String> = stack.ask(question).await.iter().map(|row| row.get(0)).collect();
    (ids.len(), ids.into_iter().collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_poison_is_set_aside_once_and_its_neighbours_are_stored() {
    let odd_port = free_port();
    let odd = format!("[sources.odd]\ntype = \"push\"\nlisten = \"127.0.0.1:{odd_port}\"\n");
    let mut stack = Stack::with("X1", Own::default(), &Settings { more: odd, ..Settings::default() }, Ledger::of(100..200)).await;
    stack.start().await;
    let mut refused = 0;
    let work = async |stack: &mut Stack| {
        let mut rng = Rng::of(stack.seed ^ 1);
        for round in 0..kills(2) {
            for kind in 0..5 {
                // The neighbours are in the same request; what is refused is in the middle.
                let mut request = stack.ledger.request(&mut rng).await;
                let bad = poison(kind, &format!("poison-{round}-{kind}"));
                let middle = request.body.match_indices('\n').nth(request.ids.len() / 2).map_or(0, |(at, _)| at + 1);
                request.body.insert_str(middle, &format!("{bad}\n"));
                refused += send(stack.port, &request).await;
                stack.ledger.acknowledge(&request).await;
            }
            // One request of one event of 8 MB less than the limit of a body.
            let id = format!("poison-{round}-large");
            let large = line(&id, 0, &Series::new("x".repeat(8_000_000)), 1.0);
            refused += send(stack.port, &Request { key: id, ids: Vec::new(), body: large }).await;
            // What is an event all the same, but not of the usual kind: it is stored.
            let far = line(&format!("far-{round}"), 253_402_300_799_000_000, &Series::new("far"), 1.0);
            let nul = line(&format!("nul-{round}"), 1_577_836_800_000_000, &Series::new("nul").label("a", "b\0c"), 1.0);
            let body = format!("{far}\n{nul}\n");
            assert_eq!(send(odd_port, &Request { key: format!("odd-{round}"), ids: Vec::new(), body }).await, 0);
            stack.kill().await;
            stack.start().await;
        }
        // Until one of so many is poison.
        let enough = POISON_EVERY * refused as u64;
        let program = stack.program();
        let many = async {
            while (stack.ledger.account().await.acknowledged.len() as u64) < enough.min(12_000) {
                stack.ledger.answered().await
            }
        };
        program.while_it_runs("many events", many).await;
    };
    stack.under_load(work).await;
    assert_eq!(refused as u64, 6 * kills(2));
    eventually("dead letters", || async { (dead_letters(&stack).await.0 >= refused).then_some(()) }).await;
    stack.settle().await;
    let (count, ids) = dead_letters(&stack).await;
    assert_eq!((count, ids.len()), (refused, refused), "{ids:?}");
    // What lies far ahead is stored; what PostgreSQL cannot hold the sink sets aside.
    let times = kills(2) as i64;
    for (id, places) in [("far", (times, 0)), ("nul", (0, times))] {
        let question = format!("SELECT count(*) FROM floodmark.event WHERE source = 'odd' AND id LIKE '{id}-%'");
        let set_aside = format!("SELECT count(*) FROM floodmark.dead_letter WHERE component <> 'in' AND original LIKE '%{id}-%'");
        assert_eq!((stack.number(&question).await, stack.number(&set_aside).await), places, "{id}");
    }
    println!("X1: {refused} refused and set aside once");
}

/// Publishes frames of the source again, as any NATS client can; says how many of them the server knew.
async fn publish_again(stack: &Stack, with_id: bool) -> (usize, usize) {
    let url = stack.servers.nats.url();
    let frames: Vec<_> =
        jetstream::entries(url, EVENTS).await.into_iter().filter(|e| e.subject.ends_with(SOURCE) && !e.body.is_empty()).collect();
    let context = async_nats::jetstream::new(async_nats::connect(url).await.expect("the server runs"));
    let (mut known, mut sent) = (0, 0);
    for entry in frames.iter().rev().take(50).rev() {
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in entry.headers.iter().filter(|(name, _)| !name.starts_with("Nats-") || with_id && *name == "Nats-Msg-Id") {
            headers.insert(name, value);
        }
        let publishing = context.publish_with_headers(entry.subject.clone(), headers, entry.body.clone()).await;
        let ack = publishing.expect("the server takes it").await.expect("the server stores it");
        known += usize::from(ack.duplicate);
        sent += 1;
    }
    (known, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_frames_that_are_published_again_change_nothing() {
    let mut stack = Stack::new("X3", Own::default(), &Settings::default()).await;
    stack.start().await;
    let work = async |stack: &mut Stack| {
        for _ in 0..kills(2) {
            stack.works_a_while().await;
            let (known, sent) = publish_again(stack, true).await;
            assert_eq!(known, sent, "within the window the server knows them");
            let (known, sent) = publish_again(stack, false).await;
            assert_eq!((known, sent > 0), (0, true));
            stack.works_a_while().await;
        }
    };
    stack.under_load(work).await;
    stack.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_frames_that_are_published_again_before_a_restart_change_nothing() {
    let mut stack = Stack::new("X3", Own::default(), &Settings::default()).await;
    let work = async |stack: &mut Stack| {
        for _ in 0..kills(2) {
            stack.start().await;
            stack.works_a_while().await;
            stack.kill().await;
            publish_again(stack, false).await;
        }
        stack.start().await;
    };
    stack.under_load(work).await;
    stack.settle().await;
}
