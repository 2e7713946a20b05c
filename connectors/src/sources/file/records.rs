//! Records: where one ends in the file, and how it becomes events.

use std::io::{self, Read};
use std::path::Path;

use floodmark_core::{Error, Result};
use floodmark_schemas::BatchBuilder;

use super::cells::{Cell, Cells};
use super::config::{Config, Format};
use super::csv::Splitter;
use super::lines::{Lines, Peek};
use super::mapping::Mapping;
use super::native::Native;
use super::objects;

/// How lines become events.
pub enum Parser {
    /// Floodmark's own events.
    Native(Box<Native>),
    /// Foreign JSON objects.
    Objects(Box<Mapping>, Cells),
    /// A table.
    Csv(Box<Mapping>, Cells, Table),
}

/// The shape of a CSV file.
pub struct Table {
    splitter: Splitter,
    /// For each column of the mapping its place in the file; empty before the header was read.
    places: Vec<usize>,
    width: usize,
}

/// What stands next in the file.
pub enum Found {
    /// A record of so many bytes and lines.
    Record {
        /// With the line end.
        length: usize,
        /// More than one when a quoted cell holds line ends.
        lines: u64,
    },
    /// A line with a quote that does not end.
    OpenQuote {
        /// Of the line.
        length: usize,
    },
    /// A line above the limit.
    TooLong,
    /// Nothing, or a record that is still being written.
    End,
}

impl Parser {
    /// The parser of `config` for events of `source`.
    ///
    /// # Errors
    /// `Broken` when the settings contradict each other.
    pub fn new(source: &str, config: &Config) -> Result<Self> {
        let build = || match config.resolved_format()? {
            Format::Ndjson if !config.is_mapped() => Ok(Self::Native(Box::new(Native::new(source)))),
            Format::Ndjson => Ok(Self::Objects(Box::new(Mapping::new(source, config)?), Cells::default())),
            Format::Csv => {
                let splitter = Splitter::new(config.resolved_delimiter()?);
                let table = Table { splitter, places: Vec::new(), width: 0 };
                Ok(Self::Csv(Box::new(Mapping::new(source, config)?), Cells::default(), table))
            }
        };
        build().map_err(|e: Error| Error::broken(format!("reading {} as source {source:?}", config.path.display())).because(e))
    }

    /// Forgets the series, because the builder has.
    pub fn forget_series(&mut self) {
        match self {
            Self::Native(native) => native.forget_series(),
            Self::Objects(mapping, _) | Self::Csv(mapping, ..) => mapping.forget_series(),
        }
    }

    /// Reads the line with the names of the columns, where the format has one. `false` when it is not there yet.
    ///
    /// # Errors
    /// `Broken` when a column of the mapping is not in it, `Unavailable` when reading fails.
    pub fn read_header<R: Read>(&mut self, lines: &mut Lines<R>, path: &Path, follow: bool) -> Result<bool> {
        match self {
            Self::Csv(_, _, table) if !table.places.is_empty() => return Ok(true),
            Self::Csv(..) => {}
            _ => return Ok(true),
        }
        let failed = |e| Error::unavailable(format!("reading {}", path.display())).because(e);
        loop {
            let (length, count) = match self.find(lines, follow).map_err(failed)? {
                Found::End => return Ok(false),
                Found::Record { length, lines } => (length, lines),
                Found::OpenQuote { .. } | Found::TooLong => {
                    return Err(Error::broken(format!("the first line of {} is not a line with the names of columns", path.display())));
                }
            };
            let text = std::str::from_utf8(lines.bytes(length))
                .map_err(|e| Error::broken(format!("the names of the columns of {} are not UTF-8", path.display())).because(e))?;
            let Self::Csv(mapping, _, table) = self else { return Ok(true) };
            let found = !text.trim_ascii().is_empty();
            if found {
                table.place(text, mapping.columns(), path)?;
            }
            lines.consume(length, count);
            if found {
                return Ok(true);
            }
        }
    }

    /// Finds the end of the next record. The end of the file ends the last record, unless the file is followed.
    pub fn find<R: Read>(&mut self, lines: &mut Lines<R>, follow: bool) -> io::Result<Found> {
        let first = match lines.peek(0)? {
            Peek::Found(length) => length,
            Peek::End(0) => return Ok(Found::End),
            Peek::End(_) if follow => return Ok(Found::End),
            Peek::End(length) => length,
            Peek::TooLong => return Ok(Found::TooLong),
        };
        let Self::Csv(_, _, Table { splitter, .. }) = self else { return Ok(Found::Record { length: first, lines: 1 }) };
        splitter.begin();
        let (mut length, mut count) = (first, 1);
        while !splitter.feed(lines.bytes(length)) {
            match lines.peek(length)? {
                Peek::Found(longer) => length = longer,
                Peek::End(_) if follow => return Ok(Found::End),
                Peek::End(longer) if longer > length => length = longer,
                // One stray quote must not take the rest of the file with it: only its line is set aside.
                Peek::End(_) | Peek::TooLong => return Ok(Found::OpenQuote { length: first }),
            }
            count += 1;
        }
        Ok(Found::Record { length, lines: count })
    }

    /// Adds the events of the record in `bytes`, the one that was found last: all or none.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub fn parse(&mut self, bytes: &[u8], builder: &mut BatchBuilder) -> Result<(), String> {
        if let Self::Native(native) = self
            && native.apply_alike(bytes.trim_ascii_end(), builder)
        {
            return Ok(());
        }
        let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8: {e}"))?;
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        match self {
            Self::Native(native) => native.apply(text.trim_ascii_end(), builder),
            Self::Objects(mapping, cells) => {
                let mut row = cells.lend(mapping.columns().len());
                let result = objects::read(text.trim_ascii_end(), mapping.columns(), &mut row).and_then(|()| mapping.apply(&row, builder));
                cells.give_back(row);
                result
            }
            Self::Csv(mapping, cells, table) => {
                let mut row = cells.lend(mapping.columns().len());
                let result = table.fill(text, &mut row).and_then(|()| mapping.apply(&row, builder));
                cells.give_back(row);
                result
            }
        }
    }
}

impl Table {
    /// Learns from the header in `text` where the columns are.
    fn place(&mut self, text: &str, columns: &[String], path: &Path) -> Result<()> {
        let names: Vec<&str> = (0..self.splitter.len()).map(|i| self.splitter.cell(text, i).trim_ascii()).collect();
        let place = |column: &String| {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == column);
            match (places.next(), places.next()) {
                (Some((i, _)), None) => Ok(i),
                (Some(_), Some(_)) => Err(Error::broken(format!("{} has more than one column {column:?}", path.display()))),
                (None, _) => Err(Error::broken(format!("{} has no column {column:?}; it has {}", path.display(), names.join(", ")))),
            }
        };
        self.places = columns.iter().map(place).collect::<Result<_>>()?;
        self.width = names.len();
        Ok(())
    }

    fn fill<'a>(&'a self, text: &'a str, row: &mut [Cell<'a>]) -> Result<(), String> {
        if self.splitter.len() != self.width {
            return Err(format!("{} cells where the first line of the file has {}", self.splitter.len(), self.width));
        }
        for (cell, place) in row.iter_mut().zip(&self.places) {
            *cell = Cell::of_text(self.splitter.cell(text, *place));
        }
        Ok(())
    }
}
