//! Why there is no complete answer.

use std::error::Error;
use std::io;

use floodmark_schemas::Reason;
use rustls::CertificateError;

/// An exchange without a complete answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed.
    pub reason: Reason,
    /// The whole story for people; without the URL, which may hold a key.
    pub detail: String,
}

impl Failure {
    /// A failure that is no error of the network.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// The client could not be built.
    pub(crate) fn local(e: reqwest::Error) -> Self {
        Self::new(Reason::Local, chain(&e))
    }

    /// The exchange failed before the head of the answer was complete.
    pub(crate) fn before_the_answer(e: reqwest::Error) -> Self {
        let e = e.without_url();
        let reason = match (e.is_connect(), e.is_timeout()) {
            (true, true) => Reason::ConnectTimeout,
            (true, false) => why_not_connected(&e),
            (false, true) => Reason::FirstByteTimeout,
            (false, false) => Reason::BadResponse,
        };
        Self::new(reason, chain(&e))
    }

    /// The exchange failed while the body was read.
    pub(crate) fn within_the_body(e: reqwest::Error) -> Self {
        let e = e.without_url();
        Self::new(if e.is_timeout() { Reason::BodyTimeout } else { Reason::BodyTruncated }, chain(&e))
    }
}

/// The error and its causes in one line.
fn chain(e: &(dyn Error + 'static)) -> String {
    causes(e).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn causes<'a>(e: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(e), |e| {
        let e: &'a (dyn Error + 'static) = *e;
        // An I/O error that wraps another error shows that one as itself, not as its source.
        match e.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as _),
            None => e.source(),
        }
    })
}

fn why_not_connected(e: &(dyn Error + 'static)) -> Reason {
    for cause in causes(e) {
        if let Some(e) = cause.downcast_ref::<rustls::Error>() {
            return why_no_tls(e);
        }
        if cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::ConnectionRefused) {
            return Reason::ConnectRefused;
        }
        // The connector has no public type for this; the text is the only mark it leaves.
        if cause.to_string() == "dns error" {
            return Reason::Dns;
        }
    }
    Reason::ConnectFailed
}

fn why_no_tls(e: &rustls::Error) -> Reason {
    let rustls::Error::InvalidCertificate(e) = e else { return Reason::TlsOther };
    match e {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Reason::TlsExpired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Reason::TlsHostname,
        CertificateError::UnknownIssuer => Reason::TlsUntrusted,
        _ => Reason::TlsOther,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::HeaderMap;

    use super::super::HttpClient;
    use super::*;

    async fn failure(url: &str) -> Failure {
        HttpClient::new(Duration::from_secs(20)).get(&url.parse().unwrap(), HeaderMap::new()).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_refused_connection_is_told_from_a_missing_name_and_neither_shows_the_url() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let refused = failure(&format!("http://{address}/?apikey=hunter2")).await;
        assert_eq!(refused.reason, Reason::ConnectRefused);
        assert!(!refused.detail.contains("hunter2"), "{}", refused.detail);
        assert_eq!(failure("http://no-such-name.invalid/").await.reason, Reason::Dns);
    }

    #[tokio::test]
    async fn an_answer_that_is_not_http_is_a_bad_response() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serve = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.read_u8().await.unwrap();
            socket.write_all(b"220 mail.example ready\r\n").await.unwrap();
        };
        let (found, ()) = tokio::join!(failure(&url), serve);
        assert_eq!(found.reason, Reason::BadResponse);
    }
}
