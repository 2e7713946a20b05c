//! What this process knows of one lease: until when it holds, by this process's own clock.

use tokio::sync::watch;
use tokio::time::Instant;

/// Until when one unit of work is this process's. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Tenure(watch::Sender<Option<Instant>>);

impl Tenure {
    /// That of the only process.
    pub fn for_ever() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Until a lease runs out.
    pub fn until(end: Instant) -> Self {
        Self(watch::Sender::new(Some(end)))
    }

    /// One that is over.
    pub fn over() -> Self {
        Self::until(Instant::now())
    }

    /// The lease was renewed.
    pub fn extend(&self, end: Instant) {
        self.0.send_replace(Some(end));
    }

    /// It is over now.
    pub fn end(&self) {
        self.extend(Instant::now());
    }

    /// Whether it holds now.
    pub fn holds(&self) -> bool {
        self.0.borrow().is_none_or(|end| end > Instant::now())
    }

    /// Whether others may take the unit over.
    pub fn is_lease(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits until it is over.
    pub async fn ended(&self) {
        let mut end = self.0.subscribe();
        loop {
            let until = *end.borrow_and_update();
            let Some(until) = until else { return std::future::pending().await };
            tokio::select! {
                biased;
                changed = end.changed() => changed.expect("the sender is in `self`"),
                () = tokio::time::sleep_until(until) => return,
            }
        }
    }
}
