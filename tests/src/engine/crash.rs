//! Ends a future in the middle, as the end of a process would.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is dropped after it was polled a number of times. `None` when that came before its end.
pub struct Crash<F> {
    inner: Option<Pin<Box<F>>>,
    polls_left: usize,
}

impl<F: Future> Crash<F> {
    /// Polls `future` at most `polls` times.
    pub fn after(polls: usize, future: F) -> Self {
        Self { inner: Some(Box::pin(future)), polls_left: polls }
    }
}

impl<F: Future> Future for Crash<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            self.inner = None;
        }
        self.polls_left = self.polls_left.saturating_sub(1);
        match &mut self.inner {
            None => Poll::Ready(None),
            Some(inner) => inner.as_mut().poll(context).map(Some),
        }
    }
}
