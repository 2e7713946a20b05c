//! All at once: the servers and the program are killed and frozen at random moments, alone and together.

use std::time::Duration;

use floodmark_tests::support::program::Program;
use floodmark_tests::support::rng::Rng;
use tokio::time::{Instant, sleep_until};

use crate::servers::{Own, Servers};
use crate::stack::{Settings, Stack, kills};

/// How long a server stays down or frozen at most.
const DOWN: Duration = Duration::from_millis(1_500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Nats,
    NatsHangs,
    Postgres,
    Mongo,
    Program,
}

const VICTIMS: [Victim; 5] = [Victim::Nats, Victim::NatsHangs, Victim::Postgres, Victim::Mongo, Victim::Program];

impl Servers {
    async fn strike(&mut self, victim: Victim) {
        match victim {
            Victim::Nats => self.nats.kill().await,
            Victim::NatsHangs => self.nats.freeze().await,
            Victim::Postgres => self.postgres().kill().await,
            Victim::Mongo => self.mongo().kill().await,
            Victim::Program => {}
        }
    }

    async fn recover(&mut self, victim: Victim) {
        match victim {
            Victim::Nats => self.nats.restart().await,
            Victim::NatsHangs => self.nats.thaw(),
            Victim::Postgres => self.postgres().restart().await,
            Victim::Mongo => self.mongo().restart().await,
            Victim::Program => {}
        }
    }
}

/// One or several, each at most once, and not NATS in two ways.
fn victims(rng: &mut Rng) -> Vec<Victim> {
    let chance = if rng.pick(0..3) == 0 { 2 } else { 5 };
    let mut victims: Vec<Victim> = VICTIMS.into_iter().filter(|_| rng.pick(0..chance) == 0).collect();
    if victims.contains(&Victim::Nats) {
        victims.retain(|victim| *victim != Victim::NatsHangs);
    }
    if victims.is_empty() {
        victims.push(VICTIMS[rng.pick(0..VICTIMS.len() as u64) as usize]);
    }
    victims
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_fails_and_nothing_is_lost() {
    let mut stack = Stack::new("all", Own { postgres: true, mongo: true }, &Settings::default()).await;
    stack.start().await;
    let work = async |stack: &mut Stack| {
        for _ in 0..kills(6) {
            stack.works_a_while().await;
            let victims = victims(&mut stack.rng);
            for victim in &victims {
                stack.servers.strike(*victim).await;
                stack.moment(Duration::from_millis(50)).await;
                if *victim == Victim::Program {
                    stack.kill().await;
                } else {
                    stack.faults += 1;
                }
            }
            let down: Vec<_> = victims.iter().map(|_| stack.rng.pick(0..DOWN.as_micros() as u64)).collect();
            let Stack { servers, installation, program, .. } = stack;
            let recovering = async {
                for (victim, down) in victims.iter().zip(down) {
                    sleep_until(Instant::now() + Duration::from_micros(down)).await;
                    servers.recover(*victim).await;
                }
            };
            let starting = async {
                match program.take() {
                    Some(program) => program,
                    // It may come to run before the servers do, or not.
                    None => Program::started_when_possible(installation).await,
                }
            };
            let ((), started) = tokio::join!(recovering, starting);
            *program = Some(started);
        }
    };
    stack.under_load(work).await;
    stack.settle().await;
}
