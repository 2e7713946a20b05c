//! `email`: a notification as a mail, in plain text and HTML.

pub mod config;
pub mod mailbox;
mod message;
mod smtp;
mod taken;
mod templates;

use async_trait::async_trait;
use floodmark_core::ports::{Notifier, Receipt, Refusal};
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::Notification;
use lettre::Address;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;

pub use self::config::{Config, Tls};
use self::smtp::{Outcome, Server};
use self::taken::Taken;
pub use self::templates::Texts;
use super::check::Look;
use super::scrub::Secrets;
use super::templates::Templates;
use crate::settings::Fault;

/// The mail for a notification, in words.
///
/// # Errors
/// `Broken` when a template cannot be read, `Rejected` when it fails.
pub fn texts(config: &Config, notification: &Notification) -> Result<Texts> {
    templates::render(&templates::load(config).map_err(first)?, config, notification)
}

fn first(faults: Vec<Fault>) -> Error {
    faults.into_iter().next().map_or_else(|| Error::broken("reading templates"), Error::from)
}

/// One receiver of the kind `email`.
pub struct Email {
    config: Config,
    templates: Templates,
    server: Server,
    secrets: Secrets,
    taken: Taken,
}

impl Email {
    /// Prepares a receiver. Reads secrets and templates, connects to nothing.
    ///
    /// # Errors
    /// `Broken` when a secret or template cannot be read or a setting cannot work.
    pub fn new(config: Config) -> Result<Self> {
        if let Some(fault) = config.validate().into_iter().next() {
            return Err(fault.into());
        }
        let templates = templates::load(&config).map_err(first)?;
        let mut secrets = Secrets::default();
        let credentials = match (&config.user, &config.password) {
            (Some(user), Some(password)) => Some(Credentials::new(user.clone(), secrets.read(password)?)),
            _ => None,
        };
        let server = Server {
            host: config.host.clone(),
            port: config.port(),
            tls: config.tls,
            ca_file: config.ca_file.clone(),
            credentials,
            hello: ClientId::Domain(config.hello.clone().unwrap_or_else(|| config.from.domain().to_owned())),
            timeout: config.timeout.0,
        };
        Ok(Self { config, templates, server, secrets, taken: Taken::default() })
    }

    async fn attempt(&self, notification: &Notification) -> Result<Receipt> {
        let mail = message::message(&self.config, notification, templates::render(&self.templates, &self.config, notification)?)?;
        let from = mail.envelope().from().cloned().expect("a mail has a sender");
        let before = self.taken.of(&notification.id);
        let mut to: Vec<Address> = Vec::new();
        for address in mail.envelope().to() {
            if !before.contains(address) && !to.contains(address) {
                to.push(address.clone());
            }
        }
        let Outcome { answer, taken, later, never, barred } = self.server.send(&from, &to, &mail.formatted()).await?;
        let somebody_has_it = answer.is_some() || !before.is_empty();
        if !later.is_empty() {
            // The others have it, and are left out of the next attempt.
            self.taken.add(&notification.id, taken);
            return Err(Error::unavailable(self.server.doing(&list(&later))));
        }
        if !somebody_has_it {
            let kind = if barred { Kind::Unavailable } else { Kind::Rejected };
            return Err(Error::new(kind, self.server.doing(&list(&never))));
        }
        self.taken.forget(&notification.id);
        let answer = answer.unwrap_or_else(|| "taken before".to_owned());
        Ok(Receipt { answer: if never.is_empty() { answer } else { format!("{answer}; not taken: {}", list(&never)) } })
    }
}

fn list(refused: &[(Address, String)]) -> String {
    refused.iter().map(|(address, said)| format!("<{address}> {said}")).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl Look for Email {
    async fn look(&self) -> Result<String> {
        self.server.greet().await.map_err(|e| Error::new(e.kind(), self.secrets.scrub(&e.chain())))
    }
}

#[async_trait]
impl Notifier for Email {
    async fn deliver(&self, notification: &Notification) -> Result<Receipt, Refusal> {
        match self.attempt(notification).await {
            Ok(Receipt { answer }) => Ok(Receipt { answer: self.secrets.scrub(&answer) }),
            Err(e) => Err(Error::new(e.kind(), self.secrets.scrub(&e.chain())).into()),
        }
    }
}
