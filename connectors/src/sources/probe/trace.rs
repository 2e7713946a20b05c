//! What one attempt has learnt so far: it survives the attempt, so that a deadline does not lose what came before it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use floodmark_schemas::{Check, Phases, Reason, Timestamp};
use tokio::time::Instant;

/// Why a target is not up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub reason: Reason,
    /// What happened, for people. Contains no secret.
    pub detail: String,
}

impl Failure {
    /// A failure.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// The parts of an attempt whose time is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Name to address.
    Resolve,
    /// Connection establishment.
    Connect,
    /// TLS handshake.
    Tls,
    /// From the request to the first byte of the answer.
    Processing,
    /// From the first byte of the answer to the last.
    Transfer,
}

/// The record of one attempt.
///
/// A phase is kept when it came to its end. The transfer is also kept when it broke off: its length then says how long
/// the rest was waited for.
#[derive(Debug)]
pub struct Trace {
    /// The status that was answered.
    pub status: Option<u16>,
    /// The address that was used last.
    pub address: Option<String>,
    phases: Phases,
    certificate_expires: Arc<OnceLock<Timestamp>>,
    deadline: Instant,
    stage: Stage,
    since: Instant,
}

impl Trace {
    /// A record of an attempt that must end at `deadline`.
    pub fn until(deadline: Instant) -> Self {
        Self {
            status: None,
            address: None,
            phases: Phases::default(),
            certificate_expires: Arc::default(),
            deadline,
            stage: Stage::Resolve,
            since: Instant::now(),
        }
    }

    /// When the attempt must end.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A stage begins.
    pub fn enter(&mut self, stage: Stage) {
        self.enter_at(stage, None);
    }

    /// A stage began at `start`, or begins now.
    pub fn enter_at(&mut self, stage: Stage, start: Option<Instant>) {
        self.stage = stage;
        self.since = start.unwrap_or_else(Instant::now);
    }

    /// The stage that began last has ended.
    pub fn done(&mut self) {
        self.done_at(Instant::now());
    }

    /// The stage that began last has ended at `end`. Stages of the same name add up, over redirects.
    pub fn done_at(&mut self, end: Instant) {
        let phase = match self.stage {
            Stage::Resolve => &mut self.phases.resolve_us,
            Stage::Connect => &mut self.phases.connect_us,
            Stage::Tls => &mut self.phases.tls_us,
            Stage::Processing => &mut self.phases.processing_us,
            Stage::Transfer => &mut self.phases.transfer_us,
        };
        let micros = end.saturating_duration_since(self.since).as_micros() as u64;
        *phase = Some(phase.unwrap_or(0) + micros);
    }

    /// Where the end of the certificate of the next handshake is to be written. That of the handshake before is
    /// forgotten: a check reports the last.
    pub fn certificate_slot(&mut self) -> Arc<OnceLock<Timestamp>> {
        self.certificate_expires = Arc::default();
        self.certificate_expires.clone()
    }

    /// What it means that the deadline came now.
    pub fn out_of_time(&mut self, timeout: Duration) -> Failure {
        if self.stage == Stage::Transfer {
            self.done();
        }
        let address = self.address.as_deref().unwrap_or("the address");
        match self.stage {
            Stage::Resolve => Failure::new(Reason::Dns, format!("the resolver did not answer within {timeout:?}")),
            Stage::Connect => Failure::new(Reason::ConnectTimeout, format!("{address} did not accept a connection within {timeout:?}")),
            Stage::Tls => Failure::new(
                Reason::TlsOther,
                format!("{address} did not finish the TLS handshake within {timeout:?}; does this port speak TLS?"),
            ),
            Stage::Processing => Failure::new(Reason::FirstByteTimeout, format!("{address} did not answer within {timeout:?}")),
            Stage::Transfer => Failure::new(Reason::BodyTimeout, format!("the answer of {address} did not end within {timeout:?}")),
        }
    }

    /// What was learnt, as a check of `target`.
    pub fn into_check(self, target: &str) -> Check {
        Check {
            status: self.status,
            address: self.address,
            phases: self.phases,
            certificate_expires: self.certificate_expires.get().copied(),
            ..Check::of(target)
        }
    }
}
