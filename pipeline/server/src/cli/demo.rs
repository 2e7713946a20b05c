//! `floodmark demo`: a first impression without a configuration.

mod screen;

use std::path::PathBuf;

use floodmark_connectors::settings::Span;

use super::args::Global;
use super::exit::Outcome;
use super::output;
use super::running::{self, Running};
use super::temporary::TemporaryDir;
use crate::config::from_text;

/// Arguments of `floodmark demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  floodmark demo --for 1m")]
pub struct Args {
    /// Stop after this long, such as 30s; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<Span>,
    /// Keep the data in this directory; without it, the data goes when the demo ends.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// What the demo runs: what a person might write as a first configuration.
const CONFIG: &str = r#"
[sources.machine]       # this machine, every second
type = "host"

[sources.itself]        # and Floodmark itself, every five
type = "http_probe"
targets = ["http://127.0.0.1:8320/-/healthy"]
every = "5s"
timeout = "2s"

[operators.ten_seconds]
type = "tumbling"
size = "10s"
"#;

/// Runs the demo.
///
/// # Errors
/// When it cannot start.
pub fn demo(global: &Global, args: Args) -> Outcome {
    global.start_log()?;
    let mut config = from_text("demo", CONFIG)?;
    let temporary = match args.data_dir {
        Some(_) => None,
        None => Some(TemporaryDir::new("demo")?),
    };
    config.data_dir = args.data_dir.or_else(|| temporary.as_ref().map(|dir| dir.path().to_owned())).unwrap_or_default();
    output::notice(&format!(
        "Floodmark watches this machine and itself. Ctrl-C ends it.\nIt runs this configuration, with its data in {}:\n{}\n",
        config.data_dir.display(),
        CONFIG.trim_end().lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect::<String>()
    ));
    let data_dir = config.data_dir.clone();
    let outcome = running::run(Running {
        config,
        path: None,
        duration: args.duration.map(|span| span.0),
        any_port: true,
        onlooker: Some(Box::new(move |view| Box::pin(screen::show(view, data_dir.clone())))),
    });
    if outcome.is_ok() {
        output::notice(&next_steps(temporary.as_ref()));
    }
    outcome
}

fn next_steps(temporary: Option<&TemporaryDir>) -> String {
    let gone = temporary.map_or("", |_| "The demo's data is gone now; `floodmark demo --data-dir demo` keeps it.\n");
    format!(
        "\n{gone}Next:\n  floodmark -c examples/quickstart.toml run      a repository, the weather and a web page as well\n  \
         floodmark -c examples/quickstart.toml check    what a configuration says, or what is wrong with it\n  floodmark --help\n"
    )
}
