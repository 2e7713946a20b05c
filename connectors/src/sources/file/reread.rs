//! What was set aside once, read again with the settings of today.

use std::fs::File;
use std::path::Path;

use floodmark_core::{Error, Result};
use floodmark_schemas::{BatchBuilder, EventBatch};

use super::config::{Config, Format};
use super::lines::Lines;
use super::records::{Found, Parser};

/// The events in `original`, lines of the file of `config` as they were set aside or as somebody has corrected them. The
/// names of the columns of a table are taken from the file.
///
/// # Errors
/// `Rejected` with the reason when a line is still none; `Unavailable` or `Broken` when the file is needed for the names
/// of its columns and cannot be read.
pub fn reread(source: &str, config: &Config, original: &str) -> Result<EventBatch> {
    let mut parser = Parser::new(source, config)?;
    if config.resolved_format()? == Format::Csv {
        read_header(&mut parser, &config.path)?;
    }
    let mut lines = Lines::new(original.as_bytes(), 0, 0, b"");
    let mut builder = BatchBuilder::default();
    loop {
        let found = parser.find(&mut lines, false).map_err(|e| Error::broken("reading from memory").because(e))?;
        let reason = match found {
            Found::End => return Ok(builder.take()),
            Found::TooLong => "the line is too long".to_owned(),
            Found::OpenQuote { .. } => "a quoted cell has no end".to_owned(),
            Found::Record { length, lines: count } => match parser.parse(lines.bytes(length), &mut builder) {
                Ok(()) => {
                    lines.consume(length, count);
                    continue;
                }
                Err(reason) => reason,
            },
        };
        return Err(Error::rejected(format!("line {}: {reason}", lines.number() + 1)));
    }
}

fn read_header(parser: &mut Parser, path: &Path) -> Result<()> {
    let failed = |e| Error::unavailable(format!("reading the names of the columns of {}", path.display())).because(e);
    let mut lines = Lines::new(File::open(path).map_err(failed)?, 0, 0, b"");
    lines.skip_byte_order_mark().map_err(failed)?;
    match parser.read_header(&mut lines, path, false)? {
        true => Ok(()),
        false => Err(Error::broken(format!("{} has no line with the names of columns", path.display()))),
    }
}
