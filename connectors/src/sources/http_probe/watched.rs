//! A connection that notes when the first byte came and whether sending failed.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What was seen on a connection.
#[derive(Debug, Default)]
pub struct Seen {
    /// When the first byte came, and which it was.
    pub first_byte: OnceLock<(Instant, u8)>,
    /// Why sending failed.
    pub send_error: OnceLock<String>,
    /// Whether the other side has not yet taken all that was to be sent.
    pub sending: AtomicBool,
}

/// A connection under watch.
pub struct Watched<S> {
    stream: S,
    seen: Arc<Seen>,
}

impl<S> Watched<S> {
    /// Watches `stream`.
    pub fn new(stream: S) -> (Self, Arc<Seen>) {
        let seen = Arc::<Seen>::default();
        (Self { stream, seen: seen.clone() }, seen)
    }

    fn sent<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(e) = &outcome {
            // Only the first failure is of interest.
            let _ = self.seen.send_error.set(e.to_string());
        }
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if let Some(byte) = buffer.filled().get(before) {
            self.seen.first_byte.get_or_init(|| (Instant::now(), *byte));
        }
        Poll::Ready(outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.seen.sending.store(outcome.is_pending(), Ordering::Relaxed);
        let outcome = ready!(outcome);
        Poll::Ready(self.sent(outcome))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(self.sent(outcome))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
