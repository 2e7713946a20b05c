//! What a test's end still does on a server.

use std::time::Duration;

/// A server that does not answer must not hold up the end of a test.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Does this to its end, or for a few seconds, in a destructor: outside the test's runtime, which may be about to end.
/// Whether it succeeded does not matter.
pub(super) fn last_words<T>(work: impl Future<Output = T> + Send) {
    std::thread::scope(|scope| {
        let speaking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                drop(runtime.block_on(async { tokio::time::timeout(TIME_MAX, work).await }));
            }
        });
        drop(speaking.join());
    });
}
