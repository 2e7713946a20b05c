//! The program, its configuration, its servers, and senders that keep it busy.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use floodmark_tests::oracle::Rules;
use floodmark_tests::support::ledger::{DISORDER_US, Ledger};
use floodmark_tests::support::program::{Installation, Program, free_port};
use floodmark_tests::support::rng::Rng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::servers::{Own, Servers};

pub const SOURCE: &str = "in";
pub const EVENTS: &str = "FLOODMARK_EVENTS";
pub const OUTPUTS: &str = "FLOODMARK_OUTPUTS";
pub const OPERATORS: [(&str, Rules); 2] = [
    ("seconds", Rules { size_us: 1_000_000, lateness_us: 2_000_000, disorder_us: DISORDER_US }),
    ("tens", Rules { size_us: 10_000_000, lateness_us: 0, disorder_us: DISORDER_US }),
];
/// For how long nobody does the work of a program that was killed: short, or most of a test would be waiting.
pub const LEASE: Duration = Duration::from_secs(2);
/// How many events are sent at least.
const EVENTS_MIN: usize = 300;
const CLIENTS: u64 = 2;
/// The longest from an acknowledgement to a fault.
const UNTIL_FAULT: Duration = Duration::from_millis(400);

/// What a test changes of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    pub partitions: u32,
    /// Added to `[log]`; the server sets aside what its streams may take.
    pub log: String,
    /// Where PostgreSQL is reached instead of at itself.
    pub postgres_port: Option<u16>,
    /// For how long nobody does the work of a program that was killed.
    pub lease: Duration,
    /// Whether there are operators.
    pub operators: bool,
    /// Added to the end.
    pub more: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partitions: 2,
            log: "retention_size = \"64MiB\"".to_owned(),
            postgres_port: None,
            lease: LEASE,
            operators: true,
            more: String::new(),
        }
    }
}

pub struct Stack {
    /// The row of the fault matrix.
    pub row: &'static str,
    pub program: Option<Program>,
    pub installation: Installation,
    pub servers: Servers,
    pub ledger: Arc<Ledger>,
    pub port: u16,
    pub seed: u64,
    pub rng: Rng,
    /// How often something was killed, frozen or cut off.
    pub faults: u64,
    /// The most memory that the program ever had.
    pub memory_peak_kib: u64,
}

/// How often a test kills, unless `FLOODMARK_TEST_KILLS` says so.
pub fn kills(usual: u64) -> u64 {
    std::env::var("FLOODMARK_TEST_KILLS").map_or(usual, |text| text.parse().expect("FLOODMARK_TEST_KILLS is a number"))
}

impl Stack {
    /// Servers that run, and a configuration; the program does not run yet.
    pub async fn new(row: &'static str, own: Own, settings: &Settings) -> Self {
        Self::with(row, own, settings, Ledger::default()).await
    }

    /// The same with other requests.
    pub async fn with(row: &'static str, own: Own, settings: &Settings, ledger: Ledger) -> Self {
        let (rng, seed) = Rng::from_env();
        println!("{row} FLOODMARK_TEST_SEED={seed}");
        let servers = Servers::start(own).await;
        let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
        let port = free_port();
        let stack =
            Self { row, program: None, installation, servers, ledger: Arc::new(ledger), port, seed, rng, faults: 0, memory_peak_kib: 0 };
        stack.configure(settings);
        stack
    }

    /// Writes the configuration.
    pub fn configure(&self, settings: &Settings) {
        let text = config(&self.servers, self.port, settings);
        self.installation.write("floodmark.toml", text);
    }

    /// Starts the program.
    pub async fn start(&mut self) {
        self.program = Some(Program::started_when_possible(&self.installation).await);
    }

    pub fn program(&self) -> &Program {
        self.program.as_ref().expect("it was started")
    }

    /// Kills the program, which must run until then.
    pub async fn kill(&mut self) {
        self.note_memory();
        self.faults += 1;
        self.program.take().expect("it was started").kill().await;
    }

    /// Ends the program in order.
    pub async fn stop(&mut self) {
        self.note_memory();
        let program = self.program.take().expect("it was started");
        program.signal("TERM");
        let (code, said) = program.ends().await;
        assert_eq!(code, 0, "{said}");
    }

    pub fn note_memory(&mut self) {
        let peak = self.program.as_ref().and_then(Program::memory_peak_kib).unwrap_or_default();
        self.memory_peak_kib = self.memory_peak_kib.max(peak);
    }

    /// Waits until something more is acknowledged.
    pub async fn acknowledges(&self) {
        self.program().while_it_runs("an acknowledgement", self.ledger.answered()).await;
    }

    /// Waits until something more is acknowledged, and then a moment.
    pub async fn works_a_while(&mut self) {
        self.acknowledges().await;
        self.moment(UNTIL_FAULT).await;
    }

    /// A moment of chance: so that faults come anywhere.
    pub async fn moment(&mut self, at_most: Duration) {
        let moment = Duration::from_micros(self.rng.pick(0..at_most.as_micros() as u64));
        sleep_until(Instant::now() + moment).await;
    }

    /// Has senders send while `faults` go on, and until something was acknowledged after them.
    pub async fn under_load(&mut self, faults: impl AsyncFnOnce(&mut Self)) {
        let (ledger, port, seed, last) = (self.ledger.clone(), self.port, self.seed, watch::Sender::new(false));
        let senders = (0..CLIENTS).map(|n| ledger.client(Rng::of(seed.wrapping_add(n)), port, last.subscribe()));
        let faults = async {
            faults(self).await;
            self.acknowledges().await;
            // Enough that some windows are over.
            while self.ledger.account().await.acknowledged.len() < EVENTS_MIN {
                self.acknowledges().await;
            }
            last.send_replace(true);
        };
        tokio::join!(faults, futures_util::future::join_all(senders));
    }
}

fn config(servers: &Servers, port: u16, settings: &Settings) -> String {
    let Settings { partitions, log, postgres_port, lease, operators, more } = settings;
    let database: tokio_postgres::Config = servers.database.uri().parse().expect("it is an address of PostgreSQL");
    let postgres_port = postgres_port.unwrap_or_else(|| database.get_ports()[0]);
    let mut text = format!(
        "partitions = {partitions}\n[api]\nlisten = \"127.0.0.1:0\"\n\
         [log]\ntype = \"jetstream\"\nservers = [\"{}\"]\nrequest_timeout = \"2s\"\nlease = \"{}s\"\n{log}\n\
         [sinks.raw]\ntype = \"postgres\"\nport = {postgres_port}\ndatabase = \"{}\"\nuser = \"{}\"\n\
         [sinks.rollups]\ntype = \"mongodb\"\nuri = \"{}\"\ndatabase = \"{}\"\n\
         [sources.{SOURCE}]\ntype = \"push\"\nlisten = \"127.0.0.1:{port}\"\ndisorder = \"{}ms\"\n",
        servers.nats.url(),
        lease.as_secs(),
        servers.database.name(),
        database.get_user().expect("the address says who connects"),
        servers.rollups.uri(),
        servers.rollups.name(),
        DISORDER_US / 1_000
    );
    for (id, rules) in OPERATORS.into_iter().filter(|_| *operators) {
        let aggregates = r#"["count", "sum", "mean", "min", "max", "stddev", "first", "last"]"#;
        let (size, lateness) = (rules.size_us / 1_000, rules.lateness_us / 1_000);
        // Long enough that no outage takes so long: silence closes windows, and the oracle knows no log time.
        let part = format!(
            "type = \"tumbling\"\nidle_timeout = \"1h\"\nsize = \"{size}ms\"\nallowed_lateness = \"{lateness}ms\"\naggregates = {aggregates}\n"
        );
        write!(text, "[operators.{id}]\n{part}").expect("a string takes everything");
    }
    text + more
}
