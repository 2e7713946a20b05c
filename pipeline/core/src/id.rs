//! Ids of outputs: hashes of what an output is about, so that a re-run gives the same ids.

use twox_hash::XxHash3_128;

/// Makes ids of one job. It keeps a buffer, so that an id costs one allocation: its own text.
#[derive(Clone, Debug)]
pub struct RollupIds {
    bytes: Vec<u8>,
    job: usize,
}

impl RollupIds {
    /// Ids of outputs of `operator` at `version` on `partition`.
    pub fn new(operator: &str, version: u32, partition: u32) -> Self {
        let mut bytes = Vec::with_capacity(256);
        put_text(&mut bytes, operator);
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&partition.to_le_bytes());
        let job = bytes.len();
        Self { bytes, job }
    }

    /// The id of the rollup of a series (its canonical key) of `source` in the window `[start, end)` at `revision`:
    /// XXH3, 128 bits, seed 0, as 32 hex digits, over operator, version, partition, source, key, start, end and
    /// revision; numbers as little-endian bytes of their width, texts after their length as 8 such bytes.
    /// Source of the hash: <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>.
    pub fn id(&mut self, source: &str, key: &str, start: i64, end: i64, revision: u32) -> String {
        self.bytes.truncate(self.job);
        put_text(&mut self.bytes, source);
        put_text(&mut self.bytes, key);
        self.bytes.extend_from_slice(&start.to_le_bytes());
        self.bytes.extend_from_slice(&end.to_le_bytes());
        self.bytes.extend_from_slice(&revision.to_le_bytes());
        hex(XxHash3_128::oneshot(&self.bytes))
    }
}

/// The id of an alert of `rule` on a series (its canonical key) of `source` that began at a time: XXH3 as in [`RollupIds::id`], over rule,
/// source, key and time.
pub fn alert_id(rule: &str, source: &str, key: &str, began: i64) -> String {
    let mut bytes = Vec::with_capacity(256);
    [rule, source, key].into_iter().for_each(|text| put_text(&mut bytes, text));
    bytes.extend_from_slice(&began.to_le_bytes());
    hex(XxHash3_128::oneshot(&bytes))
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn hex(hash: u128) -> String {
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(hash.to_be_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    str::from_utf8(&text).expect("digits are ASCII").to_owned()
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_changes() {
        // The bytes are spelled out, so that the order and widths are fixed by the test and not by the code.
        let bytes =
            b"\x01\0\0\0\0\0\0\0w\x02\0\0\0\x03\0\0\0\x01\0\0\0\0\0\0\0s\x02\0\0\0\0\0\0\0{}\0\0\0\0\0\0\0\0\x0a\0\0\0\0\0\0\0\x01\0\0\0";
        let expected = format!("{:032x}", XxHash3_128::oneshot(bytes));
        assert_eq!(RollupIds::new("w", 2, 3).id("s", "{}", 0, 10, 1), expected);
        assert_eq!(expected, "cf0c94944a6ef9a67e42f37c0958498d");
    }

    #[test]
    fn the_id_of_an_alert_never_changes() {
        let bytes = b"\x01\0\0\0\0\0\0\0r\x01\0\0\0\0\0\0\0s\x02\0\0\0\0\0\0\0{}\x0a\0\0\0\0\0\0\0";
        assert_eq!(alert_id("r", "s", "{}", 10), format!("{:032x}", XxHash3_128::oneshot(bytes)));
    }

    #[test]
    fn every_part_matters_and_parts_do_not_run_into_each_other() {
        let mut ids = RollupIds::new("ab", 1, 0);
        let all = [
            ids.id("cd", "e", 0, 10, 0),
            ids.id("c", "de", 0, 10, 0),
            ids.id("cd", "e", 1, 10, 0),
            ids.id("cd", "e", 0, 11, 0),
            ids.id("cd", "e", 0, 10, 1),
            RollupIds::new("a", 1, 0).id("bcd", "e", 0, 10, 0),
            RollupIds::new("ab", 2, 0).id("cd", "e", 0, 10, 0),
            RollupIds::new("ab", 1, 1).id("cd", "e", 0, 10, 0),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
