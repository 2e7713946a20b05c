//! From an open file to batches of events: what runs on the thread.

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use floodmark_core::ports::Clock;
use floodmark_core::{Error, Result};
use floodmark_schemas::{BatchBuilder, DeadLetter, EventBatch};

use twox_hash::XxHash3_64;

use super::Progress;
use super::config::Config;
use super::cursor::{Cursor, HEAD_BYTES};
use super::lines::{LINE_BYTES_MAX, Lines, Peek, Skipped};
use super::records::{Found, Parser};

/// After how many lines of the file a batch is cut.
pub const LINES_PER_BATCH: u64 = 1_000;
/// How many bytes of dead letters are collected before they are handed over without waiting for the batch.
const LETTER_BYTES_MAX: usize = 1 << 20;
/// How many series are remembered before all are forgotten: a bound for files that never repeat a series.
const SERIES_MAX: usize = 1_000_000;
const CHANGED: &str = "give the source a new id to read the new file from its beginning";

/// What was read: dead letters first, then the events up to the cursor.
#[derive(Debug)]
pub struct Parsed {
    /// What could not become events.
    pub letters: Vec<DeadLetter>,
    /// Events and where to resume after them.
    pub batch: Option<(EventBatch, String)>,
}

/// A file that is being read.
pub struct Reading {
    source: String,
    path: PathBuf,
    follow: bool,
    clock: Arc<dyn Clock>,
    progress: Arc<Progress>,
    lines: Lines<File>,
    parser: Parser,
    builder: BatchBuilder,
    letters: Vec<DeadLetter>,
    letter_bytes: usize,
    /// The line after which the last batch was cut.
    cut: u64,
    /// The line before the cursor had no end when it was read; what follows in it has to be looked at.
    torn: bool,
}

impl Reading {
    /// Opens the file at `cursor`, or at its beginning.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be opened or read, `Broken` when it is not the file that the cursor was written for,
    /// or has not the columns of the configuration.
    pub fn open(id: &str, config: &Config, clock: Arc<dyn Clock>, cursor: Option<&str>, progress: Arc<Progress>) -> Result<Self> {
        let path = config.path.clone();
        let failed = |e| Error::unavailable(format!("opening {}", path.display())).because(e);
        // Asked before opening: to open a pipe would wait for a writer.
        let metadata = std::fs::metadata(&path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::broken(format!("{} is not a regular file", path.display())));
        }
        let mut file = File::open(&path).map_err(failed)?;
        let head = read_head(&mut file).map_err(failed)?;
        let mut parser = Parser::new(id, config)?;
        let start = cursor.map(Cursor::parse).transpose()?.unwrap_or(Cursor::new(0, 0, &head));
        verify(&path, metadata.len(), &start, &head)?;
        let mut torn = false;
        if start.offset > 0 {
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            let mut lines = Lines::new(&file, 0, 0, b"");
            lines.skip_byte_order_mark().map_err(failed)?;
            parser.read_header(&mut lines, &path, config.follow)?;
            let mut before = [0];
            file.seek(SeekFrom::Start(start.offset - 1)).and_then(|_| file.read_exact(&mut before)).map_err(failed)?;
            torn = before != *b"\n";
        }
        file.seek(SeekFrom::Start(start.offset)).map_err(failed)?;
        progress.bytes_total.store(metadata.len(), Ordering::Relaxed);
        progress.bytes_read.store(start.offset, Ordering::Relaxed);
        Ok(Self {
            source: id.to_owned(),
            follow: config.follow,
            clock,
            progress,
            lines: Lines::new(file, start.offset, start.lines, &head),
            parser,
            builder: BatchBuilder::default(),
            letters: Vec::new(),
            letter_bytes: 0,
            cut: start.lines,
            torn,
            path,
        })
    }

    /// Reads up to the present end of the file and gives what it finds, until `give` says that nobody wants more. May be
    /// called again when the file has grown.
    ///
    /// # Errors
    /// `Unavailable` when reading fails, `Broken` when a column of the configuration is not in the file.
    pub fn read(&mut self, give: &mut dyn FnMut(Parsed) -> bool) -> Result<()> {
        self.lines.skip_byte_order_mark().map_err(|e| failed(&self.path, e))?;
        if !self.parser.read_header(&mut self.lines, &self.path, self.follow)? {
            return Ok(());
        }
        let mut wanted = true;
        while wanted && self.next()? {
            if self.lines.number() / LINES_PER_BATCH != self.cut / LINES_PER_BATCH {
                wanted = self.cut(give);
            } else if self.letter_bytes > LETTER_BYTES_MAX {
                self.letter_bytes = 0;
                wanted = give(Parsed { letters: std::mem::take(&mut self.letters), batch: None });
            }
        }
        if wanted {
            self.cut(give);
        }
        Ok(())
    }

    /// Whether there is something behind what was read.
    ///
    /// # Errors
    /// `Unavailable` when that cannot be known, `Broken` when another file has taken the place of this one.
    pub fn has_grown(&self) -> Result<bool> {
        let metadata = std::fs::metadata(&self.path).map_err(|e| failed(&self.path, e))?;
        let open = self.lines.input().metadata().map_err(|e| failed(&self.path, e))?;
        if !is_same_file(&metadata, &open) || metadata.len() < self.lines.read_to() {
            return Err(Error::broken(format!("{} was cut or replaced while it was followed: {CHANGED}", self.path.display())));
        }
        self.progress.bytes_total.store(metadata.len(), Ordering::Relaxed);
        Ok(metadata.len() > self.lines.read_to())
    }

    /// Reads one record. `false` at the present end of the file.
    fn next(&mut self) -> Result<bool> {
        if self.torn {
            return self.rest_of_torn_line();
        }
        if self.lines.is_skipping() {
            return self.skip();
        }
        match self.parser.find(&mut self.lines, self.follow).map_err(|e| failed(&self.path, e))? {
            Found::End => Ok(false),
            Found::TooLong => self.skip(),
            Found::OpenQuote { length } => {
                self.set_aside(length, 1, "a quoted cell has no end".to_owned());
                Ok(true)
            }
            Found::Record { length, lines } => {
                match self.parser.parse(self.lines.bytes(length), &mut self.builder) {
                    Ok(()) => self.lines.consume(length, lines),
                    Err(reason) => self.set_aside(length, lines, reason),
                }
                Ok(true)
            }
        }
    }

    /// Passes a line above the limit. `false` when its end is not there yet.
    fn skip(&mut self) -> Result<bool> {
        let skipped = match self.lines.skip().map_err(|e| failed(&self.path, e))? {
            None if self.follow => return Ok(false),
            None => self.lines.skipped_at_end(),
            skipped => skipped,
        };
        if let Some(Skipped { offset, kept, bytes }) = skipped {
            let reason = format!("the line has {bytes} bytes and {LINE_BYTES_MAX} are read at most (first {} kept)", kept.len());
            self.letter(offset, self.lines.number(), reason, &kept);
        }
        Ok(true)
    }

    /// Looks at what was appended to a line that had no end when it was read as the last one.
    fn rest_of_torn_line(&mut self) -> Result<bool> {
        let length = match self.lines.peek(0).map_err(|e| failed(&self.path, e))? {
            Peek::End(0) => return Ok(false),
            Peek::End(_) if self.follow => return Ok(false),
            Peek::Found(length) | Peek::End(length) => length,
            // The rest is a line above the limit as any other.
            Peek::TooLong => 0,
        };
        self.torn = false;
        if self.lines.bytes(length).trim_ascii().is_empty() {
            self.lines.consume(length, 0);
        } else {
            self.set_aside(length, 0, "the line was read before it had an end, and this was appended to it".to_owned());
        }
        Ok(true)
    }

    /// Makes a dead letter of the next `length` bytes and passes them.
    fn set_aside(&mut self, length: usize, lines: u64, reason: String) {
        let original = self.lines.bytes(length).trim_ascii_end().to_vec();
        self.letter(self.lines.offset(), self.lines.number() + lines.min(1), reason, &original);
        self.lines.consume(length, lines);
    }

    fn letter(&mut self, offset: u64, line: u64, reason: String, original: &[u8]) {
        // The same bad line has the same id whenever it is read.
        let id = format!("{offset}-{:016x}", XxHash3_64::oneshot(original));
        let origin = format!("{}:{line}", self.path.display());
        self.letter_bytes += original.len() + reason.len();
        self.letters.push(DeadLetter::new(&self.source, id, origin, reason, self.clock.now(), original));
    }

    /// Hands over what was collected. Without events there is nothing to carry a cursor: those lines are read again after
    /// a restart, and their dead letters have the same ids.
    fn cut(&mut self, give: &mut dyn FnMut(Parsed) -> bool) -> bool {
        self.cut = self.lines.number();
        self.progress.bytes_read.store(self.lines.offset(), Ordering::Relaxed);
        let letters = std::mem::take(&mut self.letters);
        self.letter_bytes = 0;
        if letters.is_empty() && self.builder.is_empty() {
            return true;
        }
        let batch = (!self.builder.is_empty()).then(|| (self.builder.take(), self.cursor()));
        if self.builder.series_len() > SERIES_MAX {
            self.builder = BatchBuilder::default();
            self.parser.forget_series();
        }
        give(Parsed { letters, batch })
    }

    fn cursor(&self) -> String {
        Cursor::new(self.lines.offset(), self.cut, self.lines.head()).to_string()
    }
}

fn failed(path: &Path, e: std::io::Error) -> Error {
    Error::unavailable(format!("reading {}", path.display())).because(e)
}

fn read_head(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether the file that begins with `head` can be the one that `cursor` was written for.
fn verify(path: &Path, length: u64, cursor: &Cursor, head: &[u8]) -> Result<()> {
    let why = if length < cursor.offset {
        format!("it has {length} bytes and was read up to {}", cursor.offset)
    } else if Cursor::new(cursor.offset, cursor.lines, head) != *cursor {
        "it begins differently".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::broken(format!("{} is not the file that was read before ({why}): {CHANGED}", path.display())))
}

#[cfg(unix)]
fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_same_file(_: &Metadata, _: &Metadata) -> bool {
    // Without inodes only a file that became shorter is noticed.
    true
}
