//! One request and its answer on a connection of their own.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;

use bytes::Bytes;
use floodmark_schemas::Reason;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use url::{Host, Url};

use super::answer::{Answer, Body};
use super::watched::{Seen, Watched};
use crate::sources::probe::dial::dial;
use crate::sources::probe::settings::IpVersion;
use crate::sources::probe::tls::Tls;
use crate::sources::probe::trace::{Failure, Stage, Trace};

/// A body longer than this is not read to its end: a probe must not become a download.
const BODY_READ_MAX: u64 = 64 << 20;

/// How to reach a host.
pub struct Route<'a> {
    /// Which addresses may be used.
    pub ip: IpVersion,
    /// How handshakes are made.
    pub tls: &'a Tls,
}

/// Sends `request` to the host of `url` and reads the answer, and of its body as much as is wished.
///
/// # Errors
/// All reasons up to `BodyTruncated`; the status is in `trace` when it was seen.
pub async fn exchange(
    url: &Url,
    request: Request<Full<Bytes>>,
    route: &Route<'_>,
    wish: BodyWish,
    trace: &mut Trace,
) -> Result<Answer, Failure> {
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err(Failure::new(Reason::BadResponse, format!("{url} has no host"))),
    };
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = dial(&host, port, route.ip, trace).await?;
    if url.scheme() == "https" {
        let stream = route.tls.handshake(stream, &host, &[b"http/1.1"], trace).await?;
        talk(stream, request, wish, trace).await
    } else {
        talk(stream, request, wish, trace).await
    }
}

/// How much of a body is wanted.
#[derive(Clone, Copy, Debug)]
pub struct BodyWish {
    /// How many bytes are kept.
    pub bytes_max: usize,
    /// Whether the body of a redirect is left unread.
    pub skip_on_redirect: bool,
}

async fn talk<S>(stream: S, request: Request<Full<Bytes>>, wish: BodyWish, trace: &mut Trace) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (stream, seen) = Watched::new(stream);
    trace.enter(Stage::Processing);
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| Failure::new(Reason::SendFailed, format!("starting HTTP: {e}")))?;
    let mut connection = Driven { connection: pin!(connection), ended: false };
    let response = connection.drive(sender.send_request(request)).await;
    if let Some((first, _)) = seen.first_byte.get() {
        trace.done_at(*first);
    }
    let response = response.map_err(|e| no_answer(&e, &seen))?;
    let (head, incoming) = response.into_parts();
    trace.status = Some(head.status.as_u16());
    trace.enter_at(Stage::Transfer, seen.first_byte.get().map(|(first, _)| *first));
    let mut body = Body::keeping(wish.bytes_max);
    let unread = wish.skip_on_redirect && is_redirect(head.status) && head.headers.contains_key(header::LOCATION);
    if !unread {
        let read = read_body(&mut connection, incoming, &mut body).await;
        trace.done();
        read?;
    }
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// Whether a status sends the client elsewhere. 300 and 304 do not.
pub fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

async fn read_body<C: Future>(connection: &mut Driven<'_, C>, mut incoming: Incoming, body: &mut Body) -> Result<(), Failure> {
    while let Some(frame) = connection.drive(incoming.frame()).await {
        let frame = frame.map_err(|e| {
            Failure::new(Reason::BodyTruncated, format!("the body ended early, after {} bytes: {}", body.len(), causes(&e)))
        })?;
        if let Some(bytes) = frame.data_ref() {
            body.push(bytes);
        }
        if body.len() > BODY_READ_MAX {
            let detail = format!("the body is longer than {} MiB; use method = \"HEAD\" to leave it unread", BODY_READ_MAX >> 20);
            return Err(Failure::new(Reason::Body, detail));
        }
    }
    Ok(())
}

/// A connection that moves on while something else is waited for: it needs no task of its own.
struct Driven<'a, C> {
    connection: Pin<&'a mut C>,
    ended: bool,
}

impl<C: Future> Driven<'_, C> {
    async fn drive<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        std::future::poll_fn(|cx| {
            if !self.ended && self.connection.as_mut().poll(cx).is_ready() {
                // Its error, if any, also arrives at the work.
                self.ended = true;
            }
            work.as_mut().poll(cx)
        })
        .await
    }
}

/// What it means that no answer came.
fn no_answer(e: &hyper::Error, seen: &Seen) -> Failure {
    const TLS_ALERT: u8 = 0x15;
    match (seen.first_byte.get(), seen.send_error.get()) {
        (None, Some(sending)) => Failure::new(Reason::SendFailed, format!("the request could not be sent: {sending}")),
        (None, None) if seen.sending.load(Ordering::Relaxed) => {
            Failure::new(Reason::SendFailed, format!("the connection ended while the request was being sent: {}", causes(e)))
        }
        (None, None) => Failure::new(Reason::BadResponse, format!("the connection ended before an answer: {}", causes(e))),
        (Some((_, TLS_ALERT)), _) => {
            Failure::new(Reason::BadResponse, "the answer is TLS, not HTTP; does this port want https?".to_owned())
        }
        (Some(_), _) => Failure::new(Reason::BadResponse, format!("the answer is not HTTP: {}", causes(e))),
    }
}

/// The error with its causes.
fn causes(e: &hyper::Error) -> String {
    let mut text = e.to_string();
    let mut cause = std::error::Error::source(e);
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}
