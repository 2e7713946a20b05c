//! Driving futures by hand, so that the suite needs no runtime.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

/// Runs two futures at once until both are done.
pub async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|cx| {
        if first.is_none() {
            first = poll_done(a.as_mut().poll(cx));
        }
        if second.is_none() {
            second = poll_done(b.as_mut().poll(cx));
        }
        if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (first.expect("it is done"), second.expect("it is done"))
}

fn poll_done<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Runs all futures at once and gives their outputs in order.
pub(super) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in &mut running {
            if output.is_none() {
                *output = poll_done(future.as_mut().poll(cx));
            }
        }
        if running.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().map(|(_, output)| output.expect("all are done")).collect()
}

/// Polls at most `times` times, giving way to others in between, then drops the future.
pub async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        let now = std::future::poll_fn(|cx| Poll::Ready(poll_done(future.as_mut().poll(cx)))).await;
        if now.is_some() {
            return now;
        }
        give_way().await;
    }
    None
}

async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|cx| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
