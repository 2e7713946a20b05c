//! Rows on their way: straight into a COPY, or kept so that they can be halved.

use bytes::{Bytes, BytesMut};
use floodmark_core::ports::Entry;
use floodmark_core::{Error, Kind, Result};
use floodmark_schemas::{DeadLetter, DecodeError, FrameHeader, frame};

use super::frames::Rows;
use crate::stores::postgres::dead_letters;
use crate::stores::postgres::fields::Refused;

/// The rows of one frame behind those that wait to be sent. A frame that turns out to be unreadable leaves none.
pub(super) struct Kept {
    pub(super) bytes: BytesMut,
    /// Where each row ends, with the entry and index it is of.
    pub(super) ends: Vec<(usize, usize, u32)>,
    refused: Vec<(u32, Refused)>,
    entry: usize,
    row_start: usize,
}

impl Kept {
    pub(super) fn new(capacity: usize) -> Self {
        Self { bytes: BytesMut::with_capacity(capacity), ends: Vec::new(), refused: Vec::new(), entry: 0, row_start: 0 }
    }

    /// Takes the rows of a frame by `encode`; what of it cannot be stored goes to `dead`.
    pub(super) fn frame(
        &mut self,
        sink: &str,
        (number, entry, header): (usize, &Entry, &FrameHeader),
        dead: &mut Vec<DeadLetter>,
        encode: impl FnOnce(&mut Self) -> Result<(), DecodeError>,
    ) {
        let (bytes, ends) = (self.bytes.len(), self.ends.len());
        (self.entry, self.row_start) = (number, bytes);
        if let Err(e) = encode(self) {
            self.bytes.truncate(bytes);
            self.ends.truncate(ends);
            self.refused.clear();
            dead.push(dead_letters::of_entry(sink, entry, &Error::rejected("reading a frame").because(e)));
        }
        for (index, Refused(reason)) in self.refused.drain(..) {
            dead.push(of_event(sink, entry, header, index, &reason));
        }
    }

    /// Hands out what waits to be sent.
    pub(super) fn take(&mut self) -> Bytes {
        self.ends.clear();
        let capacity = self.bytes.len();
        std::mem::replace(&mut self.bytes, BytesMut::with_capacity(capacity + capacity / 8)).freeze()
    }
}

impl Rows for Kept {
    fn out(&mut self) -> &mut BytesMut {
        self.row_start = self.bytes.len();
        &mut self.bytes
    }

    fn done(&mut self, index: u32, row: Result<(), Refused>) {
        match row {
            Ok(()) => self.ends.push((self.bytes.len(), self.entry, index)),
            Err(refused) => {
                self.bytes.truncate(self.row_start);
                self.refused.push((index, refused));
            }
        }
    }
}

/// The dead letter of one event. The same event gives the same letter.
pub(super) fn of_event(sink: &str, entry: &Entry, header: &FrameHeader, index: u32, reason: &str) -> DeadLetter {
    let id = format!("{}-{}.{index}", entry.position, entry.fingerprint());
    let origin = format!("event {index} of entry {} on {}", entry.position, entry.subject);
    let frame_id = entry.id.clone().unwrap_or_else(|| entry.position.to_string());
    let event = frame::decode(header.encoding, &entry.body, &header.source, &frame_id).ok().and_then(|events| {
        let event = events.get(index as usize)?;
        serde_json::to_vec(event).ok()
    });
    let original = event.as_deref().unwrap_or(&entry.body);
    DeadLetter::new(sink, id, origin, reason, entry.time, original)
}

/// Whether the error says that a row is at fault, and not the connection or the tables.
pub(super) fn is_of_a_row(error: &Error) -> bool {
    error.kind() == Kind::Rejected
}
