//! kill -9 of the program at random moments while it takes events: what was acknowledged is there once, and every window
//! comes out as if nothing had happened.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use floodmark_tests::oracle::{self, Rules, books};
use floodmark_tests::support::ledger::{Account, DISORDER_US, Ledger};
use floodmark_tests::support::program::{Installation, Program, free_port};
use floodmark_tests::support::rng::Rng;
use floodmark_tests::support::stored;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

const KILLS: usize = 50;
const CLIENTS: u64 = 2;
/// The longest from the start of the process, or from its first answer, to the kill.
const UNTIL_KILL: Duration = Duration::from_millis(700);
const OPERATORS: [(&str, Rules); 2] = [
    ("seconds", Rules { size_us: 1_000_000, lateness_us: 2_000_000, disorder_us: DISORDER_US }),
    ("tens", Rules { size_us: 10_000_000, lateness_us: 0, disorder_us: DISORDER_US }),
];

fn config(port: u16) -> String {
    let mut text = format!(
        "partitions = 2\n[api]\nlisten = \"127.0.0.1:0\"\n[sources.in]\ntype = \"push\"\nlisten = \"127.0.0.1:{port}\"\ndisorder = \"{}ms\"\n",
        DISORDER_US / 1_000
    );
    for (id, rules) in OPERATORS {
        let aggregates = r#"["count", "sum", "mean", "min", "max", "stddev", "first", "last"]"#;
        let (size, lateness) = (rules.size_us / 1_000, rules.lateness_us / 1_000);
        // Long enough that no start of the program takes so long: silence closes windows, and the oracle knows no log time.
        let part = format!(
            "type = \"tumbling\"\nidle_timeout = \"1h\"\nsize = \"{size}ms\"\nallowed_lateness = \"{lateness}ms\"\naggregates = {aggregates}\n"
        );
        write!(text, "[operators.{id}]\n{part}").unwrap();
    }
    text
}

/// Lets the program live for a while and kills it: at its start, at work, or while it drains.
async fn live_and_die(program: Program, ledger: &Ledger, rng: &mut Rng) {
    let moment = |rng: &mut Rng, at_most: Duration| Duration::from_micros(rng.pick(0..at_most.as_micros() as u64));
    match rng.pick(0..5) {
        0 => sleep_until(Instant::now() + moment(rng, UNTIL_KILL)).await,
        1 => {
            ledger.answered().await;
            sleep_until(Instant::now() + moment(rng, UNTIL_KILL)).await;
            program.signal("TERM");
            sleep_until(Instant::now() + moment(rng, UNTIL_KILL / 20)).await;
            return program.kill_or_end().await;
        }
        _ => {
            ledger.answered().await;
            sleep_until(Instant::now() + moment(rng, UNTIL_KILL)).await;
        }
    }
    program.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_lose_nothing_double_nothing_and_change_no_window() {
    let (mut rng, seed) = Rng::from_env();
    println!("FLOODMARK_SEED={seed}");
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    let (port, ledger, last) = (free_port(), Ledger::default(), watch::Sender::new(false));
    installation.write("floodmark.toml", config(port));

    let clients = (0..CLIENTS).map(|n| ledger.client(Rng::of(seed.wrapping_add(n)), port, last.subscribe()));
    let killing = async {
        for _ in 0..KILLS {
            live_and_die(installation.run(), &ledger, &mut rng).await;
        }
        let program = installation.run();
        ledger.answered().await;
        last.send_replace(true);
        program
    };
    let (program, _) = tokio::join!(killing, futures_util::future::join_all(clients));
    program.signal("TERM");
    let (code, said) = program.ends().await;
    assert_eq!(code, 0, "{said}");

    let account = ledger.account().await;
    let violations = violations(&installation, &account).await;
    let Account { sent, acknowledged, repeated, duplicates } = &account;
    println!(
        "{KILLS} kills, {} events sent, {} acknowledged, {repeated} requests repeated, {duplicates} of them were stored before",
        sent.len(),
        acknowledged.len()
    );
    println!("{} violations", violations.len());
    oracle::none(&violations);
}

async fn violations(installation: &Installation, account: &Account) -> Vec<String> {
    let frames = stored::frames(&installation.data("events.db"), "in").await;
    let mut violations = books::raw(&frames, account);
    let jobs = stored::jobs(&installation.data("outputs.db")).await;
    for (job, chain) in &jobs {
        violations.extend(oracle::gaps_in(job, chain));
    }
    let (written, store): (Vec<&stored::Written>, _) = (jobs.values().flatten().collect(), installation.data("store.db"));
    for (operator, rules) in OPERATORS {
        let expected = books::operator(operator, rules, &frames, &written);
        let revised = expected.rollups.values().filter(|rollup| rollup.revision > 0).count();
        println!("{operator}: {} windows, {revised} of them revised, {} late events", expected.rollups.len(), expected.late.len());
        assert!(!expected.rollups.is_empty() && !expected.late.is_empty(), "there is something to compare");
        let late: BTreeSet<_> = stored::late(&store, operator).into_iter().collect();
        let unlike = expected.late.symmetric_difference(&late);
        violations.extend(unlike.map(|place| format!("{operator}: late in one of oracle and store: {place:?}")));
        violations.extend(oracle::differences(&stored::rollups(&store, operator), &expected.rollups));
        violations.extend(expected.violations);
    }
    violations
}
