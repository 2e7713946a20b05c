//! Row O2: two processes share eight partitions; one is killed, one is frozen past its lease and wakes up again.

use std::collections::BTreeMap;
use std::time::Duration;

use floodmark_schemas::JobEntry;
use floodmark_tests::support::eventually::eventually;
use floodmark_tests::support::program::Program;
use floodmark_tests::support::{jetstream, processes, stored};
use tokio::time::Instant;

use crate::servers::Own;
use crate::stack::{LEASE, OPERATORS, OUTPUTS, Settings, Stack};

const PARTITIONS: u32 = 8;
/// A process that looks away for longer than its lease has lost it.
const FROZEN: Duration = Duration::from_secs(2 * LEASE.as_secs() + 1);

/// The newest epoch of each job.
async fn epochs(stack: &Stack) -> BTreeMap<String, u64> {
    let jobs = stored::jobs_of(jetstream::entries(stack.servers.nats.url(), OUTPUTS).await);
    let newest = |chain: &Vec<stored::Written>| chain.iter().map(|written| written.epoch).max().unwrap_or_default();
    jobs.iter().map(|(job, chain)| (job.clone(), newest(chain))).collect()
}

/// How many jobs were claimed since, and how long the last of `at_least` took.
async fn taken_over(stack: &Stack, before: &BTreeMap<String, u64>, at_least: usize) -> (usize, Duration) {
    let since = Instant::now();
    let claimed = eventually("a takeover", || async {
        let now = epochs(stack).await;
        let claimed = now.iter().filter(|(job, epoch)| before.get(*job).is_none_or(|before| *epoch > before)).count();
        (claimed >= at_least).then_some(claimed)
    });
    (claimed.await, since.elapsed())
}

/// How many jobs there are.
fn jobs() -> usize {
    OPERATORS.len() * PARTITIONS as usize
}

/// Runs a second process with the same configuration.
async fn another(stack: &Stack) -> Program {
    Program::started_when_possible(&stack.installation).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o2_two_processes_share_the_work_and_take_over_from_each_other() {
    let settings = Settings { partitions: PARTITIONS, ..Settings::default() };
    let mut stack = Stack::new("O2", Own::default(), &settings).await;
    stack.start().await;
    let work = async |stack: &mut Stack| {
        stack.works_a_while().await;
        eventually("claims", || async { (epochs(stack).await.len() >= jobs()).then_some(()) }).await;
        let alone = epochs(stack).await;
        let second = another(stack).await;
        let (shared, after) = taken_over(stack, &alone, jobs() / 2).await;
        println!("O2: {shared} of {} jobs moved to the second process within {after:?}", jobs());

        let before = epochs(stack).await;
        second.kill().await;
        stack.faults += 1;
        let (moved, after) = taken_over(stack, &before, jobs() / 2).await;
        println!("O2: after a kill {moved} jobs were taken over within {after:?}");

        let before = epochs(stack).await;
        let third = another(stack).await;
        taken_over(stack, &before, jobs() / 2).await;
        let before = epochs(stack).await;
        let first = stack.program().id();
        processes::signal("STOP", &[first]);
        stack.faults += 1;
        let frozen = Instant::now();
        let (moved, after) = taken_over(stack, &before, jobs() / 2).await;
        println!("O2: from a frozen process {moved} jobs were taken over within {after:?}");
        tokio::time::sleep(FROZEN.saturating_sub(frozen.elapsed())).await;
        processes::signal("CONT", &[first]);
        stack.ledger.answered().await;
        stack.ledger.answered().await;
        // What still runs from before must not stop what is taken anew, again and again.
        let ticks = stack.program().said().matches("runs here now unit=\"ticker.").count();
        assert!(ticks <= 20, "the ticks were taken {ticks} times:\n{}", stack.program().said());
        third.signal("TERM");
        let (code, said) = third.ends().await;
        assert_eq!(code, 0, "{said}");
    };
    stack.under_load(work).await;
    let claims = stored::jobs_of(jetstream::entries(stack.servers.nats.url(), OUTPUTS).await);
    let claims = claims.values().flatten().filter(|written| matches!(written.entry, JobEntry::Claim(_))).count();
    println!("O2: {claims} claims in all");
    stack.settle().await;
}
