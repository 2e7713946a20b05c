//! `floodmark alerts render`: what would a receiver be told?

use clap::ValueEnum;
use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::jetstream;
use floodmark_connectors::notify::email::Texts;
use floodmark_connectors::notify::{email, nats, sample::sample};
use floodmark_core::ports::Clock;
use floodmark_schemas::{Notification, NotificationReason, Timestamp};
use serde_json::{Value, json};

use super::super::args::Global;
use super::super::exit::{Exit, Failure, Outcome};
use super::super::output::print;
use super::arguments::time;
use super::send_test::find;
use crate::config::{self, ReceiverKind};

pub(super) const HELP: &str = "\
Examples:
  floodmark alerts render                                          the mail as text, by the built-in templates
  floodmark alerts render --receiver team-mail --format html > mail.html
  floodmark alerts render --receiver chat --reason resolved        the JSON that Slack would get";

/// Arguments of `floodmark alerts render`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A receiver of the configuration; without one a mail is shown, by the built-in templates.
    #[arg(long, value_name = "RECEIVER")]
    pub receiver: Option<String>,
    /// In which form; that of the receiver when absent.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Why it would be sent.
    #[arg(long, value_enum, default_value_t = Reason::Opened)]
    pub reason: Reason,
    /// When it would be sent, as RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Plain text.
    Text,
    /// The HTML of a mail.
    Html,
    /// What is sent as JSON.
    Json,
}

/// Why a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reason {
    /// The incident was opened.
    Opened,
    /// Alerts have come or gone.
    Changed,
    /// It goes on.
    Repeated,
    /// Nobody answered.
    Escalated,
    /// Somebody looks after it.
    Acknowledged,
    /// All is over.
    Resolved,
    /// A test.
    Test,
}

impl From<Reason> for NotificationReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Opened => Self::Opened,
            Reason::Changed => Self::Changed,
            Reason::Repeated => Self::Repeated,
            Reason::Escalated => Self::Escalated,
            Reason::Acknowledged => Self::Acknowledged,
            Reason::Resolved => Self::Resolved,
            Reason::Test => Self::Test,
        }
    }
}

/// Prints what a receiver would be told.
///
/// # Errors
/// When there is no such receiver, it is told in another form, or a template fails.
pub(super) fn render(global: &Global, args: &Args) -> Outcome {
    let at = args.at.unwrap_or_else(|| SystemClock.now());
    let notification = |receiver: &str| sample(receiver, at, args.reason.into());
    let Some(id) = &args.receiver else {
        let notification = notification("team");
        return match args.format.unwrap_or(Format::Text) {
            Format::Json => print_json(&json!(notification)),
            format => print_mail(&email::texts(&email::Config::built_in(), &notification)?, format),
        };
    };
    let config = config::load(&global.config)?;
    let kind = &find(&config, id)?.kind;
    let notification = notification(id);
    let told = match kind {
        ReceiverKind::Email(settings) => {
            return match args.format.unwrap_or(Format::Text) {
                Format::Json => Err(other_form(id, kind, "text or html")),
                format => print_mail(&email::texts(settings, &notification)?, format),
            };
        }
        _ if args.format == Some(Format::Html) => return Err(other_form(id, kind, "json")),
        ReceiverKind::Webhook(settings) => return print(&format!("{}\n", settings.body(&notification)?)),
        _ if args.format == Some(Format::Text) => return Err(other_form(id, kind, "json")),
        ReceiverKind::Slack(settings) => settings.message(&notification),
        ReceiverKind::PagerDuty(settings) => settings.event(&notification),
        ReceiverKind::Alertmanager(settings) => settings.alerts(&notification, at).into(),
        ReceiverKind::Command(_) => json!(notification),
        ReceiverKind::Nats(settings) => messages(settings, config.log.jetstream(), &notification)?,
    };
    print_json(&told)
}

/// The messages on NATS, each with its subject.
fn messages(settings: &nats::Config, log: Option<&jetstream::Config>, notification: &Notification) -> floodmark_core::Result<Value> {
    let message = |alert| Ok(json!({ "subject": settings.subject(alert, log)?, "body": alert }));
    notification.alerts.iter().map(message).collect::<floodmark_core::Result<Vec<_>>>().map(Value::from)
}

fn other_form(id: &str, kind: &ReceiverKind, form: &str) -> Failure {
    let what = format!("receiver {id} of type {:?} is not told in this form", kind.type_name());
    Failure::Other(Exit::Usage, what, Some(format!("use --format {form}")))
}

fn print_json(value: &Value) -> Outcome {
    print(&format!("{value:#}\n"))
}

fn print_mail(texts: &Texts, format: Format) -> Outcome {
    match format {
        Format::Html => print(&format!("{}\n", texts.html)),
        Format::Text | Format::Json => print(&format!("Subject: {}\n\n{}\n", texts.subject, texts.text)),
    }
}
