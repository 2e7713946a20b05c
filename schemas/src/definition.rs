//! Which definition of an operator an entry of a job is of: what stands in its headers, beside the body.

use crate::Headers;

const VERSION: &str = "Floodmark-Version";
const JOBS: &str = "Floodmark-Jobs";
const REBUILDING: &str = "Floodmark-Rebuilding";

/// The definition that a claim, commit or piece of a state is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    /// The operator's definition as a hash, 8 hex digits.
    pub version: &'a str,
    /// How many jobs the operator has.
    pub jobs: u32,
    /// Whether the job still goes through what was in its input when this definition began. The first entry after that, a
    /// claim if there is nothing to commit, no longer says so.
    pub rebuilding: bool,
}

impl<'a> Definition<'a> {
    /// Writes it into headers.
    pub fn set(&self, headers: &mut Headers) {
        headers.set(VERSION, self.version);
        headers.set(JOBS, self.jobs);
        if self.rebuilding {
            headers.set(REBUILDING, 1);
        }
    }

    /// Reads it; `None` when the headers are of something else. An entry that does not say how many jobs there are is
    /// older than that header, and the only one that counts.
    pub fn of(headers: &'a Headers) -> Option<Self> {
        let version = headers.get(VERSION)?;
        Some(Self { version, jobs: headers.parse(JOBS).unwrap_or(1), rebuilding: headers.get(REBUILDING).is_some() })
    }

    /// Whether headers are of the definition with this version.
    pub fn is(headers: &Headers, version: &str) -> bool {
        headers.get(VERSION) == Some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_reads_back_from_headers() {
        for (jobs, rebuilding) in [(1, false), (8, true)] {
            let definition = Definition { version: "ab12cd34", jobs, rebuilding };
            let mut headers = Headers::default();
            definition.set(&mut headers);
            assert_eq!(Definition::of(&headers), Some(definition));
            assert!(Definition::is(&headers, "ab12cd34") && !Definition::is(&headers, "ab12cd35"));
        }
        let mut older = Headers::default();
        assert_eq!(Definition::of(&older), None);
        older.set(VERSION, "v");
        assert_eq!(Definition::of(&older), Some(Definition { version: "v", jobs: 1, rebuilding: false }));
    }
}
