//! The connection to the servers: how it is made, what is asked of them, what it says of itself.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{Context, ContextBuilder, RequestErrorKind};
use async_nats::jetstream::kv;
use async_nats::jetstream::response::Response;
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event};
use floodmark_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tracing::{info, warn};

use super::error::{Answer, unanswered};
use super::{Config, Log, Spec, streams};
use crate::settings::Fault;

/// The oldest server that is good enough: older ones lose what they acknowledged (R3 before 2.12.3), damage streams while
/// compacting (before 2.12.12), or take settings they do not know and ignore them (before 2.10).
const VERSION_MIN: (u32, u32, u32) = (2, 12, 12);
/// Two unanswered pings end a connection: a server that hangs is noticed after half a minute.
const PING_EVERY: Duration = Duration::from_secs(10);
const RECONNECT_FIRST: Duration = Duration::from_millis(50);
const RECONNECT_MAX: Duration = Duration::from_secs(5);

/// A connection to NATS servers with JetStream, for all logs and buckets of one installation. Reconnects by itself for
/// ever; clones share it.
#[derive(Clone)]
pub struct Connection {
    pub(super) context: Context,
    pub(super) config: Arc<Config>,
    pub(super) link: Link,
}

impl Connection {
    /// Connects to one of the servers and checks that it can hold logs.
    ///
    /// # Errors
    /// `Unavailable` when no server answers: repeat. `Broken` when the server is too old, has no JetStream, does not accept
    /// who connects, or its certificate cannot be verified; the text says what to do.
    pub async fn open(config: &Config) -> Result<Self> {
        if let Some(fault) = config.validate().into_iter().next() {
            return Err(fault.into());
        }
        let (events, link) = Link::new();
        let options = options(config).await?.event_callback(move |event| {
            events.take(&event);
            std::future::ready(())
        });
        let doing = || format!("connecting to {}", config.servers.join(", "));
        let client = options.connect(config.servers.as_slice()).await.map_err(|e| unconnected(doing(), config, e))?;
        check_version(&client.server_info().version).map_err(|text| Error::broken(format!("{}: {text}", doing())))?;
        let context = ContextBuilder::new().timeout(config.request_timeout.0).build(client);
        let connection = Self { context, config: Arc::new(config.clone()), link };
        connection.check_jetstream().await?;
        Ok(connection)
    }

    /// The log of events.
    pub fn events(&self) -> Arc<Log> {
        self.log(&Spec::events())
    }

    /// The log of outputs, snapshots and dead letters.
    pub fn outputs(&self) -> Arc<Log> {
        self.log(&Spec::outputs())
    }

    /// The log on one stream, which [`Self::ensure`] has made.
    pub fn log(&self, spec: &Spec) -> Arc<Log> {
        Arc::new(Log::new(self.clone(), spec))
    }

    /// The client, for what is not a log.
    pub fn client(&self) -> Client {
        self.context.client()
    }

    /// The version of the server it is connected to.
    pub fn server_version(&self) -> String {
        self.client().server_info().version
    }

    /// The bucket `<PREFIX>_<NAME>` for keys that vanish when nobody renews them for `max_age`; made when it is not there.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn bucket(&self, name: &str, max_age: Duration) -> Result<kv::Store> {
        let bucket = streams::name(&self.config, name);
        let config = kv::Config {
            bucket: bucket.clone(),
            history: 1,
            max_age,
            storage: streams::storage(&self.config),
            num_replicas: usize::from(self.config.replicas),
            ..kv::Config::default()
        };
        match self.context.create_key_value(config).await {
            Ok(store) => Ok(store),
            // It may be there with other settings: those of who made it hold.
            Err(e) => self
                .context
                .get_key_value(&bucket)
                .await
                .map_err(|_| Error::unavailable(format!("opening the key-value bucket {bucket}")).because(e)),
        }
    }

    /// Waits until the connection is there, at most as long as a request may take.
    pub(super) async fn connected(&self) -> Result<u64> {
        let mut link = self.link.clone();
        let timeout = self.config.request_timeout.0;
        match tokio::time::timeout(timeout, link.0.wait_for(|state| state.connected)).await {
            Ok(Ok(state)) => Ok(state.losses),
            Ok(Err(_)) => Err(Error::unavailable("using a connection to NATS that was closed")),
            Err(_) => Err(Error::unavailable("waiting for the connection to NATS: no server is reachable")),
        }
    }

    /// Asks the JetStream API.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        doing: impl Fn() -> String,
        subject: String,
        request: &impl Serialize,
    ) -> Result<Answer<T>> {
        self.connected().await.map_err(|e| Error::new(e.kind(), doing()).because(e))?;
        let response: Response<T> = self.context.request(subject, request).await.map_err(|e| unanswered(doing(), e))?;
        Ok(match response {
            Response::Ok(value) => Answer::Given(value),
            Response::Err { error } => Answer::Refused(error),
        })
    }

    async fn check_jetstream(&self) -> Result<()> {
        let doing = || "asking the NATS server for JetStream".to_owned();
        let answer = self.context.request::<_, _, Response<serde_json::Value>>("INFO".to_owned(), &()).await;
        match answer {
            Ok(Response::Ok(_)) => Ok(()),
            Ok(Response::Err { error }) => Err(super::error::refused(doing(), error)),
            Err(e) if e.kind() == RequestErrorKind::NoResponders && !self.client().server_info().jetstream => {
                let text = format!("{}: it is off; start the server with `jetstream {{}}` in its configuration (or `-js`)", doing());
                Err(Error::broken(text).because(e))
            }
            Err(e) => Err(unanswered(doing(), e)),
        }
    }
}

/// What is known of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    connected: bool,
    /// How often it was lost.
    losses: u64,
}

/// Tells of the connection as it changes.
#[derive(Clone, Debug)]
pub(super) struct Link(watch::Receiver<State>);

impl Link {
    fn new() -> (Events, Self) {
        let (sender, receiver) = watch::channel(State { connected: true, losses: 0 });
        (Events(sender), Self(receiver))
    }

    /// Waits until the connection was lost more than `losses` times. May be dropped at any await.
    pub(super) async fn lost(&self, losses: u64) {
        let mut link = self.0.clone();
        if link.wait_for(|state| state.losses > losses).await.is_err() {
            // The client is gone; what waits for it ends by itself.
            std::future::pending::<()>().await;
        }
    }
}

struct Events(watch::Sender<State>);

impl Events {
    fn take(&self, event: &Event) {
        match event {
            Event::Connected => {
                info!("the connection to NATS is there");
                self.0.send_modify(|state| state.connected = true);
            }
            Event::Disconnected => {
                warn!("the connection to NATS is lost, connecting again");
                self.0.send_modify(|state| *state = State { connected: false, losses: state.losses + 1 });
            }
            Event::LameDuckMode => warn!("the NATS server is about to stop"),
            Event::SlowConsumer(subscription) => {
                warn!(subscription, "messages of a NATS subscription were dropped, they will be read again")
            }
            Event::ServerError(error) => warn!(%error, "the NATS server reports an error"),
            Event::ClientError(error) => warn!(%error, "the connection to NATS has an error"),
            Event::Draining | Event::Closed => info!("the connection to NATS is closed"),
        }
    }
}

/// How to connect as the settings say; reads secrets.
pub(crate) async fn options(config: &Config) -> Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name("floodmark")
        .connection_timeout(config.connect_timeout.0)
        .request_timeout(Some(config.request_timeout.0))
        .ping_interval(PING_EVERY)
        .reconnect_delay_callback(delay);
    if let (Some(user), Some(password)) = (&config.user, &config.password) {
        options = options.user_and_password(user.clone(), password.read()?.expose().to_owned());
    }
    if let Some(token) = &config.token {
        options = options.token(token.read()?.expose().to_owned());
    }
    if let Some(seed) = &config.nkey {
        options = options.nkey(seed.read()?.expose().to_owned());
    }
    if let Some(path) = &config.credentials {
        let doing = || format!("reading `credentials`, {}", path.display());
        options = options.credentials_file(path).await.map_err(|e| Error::broken(doing()).because(e))?;
    }
    if let Some(tls) = &config.tls {
        options = options.require_tls(true);
        if let Some(ca) = &tls.ca {
            options = options.add_root_certificates(ca.clone());
        }
        if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        if tls.first {
            options = options.tls_first();
        }
    }
    Ok(options)
}

/// How long to wait before attempt `attempt`: doubling, capped, and different for each client so that they do not all
/// come back at once.
fn delay(attempt: usize) -> Duration {
    let Some(doublings) = attempt.checked_sub(2) else { return Duration::ZERO };
    let full = RECONNECT_FIRST.saturating_mul(1 << doublings.min(16)).min(RECONNECT_MAX);
    let share = RandomState::new().hash_one(attempt) % 1024;
    full.mul_f64(0.5 + share as f64 / 2048.0)
}

fn unconnected(doing: String, config: &Config, error: ConnectError) -> Error {
    let certificates = cause_of_tls(&error);
    let identity = || match (&config.user, &config.token, &config.nkey, &config.credentials) {
        (Some(_), ..) => "check `user` and `password`",
        (_, Some(_), ..) => "check `token`",
        (_, _, Some(_), _) => "check `nkey`: it must hold the seed, and the server its public key",
        (.., Some(_)) => "check `credentials`",
        _ => "it wants to know who connects: set `user` and `password`, `token`, `nkey` or `credentials`",
    };
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            Error::broken(format!("{doing}: the server does not accept who connects; {}", identity()))
        }
        ConnectErrorKind::ServerParse => Error::broken(Fault::of("servers", "an address cannot be read", doing).to_string()),
        ConnectErrorKind::Tls => Error::broken(format!("{doing}: check the files that `tls` names")),
        _ if certificates => Error::broken(format!(
            "{doing}: the certificates do not fit; `tls.ca` must hold the authority of the server, `tls.certificate` and `tls.key` one that the server accepts"
        )),
        _ => Error::unavailable(doing),
    }
    .because(error)
}

/// Whether a certificate was refused, by us or by the server.
fn cause_of_tls(error: &ConnectError) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).or_else(|| error.downcast_ref());
        if let Some(tls) = tls {
            return matches!(tls, rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_));
        }
        cause = error.source();
    }
    false
}

/// The text says what was found, what is needed and why.
fn check_version(found: &str) -> Result<(), String> {
    let mut numbers = found.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    let mut next = || numbers.next().flatten();
    let version = (next(), next(), next());
    let (major, minor, patch) = VERSION_MIN;
    match version {
        (Some(a), Some(b), Some(c)) if (a, b, c) >= VERSION_MIN => Ok(()),
        _ => Err(format!(
            "the server is NATS {found}, but {major}.{minor}.{patch} or newer is needed: older ones may lose entries that they have \
             acknowledged, and ignore settings that they do not know"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for good in ["2.12.12", "2.12.13", "2.14.0", "2.15.1", "3.0.0-beta.1", "2.13.0-RC.2"] {
            assert_eq!(check_version(good), Ok(()), "{good}");
        }
        for bad in ["2.12.11", "2.9.10", "2.2.20", "1.99.99", "", "dev", "2.12"] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn waiting_between_attempts_doubles_up_to_a_limit_and_differs() {
        assert_eq!((delay(0), delay(1)), (Duration::ZERO, Duration::ZERO));
        for (attempt, full) in [(2, 50), (3, 100), (8, 3_200), (9, 5_000), (1_000_000, 5_000)] {
            let full = Duration::from_millis(full);
            for _ in 0..50 {
                let delay = delay(attempt);
                assert!(delay >= full / 2 && delay <= full, "{attempt}: {delay:?}");
            }
        }
    }
}
