//! Names of what the desk makes: hashes, so that the same comes out again.

use floodmark_schemas::Alert;
use twox_hash::XxHash3_128;

/// XXH3, 128 bits, as 32 hex digits, over the texts, each after its length as 8 little-endian bytes.
pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = XxHash3_128::new();
    for text in texts {
        hasher.write(&(text.len() as u64).to_le_bytes());
        hasher.write(text.as_bytes());
    }
    format!("{:032x}", hasher.finish_128())
}

/// What all alerts of one rule on one series have in common: of a line at most one alert is live.
pub fn line(alert: &Alert) -> String {
    of([alert.rule.as_str(), &alert.source, &alert.series.key()])
}
