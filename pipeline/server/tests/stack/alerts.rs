//! Row A3: the program dies between sending a notification and noting that it was sent, or anywhere else on the way from an
//! event to a receiver.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::stores::embedded;
use floodmark_core::ports::AlertStore;
use floodmark_tests::servers::receiver::Turn;
use floodmark_tests::servers::{Receiver, python};
use floodmark_tests::support::eventually::within;
use floodmark_tests::support::program::{Installation, Program, free_port};
use floodmark_tests::support::rng::Rng;
use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::hosts::{Hosts, RULES};
use crate::servers::Own;
use crate::stack::{SOURCE, Settings, Stack, kills};
use crate::told::Book;

const HOSTS: u64 = 12;
const SECRET: &str = "known to both sides";
/// The longest from something that was told to the kill.
const UNTIL_KILL: Duration = Duration::from_millis(1_200);
/// How many notifications go out at once to one receiver, and may come again after a kill.
pub const AT_ONCE: usize = 8;

/// Hosts flip while processes die, and until something was told after that.
async fn under_alerts<T>(hosts: &Hosts, port: u16, listening: impl Future<Output = Infallible>, dying: impl Future<Output = T>) -> T {
    let last = watch::Sender::new(false);
    let flipping = join_all((0..HOSTS).map(|n| hosts.flips(n, port, last.subscribe())));
    let dying = async {
        let left = dying.await;
        hosts.tell_more().await;
        last.send_replace(true);
        left
    };
    tokio::select! {
        never = listening => match never {},
        (left, _) = async { tokio::join!(dying, flipping) } => left,
    }
}

struct Alone {
    installation: Installation,
    hook: Arc<Receiver>,
    hosts: Arc<Hosts>,
    port: u16,
    rng: Rng,
}

impl Alone {
    /// Starts the process with this number.
    fn start(&self, n: u64) -> Program {
        let (port, url, secret) = (self.port, self.hook.url(&format!("/{n}")), self.installation.path().join("secret"));
        let text = format!(
            "[api]\nlisten = \"127.0.0.1:0\"\n[sources.{SOURCE}]\ntype = \"push\"\nlisten = \"127.0.0.1:{port}\"\n\
             [receivers.out]\ntype = \"webhook\"\nurl = {url:?}\nsecret = {{ file = {secret:?} }}\n{RULES}"
        );
        self.installation.write("floodmark.toml", text);
        self.installation.run()
    }

    async fn lives_and_dies(&mut self, n: u64) {
        let program = self.start(n);
        // At least once the receiver has what the sender does not know that it has.
        match if n == 0 { 0 } else { self.rng.pick(0..5) } {
            0 => {
                self.hook.plan([Turn::TakeAndHang]);
                program.while_it_runs("a request", self.hook.has_done_its_turns()).await;
            }
            1 => moment(&mut self.rng, UNTIL_KILL).await,
            _ => {
                program.while_it_runs("a notification", self.hosts.tell_more()).await;
                moment(&mut self.rng, UNTIL_KILL).await;
            }
        }
        program.kill().await;
    }
}

async fn moment(rng: &mut Rng, at_most: Duration) {
    sleep_until(Instant::now() + Duration::from_micros(rng.pick(0..at_most.as_micros() as u64))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a3_who_keeps_ids_is_told_each_alert_once_however_often_the_program_is_killed() {
    let (rng, seed) = Rng::from_env();
    println!("A3 FLOODMARK_TEST_SEED={seed}");
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    installation.write("secret", SECRET);
    let (hook, hosts, port, kills) = (Receiver::start(Some(SECRET)).await, Arc::<Hosts>::default(), free_port(), kills(5));
    let mut alone = Alone { installation, hook: hook.clone(), hosts: hosts.clone(), port, rng };
    let mut book = Book::default();
    let dying = async {
        for n in 0..kills {
            alone.lives_and_dies(n).await;
        }
        alone.start(kills)
    };
    let program = under_alerts(&hosts, port, book.of_webhook(&hook, &hosts), dying).await;
    program.signal("TERM");
    let (code, said) = program.ends().await;
    assert_eq!(code, 0, "{said}");

    book.requests_until_now(&hook, &hosts);
    let (again, _) = book.judge(&hosts.due(), &format!("A3 seed {seed}: {kills} kills, signed webhook"));
    assert_eq!(hook.wrong(), Vec::<String>::new());
    let store = embedded::Store::open_read_only(alone.installation.data("store.db")).expect("the program has made it");
    assert_eq!(embedded::Alerts::new(store).depths().await.expect("it can be read"), [], "nothing waits");
    assert!((1..=kills as usize * AT_ONCE).contains(&again), "{again} came again");
}

/// Prints subject and id of the first alerts.
const PYTHON: &str = "import asyncio, nats, sys
async def main():
    client = await nats.connect(sys.argv[1])
    alerts = await client.subscribe('floodmark.alerts.>')
    await client.publish('ready')
    for _ in range(int(sys.argv[2])):
        message = await alerts.next_msg(timeout=50)
        print(message.subject, message.headers['Nats-Msg-Id'])
    await client.close()
asyncio.run(main())";
/// Enough to go on after a kill.
const PYTHON_READS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a3_who_subscribes_at_nats_hears_each_alert_however_often_the_program_is_killed() {
    let more = format!("[receivers.out]\ntype = \"nats\"\n{RULES}");
    let mut stack = Stack::new("A3", Own::default(), &Settings { operators: false, more, ..Settings::default() }).await;
    let url = stack.servers.nats.url().to_owned();
    let client = async_nats::connect(&url).await.expect("the server runs");
    let mut messages = client.subscribe("floodmark.alerts.>").await.expect("the server runs");
    let mut ready = client.subscribe("ready").await.expect("the server runs");
    client.flush().await.expect("the server runs");
    let (hosts, port, kills, mut book) = (Hosts::default(), stack.port, kills(5), Book::default());
    let (count, url) = (PYTHON_READS.to_string(), url.as_str());
    let args = [url, count.as_str()];
    let all = async {
        within("the client in Python", ready.next()).await.expect("the server runs");
        let dying = async {
            for n in 0..kills {
                if n % 3 == 2 {
                    stack.program = Some(stack.installation.run());
                    stack.moment(UNTIL_KILL).await;
                } else {
                    stack.start().await;
                    stack.program().while_it_runs("an alert", hosts.tell_more()).await;
                    stack.moment(UNTIL_KILL).await;
                }
                stack.kill().await;
            }
            stack.start().await;
        };
        under_alerts(&hosts, port, book.of_nats(&mut messages, &hosts), dying).await;
    };
    let (read, ()) = tokio::join!(python(PYTHON, &args), all);
    stack.stop().await;

    book.messages_until_now(&client, &mut messages, &hosts).await;
    let (again, _) = book.judge(&hosts.due(), &format!("A3 seed {}: {kills} kills, messages of NATS", stack.seed));
    assert_eq!(read, book.first_lines(PYTHON_READS), "both clients hear the same");
    assert_eq!(stack.number("SELECT count(*) FROM floodmark.notification WHERE state = 'waiting'").await, 0, "nothing waits");
    assert!(again <= kills as usize * AT_ONCE, "{again} came again");
}
