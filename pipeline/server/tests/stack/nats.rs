//! Rows N1, N2, N3, N10: the NATS server dies, hangs, forgets its readers, is full.

use std::path::Path;
use std::time::Duration;

use floodmark_tests::support::ledger::Ledger;

use crate::servers::Own;
use crate::stack::{Settings, Stack, kills};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n1_a_nats_server_that_is_killed_loses_nothing() {
    let mut stack = Stack::new("N1", Own::default(), &Settings::default()).await;
    stack.start().await;
    let work = async |stack: &mut Stack| {
        for _ in 0..kills(4) {
            stack.works_a_while().await;
            stack.servers.nats.kill().await;
            stack.faults += 1;
            stack.moment(Duration::from_millis(300)).await;
            stack.servers.nats.restart().await;
        }
    };
    stack.under_load(work).await;
    stack.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n2_a_nats_server_that_hangs_loses_nothing() {
    let mut stack = Stack::new("N2", Own::default(), &Settings::default()).await;
    stack.start().await;
    let hangs = kills(2);
    let work = async |stack: &mut Stack| {
        for n in 0..hangs {
            stack.works_a_while().await;
            stack.servers.nats.freeze().await;
            stack.faults += 1;
            // One short of the time limit of a request, others beyond it.
            let at_most = if hangs > 2 { 9 } else { 4 * n };
            tokio::time::sleep(Duration::from_secs(1)).await;
            stack.moment(Duration::from_secs(at_most) + Duration::from_millis(1)).await;
            stack.servers.nats.thaw();
        }
    };
    stack.under_load(work).await;
    stack.settle().await;
}

/// Removes every directory of this name under `folder`.
fn remove(folder: &Path, name: &str) -> usize {
    let folders = std::fs::read_dir(folder).expect("it is a directory").flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    let removed = folders.map(|path| match path.file_name().is_some_and(|found| found == name) {
        true => std::fs::remove_dir_all(&path).map(|()| 1).expect("the server has stopped"),
        false => remove(&path, name),
    });
    removed.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n3_a_nats_server_that_forgets_its_readers_loses_nothing() {
    let mut stack = Stack::new("N3", Own::default(), &Settings::default()).await;
    stack.start().await;
    let work = async |stack: &mut Stack| {
        for _ in 0..kills(2) {
            stack.works_a_while().await;
            stack.servers.nats.stop().await;
            stack.faults += 1;
            let removed = remove(&stack.servers.nats.store_dir(), "obs");
            assert!(removed >= 2, "both streams have a directory of consumers");
            stack.servers.nats.restart().await;
        }
    };
    stack.under_load(work).await;
    stack.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n10_a_stream_that_is_full_makes_sources_wait_until_it_is_larger() {
    let small = Settings { log: "retention_size = \"1MiB\"\nsize_max = \"1MiB\"".to_owned(), ..Settings::default() };
    let mut stack = Stack::with("N10", Own::default(), &small, Ledger::of(100..200)).await;
    stack.start().await;
    let work = async |stack: &mut Stack| {
        let program = stack.program();
        program.while_it_runs("a full stream", program.says("raise `size_max`", 1)).await;
        stack.faults += 1;
        let account = stack.ledger.account().await;
        assert!(account.acknowledged.len() < account.sent.len(), "the last request waits");
        stack.configure(&Settings::default());
        let (code, said) = stack.installation.start(&["streams", "apply"]).ends().await;
        assert_eq!(code, 0, "{said}");
    };
    stack.under_load(work).await;
    stack.settle().await;
}
