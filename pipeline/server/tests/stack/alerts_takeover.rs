//! Row A4: two processes, and the one that tells of very many alerts dies meanwhile. `FLOODMARK_TEST_ALERTS` says how many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use floodmark_tests::servers::Receiver;
use floodmark_tests::support::eventually::eventually;
use floodmark_tests::support::program::Program;
use tokio::time::{Instant, timeout};

use crate::alerts::AT_ONCE;
use crate::hosts::{Hosts, RULES};
use crate::servers::Own;
use crate::stack::{LEASE, Settings, Stack, kills};
use crate::told::{Book, sender};

/// How many alerts there are at least for each death, or all would be told before it.
const ALERTS_PER_DEATH: u64 = 200;

/// How long it may take until something more is told.
const SILENCE: Duration = Duration::from_secs(50);

fn alerts() -> u64 {
    std::env::var("FLOODMARK_TEST_ALERTS").map_or(1_000, |text| text.parse().expect("FLOODMARK_TEST_ALERTS is a number"))
}

/// The process with this number tells it in the path of each request.
fn settings(hook: &Receiver, n: usize) -> Settings {
    // Of very many alerts a build for tests is as slow as a busy machine: it has the lease that is the default.
    let lease = if alerts() > 1_000 { Duration::from_secs(10) } else { LEASE };
    let more = format!("[receivers.out]\ntype = \"webhook\"\nurl = {:?}\n{RULES}", hook.url(&format!("/{n}")));
    Settings { lease, operators: false, more, ..Settings::default() }
}

async fn start(stack: &Stack, hook: &Receiver, n: usize) -> Program {
    stack.configure(&settings(hook, n));
    Program::started_when_possible(&stack.installation).await
}

/// The process that sent the newest request.
fn teller(hook: &Receiver) -> Option<usize> {
    hook.newest().as_ref().and_then(sender)
}

/// Those that run, by their numbers.
#[derive(Default)]
struct Programs(Mutex<BTreeMap<usize, Program>>);

impl Programs {
    fn running(&self) -> MutexGuard<'_, BTreeMap<usize, Program>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Panics
    /// When nothing more was told for a while: with what they have said.
    async fn fall_silent(&self, hosts: &Hosts) {
        while timeout(SILENCE, hosts.have_told(hosts.told() + 1)).await.is_ok() {}
        let said: Vec<String> = self.running().iter().map(|(n, program)| format!("process {n}:\n{}", program.said())).collect();
        panic!("{} were told, and for {SILENCE:?} none more:\n{}", hosts.told(), said.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_when_the_process_dies_that_tells_of_many_alerts_another_one_goes_on() {
    let hook = Receiver::start(None).await;
    let mut stack = Stack::new("A4", Own::default(), &settings(&hook, 0)).await;
    let (alerts, port, hosts, mut book) = (alerts(), stack.port, Hosts::default(), Book::default());
    let deaths = kills(2).min(alerts / ALERTS_PER_DEATH);
    let programs = Programs::default();
    let (mut killed, mut pauses): (BTreeSet<usize>, Vec<Duration>) = Default::default();
    let dying = async {
        for n in 0..2 {
            let program = start(&stack, &hook, n).await;
            programs.running().insert(n, program);
        }
        let killing = async {
            for n in 0..deaths {
                let share = alerts / (deaths + 1);
                hosts.have_told((n * share + stack.rng.pick(1..share)) as usize).await;
                let owner = teller(&hook).expect("something was told");
                let program = programs.running().remove(&owner);
                let program = program.unwrap_or_else(|| panic!("{owner} tells, and was killed before"));
                program.kill().await;
                killed.insert(owner);
                assert!(hosts.told() < alerts as usize, "it was killed while it told");
                let since = Instant::now();
                eventually("another process that tells", || async { (teller(&hook)? != owner).then_some(()) }).await;
                pauses.push(since.elapsed());
                let next = n as usize + 2;
                let program = start(&stack, &hook, next).await;
                programs.running().insert(next, program);
            }
        };
        tokio::join!(hosts.burst(alerts, port), killing);
        hosts.have_told(alerts as usize).await;
    };
    tokio::select! {
        never = book.of_webhook(&hook, &hosts) => match never {},
        () = dying => {}
        () = programs.fall_silent(&hosts) => {}
    }
    let left = std::mem::take(&mut *programs.running());
    for program in left.into_values() {
        program.signal("TERM");
        let (code, said) = program.ends().await;
        assert_eq!(code, 0, "{said}");
    }
    book.requests_until_now(&hook, &hosts);
    let (_, resent) = book.judge(&hosts.due(), &format!("A4 seed {}: {deaths} kills of the owner", stack.seed));
    let (of_killed, of_others): (Vec<_>, Vec<_>) = resent.into_iter().partition(|((before, _), _)| killed.contains(before));
    // Who gives the work up in order, because another process has come, may leave some to be sent again too.
    println!("A4: another process went on after {pauses:?}; of those killed came again {of_killed:?}, of others {of_others:?}");
    assert!(of_killed.iter().all(|(_, again)| *again <= AT_ONCE), "more came again than were under way: {of_killed:?}");
    assert_eq!(stack.number("SELECT count(*) FROM floodmark.notification WHERE state = 'waiting'").await, 0, "nothing waits");
}
