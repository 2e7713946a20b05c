//! Reads events from a CSV or NDJSON file with their original times: backfills, exports of other tools, growing logs.
//!
//! The file is read and parsed on a thread of its own, which hands finished batches over a short channel; the channel is
//! the backpressure. Batches are cut at every 1,000th line of the file, so that reading it again cuts the same. The
//! cursor names the next line and a fingerprint of the beginning of the file: a file that was replaced is refused.
//! What cannot be read becomes a dead letter with its line number, and reading goes on.

mod cells;
mod config;
mod csv;
mod cursor;
mod lines;
mod mapping;
mod native;
mod objects;
mod reading;
mod records;
mod reread;
mod template;
mod time;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::ports::{Clock, Ingest, Source};
use floodmark_core::{Error, Result};
use tokio::sync::mpsc;

use crate::settings::Fault;
pub use config::{CheckColumns, Config, Format, ValueColumn};
pub use reading::{LINES_PER_BATCH, Parsed, Reading};
pub use reread::reread;
pub use time::TimeFormat;

/// How many finished batches may wait for the engine.
const BATCHES_WAITING_MAX: usize = 8;
/// How often a followed file is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

/// How far a file has been read, for people who wait.
#[derive(Debug, Default)]
pub struct Progress {
    bytes_read: AtomicU64,
    bytes_total: AtomicU64,
}

impl Progress {
    /// How many bytes have been parsed, counted from the beginning of the file.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// How long the file was when it was last looked at; 0 before it was opened.
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total.load(Ordering::Relaxed)
    }
}

/// A file as a source.
pub struct File {
    id: String,
    config: Config,
    clock: Arc<dyn Clock>,
    progress: Arc<Progress>,
}

impl File {
    /// A source that reads the file of `config`. Nothing is opened yet.
    ///
    /// # Errors
    /// `Broken` when the configuration contradicts itself; the text says what to change.
    pub fn new(id: &str, config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        Fault::refuse(id, &config.validate())?;
        Ok(Self { id: id.to_owned(), config, clock, progress: Arc::default() })
    }

    /// The same, telling its progress there.
    #[must_use]
    pub fn reporting(self, progress: Arc<Progress>) -> Self {
        Self { progress, ..self }
    }

    /// How far the file has been read.
    pub fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }
}

#[async_trait]
impl Source for File {
    async fn run(&mut self, ingest: &dyn Ingest) -> Result<()> {
        let (id, config, clock) = (self.id.clone(), self.config.clone(), self.clock.clone());
        let (cursor, progress) = (ingest.cursor(), self.progress.clone());
        let mut reading = on_thread(move || Reading::open(&id, &config, clock, cursor.as_deref(), progress)).await??;
        loop {
            reading = hand_over(reading, ingest).await?;
            if !self.config.follow {
                return ingest.flush().await;
            }
            loop {
                tokio::time::sleep(FOLLOW_EVERY).await;
                let grown;
                (reading, grown) = on_thread(move || {
                    let grown = reading.has_grown();
                    (reading, grown)
                })
                .await?;
                if grown? {
                    break;
                }
            }
        }
    }
}

/// Reads to the present end of the file and gives every batch to `ingest`, each after its dead letters.
async fn hand_over(mut reading: Reading, ingest: &dyn Ingest) -> Result<Reading> {
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    let thread = std::thread::Builder::new().name("file".to_owned()).spawn(move || {
        let result = reading.read(&mut |parsed| sender.blocking_send(parsed).is_ok());
        (reading, result)
    });
    let thread = thread.map_err(|e| Error::unavailable("starting a thread to read a file").because(e))?;
    let mut reader = Reader { receiver, thread: Some(thread) };
    while let Some(Parsed { letters, batch }) = reader.receiver.recv().await {
        for letter in letters {
            ingest.dead_letter(letter).await?;
        }
        if let Some((events, cursor)) = batch {
            ingest.send(events, Some(cursor)).await?;
        }
    }
    let (reading, result) = reader.join()?;
    result.map(|()| reading)
}

/// The thread that reads, and the end of its channel. Dropping it closes the channel, which ends the thread at its next
/// batch, and waits for that: no thread outlives the source.
struct Reader {
    receiver: mpsc::Receiver<Parsed>,
    thread: Option<std::thread::JoinHandle<(Reading, Result<()>)>>,
}

impl Reader {
    fn join(mut self) -> Result<(Reading, Result<()>)> {
        let thread = self.thread.take().expect("a reader is joined once");
        thread.join().map_err(|_| Error::unavailable("reading a file: the thread panicked"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.receiver.close();
        // What still waits in the channel must go, or the thread would wait for room in it.
        while self.receiver.try_recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            // A panic was reported on standard error; there is nothing to hand on while dropping.
            let _ = thread.join();
        }
    }
}

/// Runs what may block on a disk.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::unavailable("reading a file on a thread").because(e))
}
