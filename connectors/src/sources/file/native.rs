//! Lines that are Floodmark's own events.

use floodmark_schemas::BatchBuilder;
use floodmark_schemas::batch::SeriesRef;
use floodmark_schemas::frame::{EventOrSample, parse_event_or_sample};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::sources::received::{self, writable};

/// Reads events. It remembers how series are spelled, so that a repeated one costs one look-up.
pub struct Native {
    source: String,
    known: HashMap<Box<[u8]>, SeriesRef, FixedState>,
    spelling: Vec<u8>,
}

impl Native {
    /// A reader for events of `source`; what the lines say of their source does not count.
    pub fn new(source: &str) -> Self {
        Self { source: source.to_owned(), known: HashMap::default(), spelling: Vec::new() }
    }

    /// Forgets the series, because the builder has.
    pub fn forget_series(&mut self) {
        self.known.clear();
    }

    /// Adds the event of `line`.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn apply(&mut self, line: &str, builder: &mut BatchBuilder) -> Result<(), String> {
        match parse_event_or_sample(line.as_bytes()) {
            Ok((EventOrSample::Sample { id, time, series, value }, taken)) if line[taken..].trim_ascii().is_empty() => {
                self.spelling.clear();
                series.write(&mut self.spelling);
                let known = match self.known.get(self.spelling.as_slice()) {
                    Some(known) => *known,
                    None => {
                        let new = builder.series(&series.series().map_err(|e| received::chain(&e))?);
                        self.known.insert(self.spelling.as_slice().into(), new);
                        new
                    }
                };
                builder.sample(known, writable(time)?, value, &id);
            }
            // Checks and records, and what is wrong and has to be named exactly.
            _ => builder.event(received::event(line, &self.source, received::Manner::File)?),
        }
        Ok(())
    }
}
