//! A sink that hangs or fails when a test says so, in front of a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use floodmark_core::ports::{Entry, Position, Sink, Standing};
use floodmark_core::{Error, Result};
use tokio::sync::watch;

/// Passes everything on to a sink, unless it is shut or away.
pub struct Gated {
    sink: Arc<dyn Sink>,
    open: watch::Sender<bool>,
    away: AtomicBool,
}

impl Gated {
    /// In front of `sink`, open.
    pub fn new(sink: Arc<dyn Sink>) -> Arc<Self> {
        Arc::new(Self { sink, open: watch::Sender::new(true), away: AtomicBool::new(false) })
    }

    /// From now on writes wait.
    pub fn shut(&self) {
        self.open.send_replace(false);
    }

    /// Writes that wait go on.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Whether the store is away: everything fails with `Unavailable`.
    pub fn be_away(&self, away: Away) {
        self.away.store(away == Away::Yes, Ordering::Relaxed);
    }

    fn check(&self) -> Result<()> {
        if self.away.load(Ordering::Relaxed) { Err(Error::unavailable("asking a store that is away")) } else { Ok(()) }
    }
}

/// Whether a store is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// It is.
    Yes,
    /// It answers.
    No,
}

#[async_trait]
impl Sink for Gated {
    async fn standing(&self) -> Result<Standing> {
        self.check()?;
        self.sink.standing().await
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        self.check()?;
        self.open.subscribe().wait_for(|open| *open).await.map_err(|e| Error::unavailable("waiting at the gate").because(e))?;
        self.sink.write(entries, from, to).await
    }
}
