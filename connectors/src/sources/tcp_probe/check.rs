//! One address: connect, shake hands, send, and hold what comes back against a pattern.

use async_trait::async_trait;
use floodmark_core::Result;
use floodmark_schemas::Reason;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::config::{Config, HostPort, Target};
use crate::sources::probe::dial::dial;
use crate::sources::probe::settings::{IpVersion, Pattern};
use crate::sources::probe::tls::{PlatformRoots, Tls};
use crate::sources::probe::trace::{Failure, Stage, Trace};
use crate::sources::probe::{Plan, Probe};

/// How much of what a service says is held against the pattern.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How much of it is shown to people.
const SNIPPET_CHARS_MAX: usize = 200;

/// A target that is ready to be looked at.
pub struct TcpProbe {
    plan: Plan,
    address: HostPort,
    ip: IpVersion,
    tls: Option<Tls>,
    send: Option<String>,
    expect: Option<Pattern>,
}

impl TcpProbe {
    /// Prepares `target` with what `config` says for all.
    pub fn new(config: &Config, target: &Target, roots: &PlatformRoots) -> Result<Self> {
        let plan = config.plan(target);
        let verify = target.tls_verify.unwrap_or(config.tls_verify);
        let tls = match (target.tls.unwrap_or(config.tls), verify, target.ca_file.as_ref().or(config.ca_file.as_ref())) {
            (false, _, _) => None,
            (true, false, _) => Some(Tls::trusting_anyone()),
            (true, true, Some(file)) => Some(Tls::trusting_file(file)?),
            (true, true, None) => Some(Tls::trusting_platform(roots.clone())),
        };
        Ok(Self {
            plan,
            address: target.address.clone(),
            ip: target.ip.unwrap_or(config.ip),
            tls,
            send: target.send.clone(),
            expect: target.expect.clone(),
        })
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S, trace: &mut Trace) -> Result<(), Failure> {
        trace.enter(Stage::Processing);
        if let Some(text) = &self.send {
            let sent = async {
                stream.write_all(text.as_bytes()).await?;
                stream.flush().await
            };
            sent.await.map_err(|e| Failure::new(Reason::SendFailed, format!("sending failed: {e}")))?;
        }
        let Some(expect) = &self.expect else { return Ok(()) };
        let mut answer = Vec::new();
        let ended = loop {
            match stream.read_buf(&mut answer).await {
                Ok(0) => break "then the connection ended".to_owned(),
                Err(e) => break format!("then the connection failed: {e}"),
                Ok(n) if answer.len() == n => {
                    trace.done();
                    trace.enter(Stage::Transfer);
                }
                Ok(_) => {}
            }
            if expect.is_in(&answer) {
                trace.done();
                return Ok(());
            }
            if answer.len() >= ANSWER_BYTES_MAX {
                break format!("{ANSWER_BYTES_MAX} bytes were looked at");
            }
        };
        if answer.is_empty() {
            return Err(Failure::new(Reason::BadResponse, format!("the service said nothing; {ended}")));
        }
        trace.done();
        let said: String = String::from_utf8_lossy(&answer).chars().take(SNIPPET_CHARS_MAX).collect();
        Err(Failure::new(Reason::Body, format!("the service said {said:?}, which does not match {:?}; {ended}", expect.to_string())))
    }
}

#[async_trait]
impl Probe for TcpProbe {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    async fn look(&self, trace: &mut Trace) -> Result<(), Failure> {
        let HostPort { host, port } = &self.address;
        let stream = dial(host, *port, self.ip, trace).await?;
        match &self.tls {
            Some(tls) => {
                let stream = tls.handshake(stream, host, &[], trace).await?;
                self.talk(stream, trace).await
            }
            None => self.talk(stream, trace).await,
        }
    }
}
