//! Waiting before another try.

use std::time::Duration;

use floodmark_schemas::series::fnv1a;

/// The first wait.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);
/// What ran this long has recovered from whatever failed before.
pub(crate) const RECOVERED_AFTER: Duration = Duration::from_secs(10);

/// Doubling waits with a jitter that differs between keys, so that what failed together does not return together.
#[derive(Debug)]
pub struct Backoff {
    key: String,
    attempt: u32,
}

impl Backoff {
    /// For the component `key`.
    pub fn new(key: &str) -> Self {
        Self { key: key.to_owned(), attempt: 0 }
    }

    /// How many tries have failed in a row.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Something worked: start over.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The next wait: between half and all of 100 ms, 200 ms, ... 30 s.
    pub fn next_wait(&mut self) -> Duration {
        let full = FIRST.saturating_mul(1 << self.attempt.min(16)).min(LONGEST);
        self.attempt = self.attempt.saturating_add(1);
        let jitter = fnv1a(format!("{}/{}", self.key, self.attempt).as_bytes()) % 1000;
        full / 2 + full / 2 * jitter / 1000
    }

    /// Waits before the next try.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.next_wait()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_start_over() {
        let mut backoff = Backoff::new("a");
        let waits: Vec<Duration> = (0..20).map(|_| backoff.next_wait()).collect();
        for (i, wait) in waits.iter().enumerate() {
            let full = FIRST.saturating_mul(1 << i.min(16)).min(LONGEST);
            assert!(*wait >= full / 2 && *wait <= full, "wait {i} is {wait:?}");
        }
        backoff.reset();
        assert_eq!(backoff.next_wait(), waits[0]);
    }
}
