//! One mail over one connection (<https://www.rfc-editor.org/rfc/rfc5321>).
//!
//! Each recipient is asked for on its own: one that the server does not know does not keep the mail from the others. What a
//! server refuses before it was told of the mail (the connection, STARTTLS, the password, the sender) says nothing about the
//! mail: that is `Unavailable`, also with 5xx, so that a password that was corrected is not too late. So it is when it knows the
//! recipients, but takes nothing for them from whom it does not know (relaying).

use std::path::PathBuf;
use std::time::Duration;

use floodmark_core::{Error, Kind, Result};
use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;

use super::super::check::LOOK_MAX;
use super::config::Tls;

/// How long a farewell may take: the mail is there, and waiting changes nothing.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Service not available, the connection is being closed.
const CLOSING: u16 = 421;
/// To log in is missing, too weak or wrong, or must be encrypted (<https://www.rfc-editor.org/rfc/rfc4954#section-6>).
const NOT_LOGGED_IN: [u16; 4] = [530, 534, 535, 538];
/// How what concerns security and policy begins (<https://www.rfc-editor.org/rfc/rfc3463#section-3.8>).
const POLICY: &str = "5.7.";

/// A mail server and who one is there.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
    pub(super) timeout: Duration,
}

/// What became of a mail.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What the server said when it took it; `None` when it did not, for nobody.
    pub(super) answer: Option<String>,
    /// For whom it took it.
    pub(super) taken: Vec<Address>,
    /// For whom it may take it later, with what it said.
    pub(super) later: Vec<(Address, String)>,
    /// For whom it never takes it, with what it said.
    pub(super) never: Vec<(Address, String)>,
    /// Whether one of those was refused because of who sends: another password, or a word to whoever runs the server, helps.
    pub(super) barred: bool,
}

impl Server {
    /// Hands over a mail for `to`, once.
    ///
    /// # Errors
    /// `Unavailable` when it is not known whether the server has it, it asks to come again, or it refuses the sender; `Rejected`
    /// when it refuses the mail.
    pub(super) async fn send(&self, from: &Address, to: &[Address], mail: &[u8]) -> Result<Outcome> {
        let exchange = async {
            let mut connection = self.open().await?;
            let outcome = self.exchange(&mut connection, from, to, mail).await?;
            Ok::<_, Error>((connection, outcome))
        };
        let done = tokio::time::timeout(self.timeout, exchange).await;
        let (mut connection, outcome) = done.map_err(|_| {
            let limit = crate::settings::Span(self.timeout);
            Error::unavailable(self.doing(&format!("it did not answer within {limit}")))
        })??;
        drop(tokio::time::timeout(QUIT_TIMEOUT, connection.abort()).await);
        Ok(outcome)
    }

    /// Connects, encrypts and logs in as for a mail, and goes again.
    pub(super) async fn greet(&self) -> Result<String> {
        let limit = self.timeout.min(LOOK_MAX);
        let late = || Error::unavailable(self.doing(&format!("it did not answer within {}", crate::settings::Span(limit))));
        let mut connection = tokio::time::timeout(limit, self.open()).await.map_err(|_| late())??;
        drop(tokio::time::timeout(QUIT_TIMEOUT, connection.abort()).await);
        let tls = if self.tls == Tls::Never { "without TLS" } else { "with TLS" };
        let user = if self.credentials.is_some() { ", logged in" } else { "" };
        Ok(format!("connected to {}:{} {tls}{user}; no mail was sent", self.host, self.port))
    }

    async fn open(&self) -> Result<AsyncSmtpConnection> {
        let refused = |e: SmtpError| Error::unavailable(self.doing(&e.to_string()));
        let tls = if self.tls == Tls::Never { None } else { Some(self.tls_parameters()?) };
        let (at_once, later) = if self.tls == Tls::Always { (tls, None) } else { (None, tls) };
        let place = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(place, Some(self.timeout), &self.hello, at_once, None);
        let mut connection = connecting.await.map_err(refused)?;
        if let Some(tls) = later {
            connection.starttls(tls, &self.hello).await.map_err(refused)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await.map_err(refused)?;
        }
        Ok(connection)
    }

    fn tls_parameters(&self) -> Result<TlsParameters> {
        let unusable = |e: SmtpError| Error::unavailable(self.doing("setting up TLS")).because(e);
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(file) = &self.ca_file {
            let pem = std::fs::read(file).map_err(|e| Error::unavailable(format!("reading `ca_file`, {}", file.display())).because(e))?;
            builder =
                builder.certificate_store(CertificateStore::None).add_root_certificate(Certificate::from_pem(&pem).map_err(unusable)?);
        }
        builder.build().map_err(unusable)
    }

    async fn exchange(&self, connection: &mut AsyncSmtpConnection, from: &Address, to: &[Address], mail: &[u8]) -> Result<Outcome> {
        let mut parameters = Vec::new();
        if std::iter::once(from).chain(to).any(|address| !<Address as AsRef<str>>::as_ref(address).is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Error::rejected(self.doing("it takes no addresses with letters beyond ASCII")));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        // It knows of the sender, and nothing of the mail.
        let refused = |e: SmtpError| Error::unavailable(self.doing(&said(&e)));
        connection.command(Mail::new(Some(from.clone()), parameters)).await.map_err(refused)?;
        let mut outcome = Outcome::default();
        for address in to {
            match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
                Ok(_) => outcome.taken.push(address.clone()),
                Err(e) if e.is_permanent() => {
                    outcome.never.push((address.clone(), said(&e)));
                    outcome.barred |= is_barred(&e);
                }
                Err(e) if e.is_transient() && e.status().map(u16::from) != Some(CLOSING) => outcome.later.push((address.clone(), said(&e))),
                Err(e) => return Err(self.error(&e)),
            }
        }
        if !outcome.taken.is_empty() {
            connection.command(Data).await.map_err(|e| self.error(&e))?;
            let response = connection.message(mail).await.map_err(|e| self.error(&e))?;
            outcome.answer = Some(text(&response));
        }
        Ok(outcome)
    }

    /// An answer to the mail itself.
    fn error(&self, e: &SmtpError) -> Error {
        let is_final = e.is_permanent() && !is_not_logged_in(e);
        let kind = if is_final { Kind::Rejected } else { Kind::Unavailable };
        Error::new(kind, self.doing(&said(e)))
    }

    pub(super) fn doing(&self, what: &str) -> String {
        format!("sending mail by {}:{}: {what}", self.host, self.port)
    }
}

fn text(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), lines.join(" ")).trim_end().to_owned()
}

fn is_not_logged_in(e: &SmtpError) -> bool {
    e.status().is_some_and(|code| NOT_LOGGED_IN.contains(&code.into()))
}

/// Whether a recipient was refused because of who asks. Servers without enhanced status codes say that they do not relay.
fn is_barred(e: &SmtpError) -> bool {
    let text = std::error::Error::source(e).map(ToString::to_string).unwrap_or_default();
    let is_enhanced = text.starts_with("5.");
    is_not_logged_in(e) || text.starts_with(POLICY) || !is_enhanced && text.to_ascii_lowercase().contains("relay")
}

/// `550 no such user`, or what happened to the connection.
fn said(e: &SmtpError) -> String {
    match (e.status(), std::error::Error::source(e)) {
        (Some(code), Some(text)) => format!("{code} {}", super::super::words::one_line(&text.to_string())),
        _ => e.to_string(),
    }
}
