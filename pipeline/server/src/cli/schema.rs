//! `floodmark schema`: what others need to write events and configurations.

use clap::ValueEnum;

use super::exit::Outcome;
use super::output::print;
use crate::config::{config_schema, event_schema, notification_schema, reference};

/// Arguments of `floodmark schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  floodmark schema config > floodmark.schema.json")]
pub struct Args {
    /// Of what.
    #[arg(value_enum)]
    pub of: Of,
}

/// What a schema can be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Of {
    /// One event.
    Event,
    /// One notification, as webhooks and programs get it.
    Notification,
    /// The configuration.
    Config,
    /// The reference of the configuration, as Markdown.
    #[value(hide = true)]
    Reference,
}

/// Prints a schema.
///
/// # Errors
/// When stdout cannot be written to.
pub fn schema(args: &Args) -> Outcome {
    match args.of {
        Of::Event => print(&format!("{:#}\n", event_schema())),
        Of::Notification => print(&format!("{:#}\n", notification_schema())),
        Of::Config => print(&format!("{:#}\n", config_schema())),
        Of::Reference => print(&reference()),
    }
}
