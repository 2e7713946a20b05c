//! Lines that are Floodmark's own events.

use floodmark_schemas::BatchBuilder;
use floodmark_schemas::batch::SeriesRef;
use floodmark_schemas::frame::{EventOrSample, parse_event_or_sample};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::template::{Reading, Template};
use crate::sources::received::{self, writable};

/// After how many lines of another shape a new template is learnt.
const STRANGERS_MAX: u32 = 8;
/// How many templates are learnt before lines are taken to be of no common shape.
const TEMPLATES_MAX: u32 = 64;

/// How many spellings are remembered before all are forgotten: a bound for files where few lines are spelled alike.
const SPELLINGS_MAX: usize = 1_000_000;

/// Reads events. It remembers how series are spelled, so that a repeated one costs one look-up.
pub struct Native {
    source: String,
    known: HashMap<Box<[u8]>, SeriesRef, FixedState>,
    spelling: Vec<u8>,
    template: Option<Template>,
    /// The series of lines like the template, by how the template sees them.
    alike: HashMap<Box<[u8]>, SeriesRef, FixedState>,
    /// How many lines in a row were of another shape.
    strangers: u32,
    templates: u32,
}

impl Native {
    /// A reader for events of `source`; what the lines say of their source does not count.
    pub fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            known: HashMap::default(),
            spelling: Vec::new(),
            template: None,
            alike: HashMap::default(),
            strangers: STRANGERS_MAX,
            templates: 0,
        }
    }

    /// Forgets the series, because the builder has.
    pub fn forget_series(&mut self) {
        self.known.clear();
        self.alike.clear();
    }

    /// Adds the event of `line` if it is like others before. `line` has no line end.
    pub fn apply_alike(&mut self, line: &[u8], builder: &mut BatchBuilder) -> bool {
        let Some(Reading { id, time, series, value }) = self.template.as_mut().and_then(|template| template.read(line)) else {
            self.strangers = self.strangers.saturating_add(1);
            return false;
        };
        self.strangers = 0;
        let known = self.alike.get(series);
        if let Some(series) = known {
            builder.sample(*series, time, value, id);
        }
        known.is_some()
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
                        if self.known.len() >= SPELLINGS_MAX {
                            self.known.clear();
                        }
                        let new = builder.series(&series.series().map_err(|e| received::chain(&e))?);
                        self.known.insert(self.spelling.as_slice().into(), new);
                        new
                    }
                };
                builder.sample(known, writable(time)?, value, &id);
                self.learn(line.as_bytes(), known);
            }
            // Checks and records, and what is wrong and has to be named exactly.
            _ => builder.event(received::event(line, &self.source, received::Manner::File)?),
        }
        Ok(())
    }

    /// Remembers the shape of a sample that was read, and its series.
    fn learn(&mut self, line: &[u8], series: SeriesRef) {
        if self.strangers >= STRANGERS_MAX && self.templates < TEMPLATES_MAX {
            self.strangers = 0;
            self.templates += 1;
            self.template = Template::learn(line);
            self.alike.clear();
        }
        let Some(template) = &mut self.template else { return };
        if let Some(spelling) = template.read(line).map(|read| read.series)
            && template.accepts(spelling)
        {
            if self.alike.len() >= SPELLINGS_MAX {
                self.alike.clear();
            }
            self.alike.insert(spelling.into(), series);
        }
    }
}
