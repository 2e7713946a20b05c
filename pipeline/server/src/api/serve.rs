//! Serving the API on a socket until told to stop.

use std::time::Duration;

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long requests that are under way may still take after the end was called.
const DRAIN_MAX: Duration = Duration::from_secs(3);

/// Serves until `shutdown` is cancelled; then takes no new connection, and gives requests under way 3 s to finish.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> anyhow::Result<()> {
    let address = listener.local_addr().context("reading the address of the API")?;
    tracing::info!(%address, "api listening");
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let drained = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        result = async { served.await } => result.context("serving the API"),
        () = drained => {
            tracing::warn!(%address, "requests were still under way at the deadline, and are dropped");
            Ok(())
        }
    }
}
