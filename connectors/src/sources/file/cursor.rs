//! Where to resume in a file, and whether it is still the same file.

use std::fmt;

use floodmark_core::{Error, Result};

/// How much of the beginning of a file its fingerprint covers.
pub const HEAD_BYTES: usize = 1024;

/// The next line that has not been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Its place in bytes.
    pub offset: u64,
    /// How many lines lie before it.
    pub lines: u64,
    /// Of the bytes before `offset`, [`HEAD_BYTES`] at most.
    pub fingerprint: u64,
}

impl Cursor {
    /// A cursor in the file that begins with `head`.
    pub fn new(offset: u64, lines: u64, head: &[u8]) -> Self {
        let covered = usize::try_from(offset).unwrap_or(usize::MAX).min(head.len()).min(HEAD_BYTES);
        Self { offset, lines, fingerprint: twox_hash::XxHash3_64::oneshot(&head[..covered]) }
    }

    /// Reads the text of a cursor.
    ///
    /// # Errors
    /// `Broken` when it is not one: another kind of source has written under this id.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let cursor = match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("v1"), Some(offset), Some(lines), Some(fingerprint), None) => (|| {
                let fingerprint = u64::from_str_radix(fingerprint, 16).ok()?;
                Some(Self { offset: offset.parse().ok()?, lines: lines.parse().ok()?, fingerprint })
            })(),
            _ => None,
        };
        cursor.ok_or_else(|| {
            Error::broken(format!("the cursor {text:?} was not written by a file source: give this source an id that was not used before"))
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1:{}:{}:{:016x}", self.offset, self.lines, self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_written_and_read() {
        let cursor = Cursor::new(12, 3, b"0123456789abcdef");
        assert_eq!(cursor.to_string(), "v1:12:3:cc054135822ae555");
        assert_eq!(Cursor::parse(&cursor.to_string()).unwrap(), cursor);
    }

    #[test]
    fn the_fingerprint_covers_what_was_read_so_that_growth_does_not_change_it() {
        assert_eq!(Cursor::new(4, 1, b"abc\n"), Cursor::new(4, 1, b"abc\nmore"));
        assert_ne!(Cursor::new(4, 1, b"abc\n"), Cursor::new(4, 1, b"abd\n"));
    }

    #[test]
    fn what_is_not_a_cursor_is_refused() {
        for text in ["", "v1:1:2", "v2:1:2:3", "v1:1:2:x", "v1:-1:2:3", "v1:1:2:3:4"] {
            assert_eq!(Cursor::parse(text).unwrap_err().kind(), floodmark_core::Kind::Broken, "{text}");
        }
    }
}
