//! The HTTP side: connections, requests, limits.
//!
//! All connections are futures of one task, so that they end with the source and may borrow its ingest. Large bodies are
//! parsed on blocking threads, so that one sender does not hold up the others.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use floodmark_core::ports::{Clock, Ingest};
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::DeadLetter;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::answer::{Answer, Refusal, RejectedEvent};
use super::body::{self, Bad, Body, EVENTS_MAX, Form, REJECTED_MAX};
use super::config::Config;
use crate::settings::SecretText;

/// The one path.
const PATH: &str = "/v1/events";
/// How many connections may be open; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The longest `Idempotency-Key`.
const KEY_BYTES_MAX: usize = 200;
/// How long to wait when the system has no more file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

type Answered = Response<Full<Bytes>>;

/// Serves until the log refuses for good. May be dropped at any await: requests that were not answered may be stored or
/// not, which is what the key is for.
pub async fn serve(
    id: &str,
    config: &Config,
    token: Option<&SecretText>,
    clock: &dyn Clock,
    listener: &TcpListener,
    ingest: &dyn Ingest,
) -> Result<()> {
    let endpoint = Endpoint {
        id,
        config,
        token,
        clock,
        ingest,
        permits: Semaphore::new(config.requests_max.min(Semaphore::MAX_PERMITS)),
        keys: FreshKeys::new(),
        fatal: Mutex::new(None),
    };
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => connections.push(endpoint.connection(TokioIo::new(stream))),
                Err(error) => {
                    warn!(source = id, %error, "cannot accept a connection, will try again");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
            Some(()) = connections.next() => {
                if let Some(error) = endpoint.fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    return Err(error);
                }
            }
        }
    }
}

struct Endpoint<'a> {
    id: &'a str,
    config: &'a Config,
    token: Option<&'a SecretText>,
    clock: &'a dyn Clock,
    ingest: &'a dyn Ingest,
    permits: Semaphore,
    keys: FreshKeys,
    /// What ends the source, once the request that met it is answered.
    fatal: Mutex<Option<Error>>,
}

impl Endpoint<'_> {
    async fn connection(&self, io: TokioIo<tokio::net::TcpStream>) {
        let service = service_fn(|request| async move { Ok::<_, Infallible>(self.answer(request).await) });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.config.timeout.0).max_buf_size(HEAD_BYTES_MAX);
        if let Err(error) = builder.serve_connection(io, service).await {
            debug!(source = self.id, %error, "a connection ended early");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answered {
        match self.take(request).await {
            Ok(answer) => answer.response(),
            Err(refusal) => {
                let mut response = refusal.response();
                // The body may not have been read: what follows on this connection is not a request.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                response
            }
        }
    }

    async fn take(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        if request.uri().path() != PATH {
            return Err(Refusal::new(StatusCode::NOT_FOUND, format!("nothing is here; events go to POST {PATH}")));
        }
        if request.method() != Method::POST {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("events go to POST {PATH}")));
        }
        self.authorize(request.headers())?;
        let form = form(request.headers())?;
        let key = self.key(request.headers())?;
        let _permit = self.permits.try_acquire().map_err(|_| Refusal::unavailable("too many requests are under way"))?;
        let bytes = self.read(request.into_body()).await?;
        let (id, now) = (self.id.to_owned(), self.clock.now());
        let read = tokio::task::spawn_blocking(move || (body::read(&bytes, form, &id, now), bytes)).await;
        let (read, bytes) = read.map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "reading the events failed"))?;
        let too_large = |_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {EVENTS_MAX} events"));
        self.store(read.map_err(too_large)?, &bytes, &key).await
    }

    /// Makes the dead letters and then the events durable.
    async fn store(&self, Body { events, bad }: Body, bytes: &[u8], key: &str) -> Result<Answer, Refusal> {
        if bad.len() > REJECTED_MAX {
            let reason = format!("more than {REJECTED_MAX} events of a request are bad, the first: {}", bad[0].reason);
            self.set_aside(key, 0, reason.clone(), bytes).await?;
            return Err(Refusal::new(StatusCode::BAD_REQUEST, format!("{reason}; nothing of it was stored")));
        }
        for Bad { index, reason, original } in &bad {
            self.set_aside(key, *index, reason.clone(), original).await?;
        }
        let accepted = events.len();
        let is_new = accepted == 0 || self.ingest.publish(events, key).await.map_err(|e| self.refused(e))?;
        let rejected = bad.into_iter().map(|Bad { index, reason, .. }| RejectedEvent { index, reason }).collect();
        Ok(Answer { accepted, duplicate: !is_new, rejected })
    }

    async fn set_aside(&self, key: &str, index: usize, reason: String, original: &[u8]) -> Result<(), Refusal> {
        let origin = format!("POST {PATH} event {index}");
        let letter = DeadLetter::new(self.id, format!("{key}.{index}"), origin, reason, self.clock.now(), original);
        self.ingest.dead_letter(letter).await.map_err(|e| self.refused(e))
    }

    /// What the sender is told of an error of the log.
    fn refused(&self, error: Error) -> Refusal {
        warn!(source = self.id, error = error.chain(), "events were not stored");
        match error.kind() {
            Kind::Rejected => return Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.chain()),
            Kind::Unavailable => {}
            Kind::Conflict | Kind::Broken => *self.fatal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
        }
        Refusal::unavailable("the log does not take events now; repeat the request with the same Idempotency-Key")
    }

    fn authorize(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(token) = self.token else { return Ok(()) };
        let given = headers.get(AUTHORIZATION).and_then(|value| {
            let (scheme, given) = value.as_bytes().split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(given)
        });
        // The time this takes tells nothing but the length.
        let is_right = given.is_some_and(|given| given.ct_eq(token.expose().as_bytes()).into());
        if is_right { Ok(()) } else { Err(Refusal::new(StatusCode::UNAUTHORIZED, "Authorization: Bearer <token> is missing or wrong")) }
    }

    /// The key of the request; prefixes keep the sender's and the fresh ones apart.
    fn key(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        let Some(given) = headers.get("idempotency-key") else { return Ok(self.keys.next()) };
        match given.to_str() {
            Ok(key) if !key.is_empty() && key.len() <= KEY_BYTES_MAX => Ok(format!("key-{key}")),
            _ => Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                format!("Idempotency-Key must have 1 to {KEY_BYTES_MAX} visible ASCII characters"),
            )),
        }
    }

    async fn read(&self, body: Incoming) -> Result<Bytes, Refusal> {
        let limit = self.config.body_bytes_max;
        let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {limit}"));
        if body.size_hint().lower() > limit.0 {
            return Err(too_large());
        }
        let limited = Limited::new(body, usize::try_from(limit.0).unwrap_or(usize::MAX));
        match tokio::time::timeout(self.config.timeout.0, limited.collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(e)) => Err(Refusal::new(StatusCode::BAD_REQUEST, format!("the body could not be read: {e}"))),
            Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not end within {}", self.config.timeout))),
        }
    }
}

fn form(headers: &HeaderMap) -> Result<Form, Refusal> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let refusal = |what: String| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what);
    if let Some(encoding) = text(CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(refusal(format!("Content-Encoding {encoding:?} is not taken: send the body as it is")));
    }
    let content_type = text(CONTENT_TYPE).unwrap_or("none");
    Form::of(content_type).ok_or_else(|| {
        refusal(format!(
            "Content-Type {content_type:?} is not taken: send application/json, application/x-ndjson, application/cloudevents+json or \
             application/cloudevents-batch+json, in UTF-8"
        ))
    })
}

/// Keys for requests that have none: never the same twice, also after a restart.
struct FreshKeys {
    process: u64,
    next: AtomicU64,
}

impl FreshKeys {
    fn new() -> Self {
        // Each `RandomState` is keyed by the system's randomness.
        Self { process: RandomState::new().build_hasher().finish(), next: AtomicU64::new(0) }
    }

    fn next(&self) -> String {
        format!("fresh-{:016x}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
