//! `floodmark alerts send-test`: does a receiver get what it is sent?

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::notify::sample::sample;
use floodmark_core::ports::Clock;
use floodmark_schemas::NotificationReason;
use serde::Serialize;

use super::super::args::Global;
use super::super::exit::{Exit, Failure, Outcome};
use super::super::listing::json_line;
use super::super::open;
use super::super::output::print;
use super::arguments::Format;
use crate::assemble;
use crate::config::{self, Config, Receiver};

pub(super) const HELP: &str = "\
The test is marked as one. It is sent once, and beside the routes: a running server does not notice. At PagerDuty it is an
incident of severity info, which you resolve there. Exit code 69: try again; 1: the receiver refuses it.

Example:
  floodmark alerts send-test team-mail";

/// Arguments of `floodmark alerts send-test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The receiver, as the configuration calls it.
    #[arg(value_name = "RECEIVER")]
    pub receiver: String,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// That the receiver has it, for programs.
#[derive(Serialize)]
struct Sent<'a> {
    receiver: &'a str,
    done: bool,
    /// The notification.
    id: &'a str,
    /// What the receiver said.
    answer: &'a str,
}

/// Sends a test and prints the answer.
///
/// # Errors
/// When the receiver does not take it.
pub(super) fn send_test(global: &Global, args: &Args) -> Outcome {
    let config = config::load(&global.config)?;
    let receiver = find(&config, &args.receiver)?;
    let notifier = assemble::notifier(&args.receiver, &receiver.kind, &config.log)?;
    let notification = sample(&args.receiver, SystemClock.now(), NotificationReason::Test);
    open::block_on(global, async {
        match notifier.deliver(&notification).await {
            Ok(receipt) => print(&match args.format {
                Format::Table => format!("ok: {}\n", receipt.answer),
                Format::Json => json_line(&Sent { receiver: &args.receiver, done: true, id: &notification.id, answer: &receipt.answer }),
            }),
            Err(refusal) => {
                let wait = refusal.retry_after.map(|wait| format!("the receiver asks to wait {} s", wait.as_secs()));
                let failure = Failure::from(refusal.error);
                let remedy = match failure.exit() {
                    Exit::Unreachable => wait.unwrap_or_else(|| "a running server would try this again".to_owned()),
                    _ => "a running server would not try this again: correct the receiver's settings".to_owned(),
                };
                Err(failure.remedy(remedy))
            }
        }
    })
}

/// The receiver of that name.
pub(super) fn find<'a>(config: &'a Config, id: &str) -> Result<&'a Receiver, Failure> {
    config.receivers.get(id).ok_or_else(|| {
        let known: Vec<&str> = config.receivers.keys().map(String::as_str).collect();
        let remedy = match known[..] {
            [] => "the configuration has no [receivers.<id>]; docs/guides/receivers.md shows each kind".to_owned(),
            _ => format!("there are: {}", known.join(", ")),
        };
        Failure::Other(Exit::Usage, format!("there is no receiver {id:?}"), Some(remedy))
    })
}
