//! Windows of each source on its own: a series belongs to one source, so no source has to wait for another.
//!
//! A probe every minute, a host every second and a file from last year may feed one operator: each moves its own
//! watermark and fires its own windows. Operators that put several sources into one window need the least watermark of
//! all of them; this one does not.

use std::collections::BTreeMap;
use std::ops::Range;

use floodmark_schemas::{FrameHeader, Presence, Timestamp, subject};

use crate::ports::{Entry, Operator, Outputs};
use crate::window::{Spec, Windows};
use crate::{Error, Result};

/// Windows, one set for each source.
pub struct BySource {
    spec: Spec,
    parts: BTreeMap<String, Windows>,
}

/// The first bytes of a snapshot.
const MAGIC: &[u8; 8] = b"fm-src-1";

impl BySource {
    /// An operator that has seen nothing.
    ///
    /// # Errors
    /// `Broken` when the spec cannot work.
    pub fn new(spec: Spec) -> Result<Self> {
        part(&spec, "none")?;
        Ok(Self { spec, parts: BTreeMap::new() })
    }
}

fn part(spec: &Spec, source: &str) -> Result<Windows> {
    Windows::new(Spec { sources: Some(vec![source.to_owned()]), ..spec.clone() })
}

impl Operator for BySource {
    fn apply(&mut self, entry: &Entry, outputs: &mut Outputs) -> Result<()> {
        let header = FrameHeader::from_headers(&entry.headers)?;
        if subject::is_ticker(&header.source) {
            return self.parts.values_mut().try_for_each(|part| part.apply(entry, outputs));
        }
        if !self.spec.takes_source(&header.source) {
            return Ok(());
        }
        if !self.parts.contains_key(&header.source) {
            self.parts.insert(header.source.clone(), part(&self.spec, &header.source)?);
        }
        self.parts.get_mut(&header.source).map_or(Ok(()), |part| part.apply(entry, outputs))
    }

    /// The least of all sources.
    fn watermark(&self) -> Option<Timestamp> {
        self.parts.values().filter_map(Operator::watermark).min()
    }

    fn watermarks(&self) -> BTreeMap<String, Timestamp> {
        let of = |part: &Windows| if part.has_ended() { Some(Timestamp::MAX) } else { part.watermark() };
        self.parts.iter().filter_map(|(source, part)| Some((source.clone(), of(part)?))).collect()
    }

    fn presence(&self, since: Timestamp, now: Timestamp) -> BTreeMap<String, Presence> {
        self.parts.iter().filter_map(|(source, part)| Some((source.clone(), part.presence(since, now)?))).collect()
    }

    fn late(&self) -> u64 {
        self.parts.values().map(Operator::late).sum()
    }

    fn undefined(&self) -> u64 {
        self.parts.values().map(Operator::undefined).sum()
    }

    fn events(&self) -> u64 {
        self.parts.values().map(Operator::events).sum()
    }

    fn open(&self, starts: Range<Timestamp>) -> u64 {
        self.parts.values().map(|part| part.open(starts.clone())).sum()
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (source, part) in &self.parts {
            for field in [source.as_bytes(), &part.snapshot()] {
                bytes.extend_from_slice(&(field.len() as u64).to_le_bytes());
                bytes.extend_from_slice(field);
            }
        }
        bytes
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        let broken = || Error::broken("restoring windows by source: the bytes are not a snapshot of them");
        let mut rest = snapshot.strip_prefix(MAGIC).ok_or_else(broken)?;
        let mut field = || -> Option<&[u8]> {
            let (length, after) = rest.split_first_chunk::<8>()?;
            let (field, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            rest = after;
            Some(field)
        };
        let mut fields = Vec::new();
        while let Some(bytes) = field() {
            fields.push(bytes);
        }
        if !rest.is_empty() || !fields.len().is_multiple_of(2) {
            return Err(broken());
        }
        let mut parts = BTreeMap::new();
        for pair in fields.chunks_exact(2) {
            let source = std::str::from_utf8(pair[0]).map_err(|e| broken().because(e))?;
            let mut windows = part(&self.spec, source)?;
            windows.restore(pair[1])?;
            parts.insert(source.to_owned(), windows);
        }
        self.parts = parts;
        Ok(())
    }
}
