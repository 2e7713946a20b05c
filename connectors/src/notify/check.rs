//! Whether a receiver could be told, without telling it anything: for `floodmark check --connect`.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use floodmark_core::{Error, Result};
use tokio::net::TcpStream;
use tokio::time::Instant;
use url::Url;

use crate::findings::Finding;
use crate::settings::Span;
use crate::sources::probe::tls::{PlatformRoots, Tls};
use crate::sources::probe::trace::Trace;

/// The longest look.
pub(super) const LOOK_MAX: Duration = Duration::from_secs(10);

/// A receiver that can be looked at.
#[async_trait]
pub trait Look: Send + Sync {
    /// Goes the way to it as far as it can be gone without telling it anything; says how far that is.
    ///
    /// # Errors
    /// Why it could not be told now.
    async fn look(&self) -> Result<String>;
}

/// What `floodmark check --connect` says of it.
pub async fn finding(receiver: &dyn Look) -> Finding {
    match receiver.look().await {
        Ok(detail) => Finding::good("reachable", detail),
        Err(e) => Finding::bad("reachable", e.chain(), "correct the receiver's settings, or start what is to be told; nothing was sent"),
    }
}

/// Connects to where a URL leads, with a handshake when it is one of https. Nothing is asked for: who would count a request as a
/// notification gets none.
pub(super) async fn connect(url: &Url, ca_file: Option<&Path>, timeout: Duration) -> Result<String> {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(443));
    // An address of IPv6 stands in brackets there.
    let host = host.trim_matches(['[', ']']);
    let limit = timeout.min(LOOK_MAX);
    let doing = |what: String| Error::unavailable(format!("connecting to {host}:{port}: {what}"));
    let connecting = async {
        let stream = TcpStream::connect((host, port)).await.map_err(|e| doing(e.to_string()))?;
        let address = stream.peer_addr().map_or_else(|_| host.to_owned(), |address| address.to_string());
        if url.scheme() != "https" {
            return Ok(format!("connected to {address}; nothing was sent"));
        }
        let tls = ca_file.map_or_else(|| Ok(Tls::trusting_platform(PlatformRoots::default())), Tls::trusting_file)?;
        let mut trace = Trace::until(Instant::now() + limit);
        tls.handshake(stream, host, &[b"http/1.1"], &mut trace).await.map_err(|failure| doing(failure.detail))?;
        Ok(format!("connected to {address} with TLS; nothing was sent"))
    };
    tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| Err(doing(format!("no answer within {}", Span(limit)))))
}
