//! Hosts that become hot and cool down again, each step when the receiver was told of the one before. Which alerts there must
//! be follows from what was acknowledged, and from nothing that the program says.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use floodmark_schemas::Series;
use floodmark_tests::support::eventually::within;
use floodmark_tests::support::ledger::{Ledger, Request, line};
use floodmark_tests::support::program::client;
use tokio::sync::watch;
use tokio::time::timeout;

/// The rule of [`RULES`].
pub const RULE: &str = "hot";
/// A rule that fires for hosts at [`HOT`], and a route that tells each of its alerts by itself and at once.
pub const RULES: &str = "[alerts.hot]\ntype = \"threshold\"\nmetrics = [\"load\"]\nabove = 90\nseverity = \"critical\"\n\
                         [route]\ngroup_by = \"each\"\ngroup_wait = \"0s\"\ngroup_interval = \"1s\"\n";
/// Long ago, so that no event lies in the future: 2020-01-01T00:00:00Z.
const START_US: i64 = 1_577_836_800_000_000;
/// How far the clock of a host moves from event to event.
const STEP_US: i64 = 30_000_000;
const HOT: f64 = 97.5;
const COOL: f64 = 20.0;
/// How long a host waits until its receiver is told: what is lost never comes.
const TOLD_WITHIN: Duration = Duration::from_secs(90);

/// What a receiver must be told: that a host is hot since a time, or that it was and is not any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub host: String,
    pub began_us: i64,
    pub over_us: Option<i64>,
}

#[derive(Default)]
pub struct Hosts {
    /// What the program has acknowledged.
    pub ledger: Ledger,
    due: Mutex<BTreeSet<Step>>,
    told: watch::Sender<BTreeSet<Step>>,
}

impl Hosts {
    /// One host: hot and cool, again and again, until `last` says that this time is the last.
    ///
    /// # Panics
    /// When an alert is not told.
    pub async fn flips(&self, n: u64, port: u16, last: watch::Receiver<bool>) {
        let (client, host) = (client(), format!("h{n}"));
        let mut time_us = START_US;
        let mut over = false;
        while !over {
            over = *last.borrow();
            let began_us = time_us;
            for (value, over_us) in [(HOT, None), (COOL, Some(began_us + STEP_US))] {
                let at_us = over_us.unwrap_or(began_us);
                self.ledger.deliver(&client, port, &request(&[&host], at_us, value)).await;
                let step = Step { host: host.clone(), began_us, over_us };
                self.due().insert(step.clone());
                let mut told = self.told.subscribe();
                let come = timeout(TOLD_WITHIN, told.wait_for(|told| told.contains(&step))).await.is_ok();
                assert!(come, "nobody was told within {TOLD_WITHIN:?}: {step:?}");
            }
            time_us += 2 * STEP_US;
        }
    }

    /// Many hosts become hot at once.
    pub async fn burst(&self, hosts: u64, port: u16) {
        const AT_ONCE: usize = 1_000;
        let (client, hosts) = (client(), (0..hosts).map(|n| format!("h{n}")).collect::<Vec<_>>());
        for some in hosts.chunks(AT_ONCE) {
            let names: Vec<&str> = some.iter().map(String::as_str).collect();
            self.ledger.deliver(&client, port, &request(&names, START_US, HOT)).await;
            let step = |host: &String| Step { host: host.clone(), began_us: START_US, over_us: None };
            self.due().extend(some.iter().map(step));
        }
    }

    /// What must be told of what was acknowledged.
    pub fn due(&self) -> std::sync::MutexGuard<'_, BTreeSet<Step>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that the receiver was told.
    pub fn note(&self, step: Step) {
        self.told.send_if_modified(|told| told.insert(step));
    }

    /// How much was told.
    pub fn told(&self) -> usize {
        self.told.borrow().len()
    }

    /// Waits until so much was told; it may take long, as long as it goes on.
    pub async fn have_told(&self, count: usize) {
        let mut told = self.told.subscribe();
        loop {
            let before = told.borrow_and_update().len();
            if before >= count {
                return;
            }
            within("a notification", told.wait_for(|told| told.len() > before)).await.expect("it is held here");
        }
    }

    /// Waits until something more is told.
    pub async fn tell_more(&self) {
        self.have_told(self.told() + 1).await;
    }
}

fn request(hosts: &[&str], at_us: i64, value: f64) -> Request {
    let id = |host: &&str| format!("{host}-{at_us}");
    let of = |host: &&str| line(&id(host), at_us, &Series::new("load").label("host", *host), value) + "\n";
    Request { key: format!("{}-{at_us}", hosts[0]), ids: hosts.iter().map(id).collect(), body: hosts.iter().map(of).collect() }
}
