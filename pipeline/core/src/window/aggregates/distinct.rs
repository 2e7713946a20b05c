//! How many different ones there are: HyperLogLog.
//!
//! Up to [`EXACT_MAX`] different hashes are kept as they are and the count is exact; more go into 4096 registers, from which
//! the count is estimated with a standard error of 1.04 / sqrt(4096) = 1.6 % (P. Flajolet, E. Fusy, O. Gandouet, F. Meunier,
//! HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm, 2007), without bias tables by O. Ertl, New
//! cardinality estimation algorithms for HyperLogLog sketches, 2017 (arXiv:1702.01284, algorithm 6). A slot takes up to
//! 4 KiB. The state depends on the set of hashes alone, not on their order, repetition or division.

use twox_hash::XxHash3_64;

use crate::Result;
use crate::window::bytes::{Reader, Writer, broken};

/// The logarithm of the number of registers.
const PRECISION: u32 = 12;
const REGISTERS: usize = 1 << PRECISION;
/// Bits of a hash that do not choose the register.
const REST: u32 = u64::BITS - PRECISION;
/// As many hashes as take the place of the registers.
pub(super) const EXACT_MAX: usize = REGISTERS / 8;
/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The hash of a number. Different numbers have different hashes; 0 and -0 are the same number. (The finalizer of SplitMix64
/// is a bijection, <https://prng.di.unimi.it/splitmix64.c>.)
pub(super) fn hash_of_number(number: f64) -> u64 {
    let mut z = (number + 0.0).to_bits().wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The hash of a text.
pub(super) fn hash_of_text(text: &str) -> u64 {
    XxHash3_64::oneshot(text.as_bytes())
}

/// A set of hashes of which only the size can be asked.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::window) enum Distinct {
    /// All of them, rising.
    Few(Vec<u64>),
    /// For each register the greatest rank seen.
    Many(Box<[u8; REGISTERS]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Distinct {
    #[inline]
    pub fn add(&mut self, hash: u64) {
        match self {
            Self::Many(registers) => rank(registers, hash),
            Self::Few(hashes) => {
                if let Err(at) = hashes.binary_search(&hash) {
                    hashes.insert(at, hash);
                    self.grow();
                }
            }
        }
    }

    pub fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Few(hashes)) => hashes.iter().for_each(|hash| self.add(*hash)),
            (Self::Many(mine), Self::Many(theirs)) => {
                mine.iter_mut().zip(theirs.iter()).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
            }
            (Self::Few(hashes), Self::Many(theirs)) => {
                let mut registers = theirs.clone();
                hashes.iter().for_each(|hash| rank(&mut registers, *hash));
                *self = Self::Many(registers);
            }
        }
    }

    /// Goes over to registers when there are too many.
    fn grow(&mut self) {
        let Self::Few(hashes) = self else { return };
        if hashes.len() > EXACT_MAX {
            let mut registers = Box::new([0; REGISTERS]);
            hashes.iter().for_each(|hash| rank(&mut registers, *hash));
            *self = Self::Many(registers);
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::Few(hashes) => hashes.len() as u64,
            Self::Many(registers) => estimate(registers).round() as u64,
        }
    }

    pub fn write(&self, out: &mut Writer) {
        match self {
            Self::Few(hashes) => {
                out.u8(0);
                out.u64(hashes.len() as u64);
                hashes.iter().for_each(|hash| out.u64(*hash));
            }
            Self::Many(registers) => {
                out.u8(1);
                out.bytes(&registers[..]);
            }
        }
    }

    pub fn read(input: &mut Reader<'_>) -> Result<Self> {
        match input.u8()? {
            0 => {
                let hashes: Vec<u64> = (0..input.len(8)?).map(|_| input.u64()).collect::<Result<_>>()?;
                let sound = hashes.len() <= EXACT_MAX && hashes.windows(2).all(|pair| pair[0] < pair[1]);
                if sound { Ok(Self::Few(hashes)) } else { Err(broken("different values are not in order")) }
            }
            1 => {
                let registers: Box<[u8; REGISTERS]> = Box::new(input.bytes()?.try_into().map_err(|_| broken("registers are missing"))?);
                let sound = registers.iter().all(|rank| u32::from(*rank) <= REST + 1);
                if sound { Ok(Self::Many(registers)) } else { Err(broken("a register is too great")) }
            }
            _ => Err(broken("different values are neither few nor many")),
        }
    }
}

#[inline]
fn rank(registers: &mut [u8; REGISTERS], hash: u64) {
    let register = &mut registers[(hash >> REST) as usize];
    let rank = (hash << PRECISION).leading_zeros().min(REST) + 1;
    *register = (*register).max(rank as u8);
}

/// How many hashes the registers have most likely seen. Only additions, multiplications and square roots: the same on every
/// machine.
fn estimate(registers: &[u8; REGISTERS]) -> f64 {
    let mut counts = [0_u32; REST as usize + 2];
    registers.iter().for_each(|rank| counts[usize::from(*rank)] += 1);
    let m = REGISTERS as f64;
    let [none, middle @ .., full] = counts;
    let z = middle.iter().rev().fold(m * tau(1.0 - f64::from(full) / m), |z, count| 0.5 * (z + f64::from(*count)));
    ALPHA * m * m / (z + m * sigma(f64::from(none) / m))
}

/// What registers that saw nothing add.
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut z) = (x, 1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// What registers that can rise no more add.
fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut x, mut y, mut z) = (x, 1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(hashes: impl IntoIterator<Item = u64>) -> Distinct {
        let mut distinct = Distinct::default();
        hashes.into_iter().for_each(|hash| distinct.add(hash));
        distinct
    }

    fn bytes(distinct: &Distinct) -> Vec<u8> {
        let mut out = Writer::default();
        distinct.write(&mut out);
        assert_eq!(&Distinct::read(&mut Reader(&out.0)).unwrap(), distinct);
        out.0
    }

    #[test]
    fn few_are_counted_exactly_and_zero_has_one_sign() {
        let distinct = of((0..EXACT_MAX * 3).map(|n| hash_of_number((n % EXACT_MAX) as f64)));
        assert_eq!(distinct.count(), EXACT_MAX as u64);
        assert_eq!(of([hash_of_number(0.0), hash_of_number(-0.0), hash_of_number(5e-324)]).count(), 2);
    }

    #[test]
    fn the_error_is_as_stated() {
        // Numbers in a row, numbers far apart, and texts: 200 sets of each size. The mean square of the error is that of the
        // paper; three standard errors hold nearly always.
        let error = 1.04 / (REGISTERS as f64).sqrt();
        for size in [600_u64, 5_000, 20_000] {
            let (mut squares, mut far, mut sum) = (0.0, 0, 0.0);
            for seed in 0..200_u64 {
                let hashes = (seed * size..(seed + 1) * size).map(|n| match seed % 3 {
                    0 => hash_of_number(n as f64),
                    1 => hash_of_number(n as f64 * 1e-7),
                    _ => hash_of_text(&format!("host-{n}")),
                });
                let relative = of(hashes).count() as f64 / size as f64 - 1.0;
                squares += relative * relative;
                sum += relative;
                far += u32::from(relative.abs() > 3.0 * error);
            }
            let (root, bias) = ((squares / 200.0).sqrt(), sum / 200.0);
            assert!(root < 1.15 * error && bias.abs() < error / 4.0 && far <= 2, "{size}: {root} {bias} {far}");
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for damaged in [&[2][..], &[0, 2, 0, 0, 0, 0, 0, 0, 0], &[1, 1, 0, 0, 0, 0, 0, 0, 0, 9]] {
            assert!(Distinct::read(&mut Reader(damaged)).is_err());
        }
        let mut many = bytes(&of((0..4_000).map(|n| hash_of_number(f64::from(n)))));
        *many.last_mut().unwrap() = 60;
        assert!(Distinct::read(&mut Reader(&many)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_division_gives_the_same_bytes(numbers in prop::collection::vec(0..2_000_u32, 0..2_000), cuts in [0..2_000_usize, 0..2_000]) {
            let hash = |n: &u32| hash_of_number(f64::from(*n));
            let whole = of(numbers.iter().map(hash));
            let mut cuts = cuts.map(|cut| cut.min(numbers.len()));
            cuts.sort_unstable();
            let parts = [&numbers[..cuts[0]], &numbers[cuts[0]..cuts[1]], &numbers[cuts[1]..]].map(|part| of(part.iter().map(hash)));
            let (mut left, mut right) = (parts[0].clone(), parts[1].clone());
            left.merge(&parts[1]);
            left.merge(&parts[2]);
            right.merge(&parts[2]);
            right.merge(&parts[0]);
            prop_assert_eq!(bytes(&left), bytes(&whole));
            prop_assert_eq!(bytes(&right), bytes(&whole));
        }
    }
}
