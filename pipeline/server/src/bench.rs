//! Measurements of the core on the machine it runs on. Figures are rates; where it matters, of one run beside each other.

mod alerts;
mod backtest;
pub mod generate;
pub mod nab;
mod parts;
mod pipeline;
mod stack;

use serde::Serialize;

pub use alerts::{alerts, stack_alerts};
pub use backtest::backtest;
pub use parts::{decode, log, window};
pub use pipeline::pipeline;
pub use stack::stack;

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How many events.
    pub events: u64,
    /// In how many seconds of real time.
    pub secs: f64,
    /// In how many seconds of processor time, of all threads.
    pub cpu_secs: f64,
    /// Events for each second of real time.
    pub events_per_sec: f64,
    /// What else is to be known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Real and processor time since a moment.
struct Stopwatch {
    began: std::time::Instant,
    cpu_secs: f64,
}

impl Stopwatch {
    fn start() -> Self {
        Self { began: std::time::Instant::now(), cpu_secs: cpu_secs() }
    }

    fn figure(&self, name: impl Into<String>, events: u64, note: impl Into<String>) -> Figure {
        let secs = self.began.elapsed().as_secs_f64();
        let cpu_secs = cpu_secs() - self.cpu_secs;
        Figure { name: name.into(), events, secs, cpu_secs, events_per_sec: events as f64 / secs, note: note.into() }
    }
}

/// Processor time of this process so far, from `/proc/self/stat` (proc(5): fields 14 and 15, in ticks of 10 ms); 0 where
/// there is none.
fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
