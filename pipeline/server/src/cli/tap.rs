//! `floodmark tap`: events as they arrive.

use std::io::Write;

use clap::ValueEnum;
use floodmark_core::ports::{Entry, Limit};
use floodmark_schemas::{Event, FrameHeader, Payload, frame, subject};

use super::args::Global;
use super::describe::{self, plain};
use super::exit::{Exit, Failure, Outcome};
use super::listing::json_line;
use super::open;
use super::output::{Pipe, failed, notice};
use super::selection::{Place, glob};

/// Arguments of `floodmark tap`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  floodmark tap\n  floodmark tap 'web*' --metric '*latency*' --format json | jq .data")]
pub struct Args {
    /// Only of sources whose id matches one of these patterns; `*` stands for any text.
    #[arg(value_name = "PATTERN")]
    pub sources: Vec<String>,
    /// Only samples whose metric matches this pattern.
    #[arg(short, long, value_name = "PATTERN")]
    pub metric: Option<String>,
    /// Stop after so many events.
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub limit: Option<u64>,
    /// How events are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Where the data is.
    #[command(flatten)]
    pub place: Place,
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line for people.
    Text,
    /// One CloudEvent as JSON on each line.
    Json,
}

/// Prints events until Ctrl-C, or until there were as many as asked for, or until nobody reads them any more.
///
/// # Errors
/// When the log cannot be read.
pub fn tap(global: &Global, args: Args) -> Outcome {
    let data = open::data(global, &args.place)?;
    open::block_on(global, async {
        let log = data.log().await?;
        let tail = log.continuity().await?.tail;
        let mut reader = log.reader(vec![subject::EVENTS.to_owned()], tail).await?;
        if global.verbosity() >= 0 {
            notice(&format!("floodmark: waiting for events in {}; Ctrl-C ends it\n", data.place()));
        }
        let mut printer = Printer { out: Pipe::stdout(), left: args.limit.unwrap_or(u64::MAX), source_width: 0 };
        while printer.left > 0 && !printer.out.gone() {
            for entry in reader.next(Limit::default()).await? {
                printer.frame(&entry, &args)?;
            }
        }
        Ok(Exit::Ok)
    })
}

struct Printer {
    out: Pipe,
    left: u64,
    /// The widest source so far: the columns move at most once for each source.
    source_width: usize,
}

impl Printer {
    /// Prints what is wanted of a frame, at once.
    fn frame(&mut self, entry: &Entry, args: &Args) -> Result<(), Failure> {
        let source = subject::parse_events(&entry.subject).map_or("", |(_, source, _)| source);
        if subject::is_ticker(source) || !(args.sources.is_empty() || args.sources.iter().any(|pattern| glob(pattern, source))) {
            return Ok(());
        }
        let events = match events(entry) {
            Ok(events) => events,
            Err(e) => {
                notice(&format!("floodmark: the frame at position {} of the log cannot be read: {}\n", entry.position, e.chain()));
                return Ok(());
            }
        };
        for event in events.iter().filter(|event| wanted(event, args.metric.as_deref())) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let line = match args.format {
                Format::Text => self.line(event),
                Format::Json => json_line(event),
            };
            self.out.text(&line)?;
        }
        self.out.flush().map_err(failed)
    }

    fn line(&mut self, event: &Event) -> String {
        let source = plain(&event.source);
        self.source_width = self.source_width.max(source.chars().count());
        format!("{}  {source:width$}  {}\n", describe::time(event.time), describe::event(event), width = self.source_width)
    }
}

fn events(entry: &Entry) -> floodmark_core::Result<Vec<Event>> {
    let header = FrameHeader::from_headers(&entry.headers)?;
    let frame_id = entry.id.clone().unwrap_or_else(|| entry.position.to_string());
    Ok(frame::decode(header.encoding, &entry.body, &header.source, &frame_id)?)
}

fn wanted(event: &Event, metric: Option<&str>) -> bool {
    match (&event.payload, metric) {
        (_, None) => true,
        (Payload::Sample(sample), Some(pattern)) => glob(pattern, &sample.series.metric),
        (_, Some(_)) => false,
    }
}
