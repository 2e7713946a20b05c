//! More results than memory holds, in order: they are sorted in parts, which are merged when they are read.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

use super::held::Held;

/// What stands before a result in a run: how long its place is, how long what it says, and its revision.
const HEADER: usize = 12;
/// How much of a run in the file is read at once: as much memory as the results had that waited, shared by all runs.
const CHUNK_BYTES: Range<usize> = 4 * 1024..256 * 1024;

/// Results on their way into an order.
#[derive(Debug)]
pub(super) struct Runs {
    path: PathBuf,
    /// How many bytes at the end of a place do not tell whether one result replaces another.
    beside: usize,
    bytes_max: usize,
    /// Each as in a run.
    waiting: Vec<u8>,
    /// Where each of them begins.
    begins: Vec<usize>,
    file: Option<File>,
    /// The runs in the file, in the order in which they were written.
    written: Vec<Range<u64>>,
}

impl Runs {
    /// None. A part that is larger than `bytes_max` goes into a file at `path`, which is made then.
    pub(super) fn new(path: PathBuf, beside: usize, bytes_max: usize) -> Self {
        let (waiting, begins, written) = (Vec::new(), Vec::new(), Vec::new());
        Self { path, beside, bytes_max, waiting, begins, file: None, written }
    }

    /// One more: its revision, its place and what it says.
    pub(super) fn push(&mut self, (revision, place, says): (u32, &[u8], &[u8])) -> io::Result<()> {
        let too_long = |_| io::Error::other("a result of more than 4 GiB");
        let lengths = (u32::try_from(place.len()).map_err(too_long)?, u32::try_from(says.len()).map_err(too_long)?);
        if self.waiting.len() + size_of::<usize>() * self.begins.len() >= self.bytes_max {
            self.write()?;
        }
        self.begins.push(self.waiting.len());
        [lengths.0, lengths.1, revision].iter().for_each(|number| self.waiting.extend(number.to_le_bytes()));
        self.waiting.extend_from_slice(place);
        self.waiting.extend_from_slice(says);
        Ok(())
    }

    /// Writes what waits as a run. When that fails it waits still.
    fn write(&mut self) -> io::Result<()> {
        let run = self.sorted();
        let mut file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&self.path)?,
        };
        let from = self.written.last().map_or(0, |last| last.end);
        let outcome = file.seek(SeekFrom::Start(from)).and_then(|_| file.write_all(&run));
        self.file = Some(file);
        outcome?;
        self.written.push(from..from + run.len() as u64);
        self.waiting.clear();
        self.begins.clear();
        Ok(())
    }

    /// What waits, in order and one in each place.
    fn sorted(&mut self) -> Vec<u8> {
        let Self { waiting, begins, beside, .. } = self;
        let results = begins.iter().map(|begin| Framed::read(&waiting[*begin..]).expect("it was written by `push`"));
        let mut results: Vec<Framed<'_>> = results.collect();
        // Of equal ones the first that was pushed stays first, and stays alone.
        results.sort_by(|a, b| a.order(*beside).cmp(&b.order(*beside)));
        results.dedup_by(|later, first| later.replaces(*beside) == first.replaces(*beside));
        let mut run = Vec::with_capacity(waiting.len());
        results.iter().for_each(|result| run.extend_from_slice(result.whole));
        run
    }

    /// All of them, in order. None are left.
    pub(super) fn merged(&mut self) -> io::Result<Merged> {
        let chunk = (self.bytes_max / (self.written.len() + 1)).clamp(CHUNK_BYTES.start, CHUNK_BYTES.end);
        let mut runs: Vec<Run> = self.written.drain(..).map(|rest| Run { rest, ahead: Vec::new(), at: 0, chunk }).collect();
        runs.push(Run { rest: 0..0, ahead: self.sorted(), at: 0, chunk });
        (self.waiting, self.begins) = (Vec::new(), Vec::new());
        let mut merged = Merged { file: self.file.take(), beside: self.beside, runs, heads: BinaryHeap::new() };
        (0..merged.runs.len()).try_for_each(|run| merged.advance(run))?;
        Ok(merged)
    }
}

/// A result in a run.
struct Framed<'a> {
    whole: &'a [u8],
    revision: u32,
    place: &'a [u8],
    says: &'a [u8],
}

impl<'a> Framed<'a> {
    /// The first of a run, unless it is not there in full.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (place, says, revision) = (number(bytes, 0)?, number(bytes, 4)?, number(bytes, 8)?);
        let place_end = HEADER + place as usize;
        let end = place_end + says as usize;
        Some(Self { whole: bytes.get(..end)?, revision, place: bytes.get(HEADER..place_end)?, says: bytes.get(place_end..end)? })
    }

    /// What is the same in all results of which one counts.
    fn replaces(&self, beside: usize) -> &'a [u8] {
        replaces(self.place, beside)
    }

    fn order(&self, beside: usize) -> (&'a [u8], Reverse<u32>) {
        (self.replaces(beside), Reverse(self.revision))
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn replaces(place: &[u8], beside: usize) -> &[u8] {
    &place[..place.len().saturating_sub(beside)]
}

/// One sorted part.
struct Run {
    /// What of it is to be read from the file.
    rest: Range<u64>,
    /// What was read of it.
    ahead: Vec<u8>,
    /// Up to where that was given.
    at: usize,
    chunk: usize,
}

impl Run {
    fn next(&mut self, file: Option<&mut File>) -> io::Result<Option<Held>> {
        if let Some(held) = self.take() {
            return Ok(Some(held));
        }
        let Some(file) = file else { return self.ended() };
        while !self.rest.is_empty() {
            self.ahead.drain(..self.at);
            self.at = 0;
            let (old, more) = (self.ahead.len(), self.chunk.min(usize::try_from(self.rest.end - self.rest.start).unwrap_or(self.chunk)));
            self.ahead.resize(old + more, 0);
            file.seek(SeekFrom::Start(self.rest.start))?;
            file.read_exact(&mut self.ahead[old..])?;
            self.rest.start += more as u64;
            if let Some(held) = self.take() {
                return Ok(Some(held));
            }
        }
        self.ended()
    }

    fn take(&mut self) -> Option<Held> {
        let Framed { whole, revision, place, says } = Framed::read(&self.ahead[self.at..])?;
        self.at += whole.len();
        Some(Held { revision, place: place.into(), says: says.into() })
    }

    fn ended(&self) -> io::Result<Option<Held>> {
        match self.at == self.ahead.len() && self.rest.is_empty() {
            true => Ok(None),
            false => Err(io::Error::other("a result is cut off")),
        }
    }
}

/// Results in order, one in each place.
pub(super) struct Merged {
    file: Option<File>,
    beside: usize,
    runs: Vec<Run>,
    heads: BinaryHeap<Reverse<First>>,
}

impl Merged {
    /// The next one.
    pub(super) fn next(&mut self) -> io::Result<Option<Held>> {
        let Some(Reverse(first)) = self.heads.pop() else { return Ok(None) };
        self.advance(first.run)?;
        // The others in its place are of lower revisions, or came later.
        while let Some(Reverse(other)) = self.heads.peek()
            && other.replaces() == first.replaces()
        {
            let run = other.run;
            self.heads.pop();
            self.advance(run)?;
        }
        Ok(Some(first.held))
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        if let Some(held) = self.runs[run].next(self.file.as_mut())? {
            self.heads.push(Reverse(First { held, run, beside: self.beside }));
        }
        Ok(())
    }
}

/// The first result of a run that was not given yet.
struct First {
    held: Held,
    run: usize,
    beside: usize,
}

impl First {
    fn replaces(&self) -> &[u8] {
        replaces(&self.held.place, self.beside)
    }
}

impl Ord for First {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.replaces(), Reverse(self.held.revision), self.run).cmp(&(other.replaces(), Reverse(other.held.revision), other.run))
    }
}

impl PartialOrd for First {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for First {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for First {}
