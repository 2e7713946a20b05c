//! A notification as a mail: the same bytes each time, so that whoever gets it twice can tell.
//!
//! The first mail of an incident has a Message-ID made of the incident and the receiver, every later one that of its own
//! notification; later ones name the first in `In-Reply-To` and `References`, so that programs show one thread
//! (<https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4>). `Auto-Submitted` keeps answering machines quiet
//! (<https://www.rfc-editor.org/rfc/rfc3834#section-5>).

use std::time::{Duration, UNIX_EPOCH};

use floodmark_core::{Error, Result};
use floodmark_schemas::{Notification, Timestamp};
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{MultiPart, SinglePart};

use super::config::Config;
use super::templates::Texts;

/// The Message-ID of a notification.
fn message_id(config: &Config, notification: &Notification) -> String {
    if notification.number == 0 { first_id(config, notification) } else { id(config, &notification.id) }
}

/// The Message-ID of the first notification of its incident to this receiver.
fn first_id(config: &Config, notification: &Notification) -> String {
    id(config, &format!("{}.{}", notification.incident.id, notification.receiver))
}

fn id(config: &Config, left: &str) -> String {
    format!("<{left}@{}>", config.from.domain())
}

/// The mail for a notification.
///
/// # Errors
/// `Rejected` when it cannot be written as a mail.
pub(super) fn message(config: &Config, notification: &Notification, texts: Texts) -> Result<Message> {
    let Texts { subject, text, html } = texts;
    let mut builder = Message::builder()
        .from(config.from.mailbox().clone())
        .date(date(notification.time))
        .message_id(Some(message_id(config, notification)))
        .subject(subject);
    if notification.number > 0 {
        let first = first_id(config, notification);
        builder = builder.in_reply_to(first.clone()).references(first);
    }
    for to in &config.to {
        builder = builder.to(to.mailbox().clone());
    }
    for cc in &config.cc {
        builder = builder.cc(cc.mailbox().clone());
    }
    // They are in the envelope; the library writes no such header.
    for bcc in &config.bcc {
        builder = builder.bcc(bcc.mailbox().clone());
    }
    if let Some(reply_to) = &config.reply_to {
        builder = builder.reply_to(reply_to.mailbox().clone());
    }
    for (name, value) in [
        ("Auto-Submitted", "auto-generated"),
        ("X-Floodmark-Incident", &notification.incident.id),
        ("X-Floodmark-Notification", &notification.id),
        ("X-Floodmark-Severity", notification.incident.severity.name()),
    ] {
        builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned()));
    }
    let boundary = format!("floodmark-{}", notification.id);
    let body = MultiPart::alternative().boundary(boundary).singlepart(SinglePart::plain(text)).singlepart(SinglePart::html(html));
    builder.multipart(body).map_err(|e| Error::rejected("writing the mail").because(e))
}

fn date(time: Timestamp) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(time.micros()).unwrap_or(0))
}
