//! Numbers for choosing moments and sizes, from a seed that a test prints.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same numbers.
#[derive(Debug)]
pub struct Rng(u64);

impl Rng {
    /// Seeded by `FLOODMARK_SEED` or `FLOODMARK_TEST_SEED`, or else anew; gives the seed to be printed.
    pub fn from_env() -> (Self, u64) {
        let named = ["FLOODMARK_SEED", "FLOODMARK_TEST_SEED"].into_iter().find_map(|name| std::env::var(name).ok());
        let given = named.map(|text| text.parse().expect("a seed is a number"));
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()));
        (Self(seed), seed)
    }

    /// Seeded by a number.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// A number in the range.
    pub fn pick(&mut self, range: Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        range.start + (z ^ (z >> 31)) % (range.end - range.start)
    }
}
