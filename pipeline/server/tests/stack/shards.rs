//! Row O4: two processes share a list of targets in four shards; one is killed, and the other one looks at all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use floodmark_connectors::sources::probe::shards::shard_of;
use floodmark_schemas::{Payload, Reason};
use floodmark_tests::servers::Nats;
use floodmark_tests::support::eventually::eventually;
use floodmark_tests::support::program::{Api, Installation, Program};
use floodmark_tests::support::{jetstream, stored};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stack::{EVENTS, LEASE};

const TARGETS: usize = 24;
const SHARDS: u32 = 4;
const EVERY_US: i64 = 1_000_000;

/// Accepts and hangs up, for ever.
async fn accept(listener: TcpListener) {
    while listener.accept().await.is_ok() {}
}

fn config(nats: &Nats, port: u16) -> String {
    let mut text = format!(
        "partitions = 2\n[api]\nlisten = \"127.0.0.1:0\"\n[log]\ntype = \"jetstream\"\nservers = [\"{}\"]\nlease = \"{}s\"\nretention_size = \"64MiB\"\n\
         [sources.ports]\ntype = \"tcp_probe\"\nshards = {SHARDS}\nevery = \"1s\"\ntimeout = \"900ms\"\ntargets = [\n",
        nats.url(),
        LEASE.as_secs()
    );
    for n in 0..TARGETS {
        writeln!(text, "  {{ address = \"127.0.0.1:{port}\", name = \"t{n}\" }},").expect("a string takes everything");
    }
    text + "]\n"
}

/// Waits until so many shards run in the process with this API.
async fn runs(api: &Api, shards: u32) {
    let wanted = json!({ "running": shards, "of": SHARDS });
    api.item("/api/v1/sources", |source| source["id"] == "ports" && source["shards"] == wanted).await;
}

/// One check of a target: its shard, who wrote it, when it was scheduled, and whether ones before it were missed.
struct Look {
    shard: u32,
    epoch: u64,
    id: String,
    scheduled: i64,
    missed: u32,
}

/// The checks of each target, in the order of the log.
async fn looks(nats: &Nats) -> BTreeMap<String, Vec<Look>> {
    let mut looks: BTreeMap<String, Vec<Look>> = BTreeMap::new();
    for frame in stored::frames_of(jetstream::entries(nats.url(), EVENTS).await, "ports") {
        let shard = frame.header.shard.expect("the source is split");
        for event in frame.events {
            let Payload::Check(check) = event.payload else { panic!("a probe makes checks") };
            let (target, scheduled) = event.id.split_once('@').expect("an id says when the check was scheduled");
            assert_eq!((target, shard), (check.target.as_str(), shard_of(target, SHARDS)));
            let scheduled = scheduled.trim_end_matches("#missed").parse().expect("it is a time");
            let missed = if check.reason == Some(Reason::Missed) { check.attempt } else { 0 };
            let look = Look { shard, epoch: frame.header.epoch, id: event.id.clone(), scheduled, missed };
            looks.entry(target.to_owned()).or_default().push(look);
        }
    }
    looks
}

/// Waits until every target was looked at twice more, by whoever has its shard.
async fn all_go_on(nats: &Nats) {
    let before: BTreeMap<String, usize> = looks(nats).await.into_iter().map(|(target, looks)| (target, looks.len())).collect();
    let more = |target: &str, now: usize| now >= before.get(target).copied().unwrap_or_default() + 2;
    eventually("two more checks of each target", || async {
        let now = looks(nats).await;
        (now.len() == TARGETS && now.iter().all(|(target, looks)| more(target, looks.len()))).then_some(())
    })
    .await;
}

/// No scheduled check is there twice, none is of an owner that was replaced, and no owner leaves one out without saying so.
fn assert_sound(looks: &BTreeMap<String, Vec<Look>>) {
    for (target, looks) in looks {
        let ids: BTreeSet<&str> = looks.iter().map(|look| look.id.as_str()).collect();
        assert_eq!(ids.len(), looks.len(), "{target} was looked at twice for one schedule");
        assert!(looks.is_sorted_by_key(|look| look.epoch), "{target}: a replaced owner still wrote");
        for of_owner in looks.chunk_by(|a, b| a.epoch == b.epoch) {
            // The first check of an owner is at once; its grid begins with the second.
            let done: Vec<&Look> = of_owner.iter().filter(|look| look.missed == 0).skip(1).collect();
            for pair in done.windows(2) {
                let unused = looks.iter().find(|look| look.missed > 0 && look.scheduled == pair[1].scheduled).map_or(0, |look| look.missed);
                let steps = (pair[1].scheduled - pair[0].scheduled) / EVERY_US;
                assert_eq!(steps, 1 + i64::from(unused), "{target}: from {} to {}", pair[0].id, pair[1].id);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o4_the_shards_of_a_killed_process_are_taken_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let mut accepting = JoinSet::new();
    accepting.spawn(accept(listener));
    let nats = Nats::start().await;
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    installation.write("floodmark.toml", config(&nats, port));

    let first = Program::started_when_possible(&installation).await;
    let api = first.ready(1).await;
    runs(&api, SHARDS).await;
    let second = Program::started_when_possible(&installation).await;
    let other = second.ready(1).await;
    runs(&api, SHARDS / 2).await;
    runs(&other, SHARDS / 2).await;
    all_go_on(&nats).await;

    let tail = jetstream::tail(nats.url(), EVENTS).await;
    second.kill().await;
    let killed = Instant::now();
    runs(&api, SHARDS).await;
    println!("O4: {} shards were taken over within {:?} of a kill (lease {LEASE:?})", SHARDS / 2, killed.elapsed());
    all_go_on(&nats).await;
    first.signal("TERM");
    let (code, said) = first.ends().await;
    assert_eq!(code, 0, "{said}");

    let looks = looks(&nats).await;
    let owners: BTreeMap<u32, BTreeSet<u64>> = looks.values().flatten().fold(BTreeMap::new(), |mut owners, look| {
        owners.entry(look.shard).or_default().insert(look.epoch);
        owners
    });
    let later = jetstream::entries(nats.url(), EVENTS).await.into_iter().filter(|entry| entry.position.0 > tail);
    println!("O4: {} checks, owners by shard {owners:?}, {} entries after the kill", looks.values().flatten().count(), later.count());
    assert_eq!(owners.len(), SHARDS as usize);
    assert!(owners.values().filter(|epochs| epochs.len() > 1).count() >= SHARDS as usize / 2, "two shards went there and back");
    assert_sound(&looks);
}
