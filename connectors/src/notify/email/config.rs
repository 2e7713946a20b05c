//! The settings of `email`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::http::fault_of_timeout;
use super::super::link;
use super::mailbox::Address;
use super::templates;
use crate::settings::{Fault, Secret, Span, Timezone};

/// Sends each notification as a mail, in plain text and HTML.
///
/// Mails of one incident form a thread. A mail that has to be sent again has the same Message-ID. A recipient whom the server
/// does not know is left out; when that is so of all of them, or the server refuses the mail itself, it is not sent again. When
/// it refuses who sends (the password, the sender, relaying), it is tried again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EmailConfig")]
pub struct Config {
    /// The mail server.
    pub host: String,
    /// Its port: 587, with `tls = "always"` 465, with `tls = "never"` 25 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// A PEM file with the authorities to trust instead of those of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The user, with `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password of `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Who sends: `"name@example.org"` or `"Name <name@example.org>"`.
    pub from: Address,
    /// To whom.
    #[serde(default)]
    pub to: Vec<Address>,
    /// Who gets a copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Address>,
    /// Who gets a copy that the others do not see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Address>,
    /// Where answers go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Address>,
    /// What this machine calls itself to the server; the domain of `from` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello: Option<String>,
    /// A folder with templates of one's own: `subject.txt`, `mail.txt`, `mail.html`. Those that are not there are the built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_dir: Option<PathBuf>,
    /// In which time zone times are told.
    #[serde(default)]
    pub timezone: Timezone,
    /// The address of an incident; `{id}` stands for its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// How long one attempt may take: 60 s at most.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Tls {
    /// After STARTTLS; a server that does not offer it is refused.
    #[default]
    Starttls,
    /// From the first byte.
    Always,
    /// Not at all: for a server on this machine.
    Never,
}

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// Settings that send nothing: the built-in templates, times in UTC.
    pub fn built_in() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: None,
            tls: Tls::Starttls,
            ca_file: None,
            user: None,
            password: None,
            from: "floodmark@example.org".parse().expect("it is an address"),
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: None,
            hello: None,
            template_dir: None,
            timezone: Timezone::default(),
            link: None,
            timeout: timeout(),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Starttls => 587,
            Tls::Always => 465,
            Tls::Never => 25,
        })
    }

    /// What cannot work. Reads templates, but no secret and no certificate.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = fault_of_timeout(self.timeout).into_iter().chain(link::fault(self.link.as_ref())).collect();
        if self.host.is_empty() || self.host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@')) {
            faults.push(Fault::of("host", format!("{:?} is not a host", self.host), "write for example \"mail.example.org\""));
        }
        if self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty() {
            faults.push(Fault::of("to", "nobody would get a mail", "write for example to = [\"team@example.org\"]"));
        }
        match (&self.user, &self.password) {
            (Some(_), None) => faults.push(Fault::of("user", "its password is missing", "set `password`")),
            (None, Some(_)) => faults.push(Fault::of("password", "it belongs to nobody", "set `user`")),
            (Some(_), Some(_)) if self.tls == Tls::Never && !self.is_here() => {
                faults.push(Fault::of("tls", "the password would be readable on its way", "use \"starttls\" or \"always\""));
            }
            _ => {}
        }
        if let Some(hello) = &self.hello
            && !hello.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
        {
            faults.push(Fault::of("hello", format!("{hello:?} is not the name of a host"), "write for example \"monitor.example.org\""));
        }
        faults.extend(templates::load(self).err().unwrap_or_default());
        faults
    }

    fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}
