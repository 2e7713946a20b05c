//! How far a step has come: a bar on a terminal, now and then a plain line on stderr otherwise.

use std::io::IsTerminal;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::notice;

/// How often a step says how far it is, where there is no terminal.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// The bars of this process, one below the other.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// One step, over when dropped.
pub(crate) struct Progress {
    what: String,
    bar: Option<ProgressBar>,
    began: Instant,
    told: Mutex<Told>,
}

struct Told {
    at: Instant,
    done: u64,
    total: u64,
}

impl Progress {
    /// Begins a step of `total` parts; 0 when that is not known.
    pub(crate) fn begin(what: impl Into<String>, total: u64) -> Self {
        let what = what.into();
        let bar = std::io::stderr().is_terminal().then(|| BARS.add(bar(&what, total)));
        if bar.is_none() {
            notice(&format!("floodmark: {what} ...\n"));
        }
        let now = Instant::now();
        Self { what, bar, began: now, told: Mutex::new(Told { at: now, done: 0, total }) }
    }

    /// So many parts are done.
    pub(crate) fn at(&self, done: u64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.done = told.done.max(done);
        match &self.bar {
            Some(bar) => bar.set_position(told.done),
            None if told.at.elapsed() >= SAY_EVERY => {
                told.at = Instant::now();
                let of = match told.total {
                    0 => String::new(),
                    total => format!(" of {total}, {}", estimate(self.began.elapsed(), told.done, total)),
                };
                notice(&format!("floodmark: {}: {}{of}\n", self.what, told.done));
            }
            None => {}
        }
    }

    /// `more` parts are done.
    pub(crate) fn add(&self, more: u64) {
        let done = self.told.lock().unwrap_or_else(PoisonError::into_inner).done;
        self.at(done + more);
    }

    /// How long it has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

/// How long the rest takes if it goes on as it did.
fn estimate(elapsed: Duration, done: u64, total: u64) -> String {
    match done {
        0 => "no estimate yet".to_owned(),
        done => format!("about {:.0} s to go", elapsed.as_secs_f64() * (total.saturating_sub(done) as f64 / done as f64)),
    }
}

fn bar(what: &str, total: u64) -> ProgressBar {
    let (bar, template) = match total {
        0 => (ProgressBar::new_spinner(), "{prefix} {pos} {per_sec}"),
        total => (ProgressBar::new(total), "{prefix} {bar:30} {pos}/{len} {per_sec} {eta}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_prefix(what.to_owned())
}
