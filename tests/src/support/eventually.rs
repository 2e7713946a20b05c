//! Waiting for a condition that can only be looked at, with a deadline.

use std::time::Duration;

/// How long tests wait for what has to come: long enough for a busy machine, short enough to tell that it never comes.
pub const DEADLINE: Duration = Duration::from_secs(60);

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see.
///
/// # Panics
/// When nothing came within [`DEADLINE`]; `what` says what was missing.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> F) -> T {
    match looking(look).await {
        Some(found) => found,
        None => panic!("{what} did not come within {DEADLINE:?}"),
    }
}

/// Looks again and again until there is something to see; `None` when nothing came within [`DEADLINE`], for callers that
/// have more to say about it than [`eventually`].
pub async fn looking<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> Option<T> {
    let mut interval = tokio::time::interval(BETWEEN_LOOKS);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let looking = async {
        loop {
            interval.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    tokio::time::timeout(DEADLINE, looking).await.ok()
}

/// Waits for something that comes by itself.
///
/// # Panics
/// When it did not come within [`DEADLINE`].
pub async fn within<T>(what: &str, coming: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, coming).await {
        Ok(come) => come,
        Err(_) => panic!("{what} did not come within {DEADLINE:?}"),
    }
}
