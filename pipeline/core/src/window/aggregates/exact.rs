//! Sums without rounding.

/// The exact sum of numbers, whatever their order: the parts do not overlap and add up to it (J. R. Shewchuk, Adaptive
/// precision floating-point arithmetic and fast robust geometric predicates, Discrete & Computational Geometry 18, 1997).
///
/// That holds as long as no partial sum leaves the range of numbers; then the sum is not finite any more.
#[derive(Clone, Debug, Default)]
pub(super) struct ExactSum(Vec<f64>);

impl ExactSum {
    pub fn add(&mut self, number: f64) {
        let mut x = number;
        let mut kept = 0;
        for i in 0..self.0.len() {
            let mut y = self.0[i];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                self.0[kept] = low;
                kept += 1;
            }
            x = high;
        }
        self.0.truncate(kept);
        if x != 0.0 {
            self.0.push(x);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|part| self.add(*part));
    }

    /// The sum as numbers of which each is what the ones before it leave, rounded: equal sums have equal parts.
    pub fn parts(&self) -> Vec<f64> {
        let (mut rest, mut parts) = (self.clone(), Vec::new());
        while !rest.0.is_empty() {
            let part = rest.round();
            parts.push(part);
            if !part.is_finite() {
                break;
            }
            rest.add(-part);
        }
        parts
    }

    /// The sum, rounded once: to the nearest number, of two equally near ones to the even one.
    pub fn round(&self) -> f64 {
        let Some((last, rest)) = self.0.split_last() else { return 0.0 };
        let mut high = *last;
        for (i, part) in rest.iter().enumerate().rev() {
            let sum = high + part;
            let low = part - (sum - high);
            high = sum;
            if low != 0.0 {
                // Half-way cases are decided by what comes below.
                let below = rest[..i].last().copied().unwrap_or(0.0);
                if low < 0.0 && below < 0.0 || low > 0.0 && below > 0.0 {
                    let twice = low * 2.0;
                    let moved = high + twice;
                    if twice == moved - high {
                        high = moved;
                    }
                }
                break;
            }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(numbers: &[f64]) -> f64 {
        let mut sum = ExactSum::default();
        numbers.iter().for_each(|n| sum.add(*n));
        sum.round()
    }

    #[test]
    fn nothing_is_lost() {
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[1e300, 1.0, -1e300]), 1.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[1.0, 1e-30, -1e-30, f64::EPSILON / 2.0]), 1.0);
        assert_eq!(sum(&[1.0, f64::EPSILON / 2.0, 1e-30]), 1.0 + f64::EPSILON);
        assert!(!sum(&[f64::MAX, f64::MAX]).is_finite());
    }

    proptest! {
        #[test]
        fn of_whole_numbers_it_is_their_sum_and_order_never_matters(
            whole in prop::collection::vec((-1i64 << 40..1 << 40, 0..12u32), 0..40),
        ) {
            // Multiples of 2^-60: sums are exact in 128 bits.
            let numbers: Vec<f64> = whole.iter().map(|(n, shift)| *n as f64 / f64::from(1u32 << (5 * shift / 2))).collect();
            let scaled: i128 = whole.iter().map(|(n, shift)| i128::from(*n) << (30 - 5 * shift / 2)).sum();
            let expected = scaled as f64 / f64::from(1u32 << 30);
            let backwards: Vec<f64> = numbers.iter().rev().copied().collect();
            prop_assert_eq!(sum(&numbers).to_bits(), (expected + 0.0).to_bits());
            prop_assert_eq!(sum(&backwards).to_bits(), (expected + 0.0).to_bits());
        }
    }
}
