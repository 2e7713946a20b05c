//! Lines of a file in large chunks with bounded memory.

use std::io::{self, Read};

use super::cursor::HEAD_BYTES;

/// The longest line, without its end, that is read whole.
pub const LINE_BYTES_MAX: usize = 1 << 20;
const CHUNK_BYTES: usize = 1 << 20;
/// What is kept of a line that is too long.
const KEPT_BYTES: usize = floodmark_schemas::dead_letter::ORIGINAL_BYTES_MAX;

/// What stands next in the file.
#[derive(Debug, PartialEq, Eq)]
pub enum Peek {
    /// Lines that end after this many bytes, with the last line's end.
    Found(usize),
    /// The file ends after this many bytes, without a line end.
    End(usize),
    /// More than [`LINE_BYTES_MAX`] bytes.
    TooLong,
}

/// The beginning of a line that was too long, and how long it was.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Where it began.
    pub offset: u64,
    /// The first bytes.
    pub kept: Vec<u8>,
    /// The whole length.
    pub bytes: u64,
}

/// Reads lines. What `peek` found stays until `consume`.
pub struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where `start` is in the file.
    offset: u64,
    /// How many lines were consumed.
    number: u64,
    /// The first bytes of the file, as far as they were read.
    head: Vec<u8>,
    skipping: Option<Skipped>,
}

impl<R: Read> Lines<R> {
    /// Lines of `input`, which stands at byte `offset` of the file after `number` lines. The file begins with `head`.
    pub fn new(input: R, offset: u64, number: u64, head: &[u8]) -> Self {
        let buffer = vec![0; LINE_BYTES_MAX + CHUNK_BYTES];
        let passed = usize::try_from(offset).unwrap_or(usize::MAX).min(head.len());
        Self { input, buffer, start: 0, end: 0, offset, number, head: head[..passed].to_vec(), skipping: None }
    }

    /// The first bytes of the file, at least those before the next line that a fingerprint covers.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// How many bytes of the file were read.
    pub fn read_to(&self) -> u64 {
        self.offset + (self.end - self.start) as u64
    }

    /// At the beginning of a file, passes a byte order mark.
    pub fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        if self.offset == 0 && self.peek(0)? != Peek::End(0) && self.buffer[self.start..self.end].starts_with(b"\xef\xbb\xbf") {
            self.consume(3, 0);
        }
        Ok(())
    }

    /// How many bytes of the file lie before the next line.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many lines lie before the next one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where the file is read from.
    pub fn input(&self) -> &R {
        &self.input
    }

    /// Looks for the end of the line that contains the byte after `from` bytes.
    pub fn peek(&mut self, from: usize) -> io::Result<Peek> {
        let mut searched = from;
        loop {
            let found = memchr::memchr(b'\n', &self.buffer[self.start + searched..self.end]).map(|i| searched + i);
            match found {
                Some(length) if length > LINE_BYTES_MAX => return Ok(Peek::TooLong),
                Some(length) => return Ok(Peek::Found(length + 1)),
                None => searched = self.end - self.start,
            }
            if searched > LINE_BYTES_MAX {
                return Ok(Peek::TooLong);
            }
            if !self.fill()? {
                return Ok(Peek::End(searched));
            }
        }
    }

    /// The next `length` bytes, which `peek` must have found.
    pub fn bytes(&self, length: usize) -> &[u8] {
        &self.buffer[self.start..self.start + length]
    }

    /// Passes `length` bytes and `lines` lines.
    pub fn consume(&mut self, length: usize, lines: u64) {
        self.start += length;
        self.offset += length as u64;
        self.number += lines;
    }

    /// Passes a line that is too long. `None` when the file ends before the line does: a later call goes on.
    pub fn skip(&mut self) -> io::Result<Option<Skipped>> {
        let mut skipped = self.skipping.take().unwrap_or(Skipped { offset: self.offset, ..Skipped::default() });
        loop {
            let rest = &self.buffer[self.start..self.end];
            let found = memchr::memchr(b'\n', rest);
            let part = &rest[..found.unwrap_or(rest.len())];
            let room = KEPT_BYTES.saturating_sub(skipped.kept.len());
            skipped.kept.extend_from_slice(&part[..part.len().min(room)]);
            skipped.bytes += part.len() as u64;
            match found {
                Some(length) => {
                    self.consume(length + 1, 1);
                    return Ok(Some(skipped));
                }
                None => self.consume(part.len(), 0),
            }
            if !self.fill()? {
                self.skipping = Some(skipped);
                return Ok(None);
            }
        }
    }

    /// The line that is being skipped, as far as it is known; afterwards it counts as passed.
    pub fn skipped_at_end(&mut self) -> Option<Skipped> {
        let skipped = self.skipping.take()?;
        self.number += 1;
        Some(skipped)
    }

    /// Whether a line that is too long has begun and not ended.
    pub fn is_skipping(&self) -> bool {
        self.skipping.is_some()
    }

    /// Reads more behind what is there. `false` at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let at = self.read_to();
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(n) => {
                    if at < HEAD_BYTES as u64 && at == self.head.len() as u64 {
                        let missing = HEAD_BYTES - self.head.len();
                        self.head.extend_from_slice(&self.buffer[self.end..self.end + n.min(missing)]);
                    }
                    self.end += n;
                    return Ok(n > 0);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as a slow disk might.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(out.len()).min(self.0.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn lines_are_whole_however_the_bytes_arrive() {
        for step in [1, 2, 3, 100] {
            let mut lines = Lines::new(Dribble(b"a\n\nbcd\r\nrest", step), 0, 0, b"");
            let mut seen = Vec::new();
            while let Peek::Found(length) = lines.peek(0).unwrap() {
                seen.push(lines.bytes(length).to_vec());
                lines.consume(length, 1);
            }
            assert_eq!(seen, [&b"a\n"[..], b"\n", b"bcd\r\n"]);
            assert_eq!((lines.peek(0).unwrap(), lines.offset(), lines.number()), (Peek::End(4), 8, 3));
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_in_bounded_memory() {
        let long = LINE_BYTES_MAX + 1;
        let mut text = vec![b'x'; long];
        text.extend_from_slice(b"\nnext\n");
        for step in [4096, usize::MAX] {
            let mut lines = Lines::new(Dribble(&text, step), 0, 0, b"");
            assert_eq!(lines.peek(0).unwrap(), Peek::TooLong);
            let skipped = lines.skip().unwrap().unwrap();
            assert_eq!((skipped.kept.len(), skipped.bytes), (KEPT_BYTES, long as u64));
            assert_eq!((lines.peek(0).unwrap(), lines.number()), (Peek::Found(5), 1));
            assert_eq!(lines.buffer.len(), LINE_BYTES_MAX + CHUNK_BYTES);
        }
        let mut lines = Lines::new(Dribble(&text[1..], 4096), 0, 0, b"");
        assert_eq!(lines.peek(0).unwrap(), Peek::Found(long));
    }

    #[test]
    fn a_long_line_that_has_not_ended_yet_is_passed_later() {
        let text = vec![b'x'; 3 * LINE_BYTES_MAX];
        let mut lines = Lines::new(Dribble(&text, usize::MAX), 0, 0, b"");
        assert_eq!(lines.peek(0).unwrap(), Peek::TooLong);
        assert_eq!(lines.skip().unwrap(), None);
        assert!(lines.is_skipping());
        lines.input.0 = b"y\nnext\n";
        assert_eq!(lines.skip().unwrap().unwrap().bytes, text.len() as u64 + 1);
        assert_eq!((lines.peek(0).unwrap(), lines.number()), (Peek::Found(5), 1));
    }
}
