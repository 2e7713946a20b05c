//! Which windows an event belongs to.

use std::time::Duration;

use super::calendar::{Unit, Zone};
use crate::{Error, Result};

/// The shape of windows. How long they are says [`super::Spec::size`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Shape {
    /// They follow each other without gaps.
    #[default]
    Tumbling,
    /// They overlap: one begins at every multiple of `slide`.
    Hopping {
        /// From the beginning of one to the beginning of the next; whole microseconds, more than none, at most the size.
        slide: Duration,
    },
    /// Each series has its own: as long as events come with less than the size between them.
    Session,
    /// Days, weeks or months of a time zone. The size plays no part.
    Calendar {
        /// Which.
        unit: Unit,
        /// The time zone.
        zone: Zone,
    },
}

impl Shape {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// `Broken` when windows begin less often than they end, or share more panes than [`PANES_MAX`].
    pub(super) fn check(&self, operator: &str, size: Duration) -> Result<()> {
        let Self::Hopping { slide } = self else { return Ok(()) };
        let broken = |what: String| Err(Error::broken(format!("setting up operator {operator:?}: {what}")));
        if *slide < Duration::from_micros(1) || !slide.subsec_nanos().is_multiple_of(1_000) || *slide > size {
            return broken(format!("a slide of {slide:?} is not whole microseconds between 1 us and the size, {size:?}"));
        }
        let panes = panes(size, *slide);
        if panes > PANES_MAX {
            return broken(format!("windows of {size:?} every {slide:?} share {panes} panes, more than {PANES_MAX}"));
        }
        Ok(())
    }
}

/// The most panes in one window: for each of them a series with events takes memory.
pub const PANES_MAX: u128 = 100_000;

/// How many panes of the greatest length that divides size and slide a window has.
pub fn panes(size: Duration, slide: Duration) -> u128 {
    size.as_micros() / gcd(size.as_micros(), slide.as_micros()).max(1)
}

/// Euclid's algorithm.
pub(super) fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slide_that_cannot_work_is_refused() {
        let secs = Duration::from_secs;
        for (size, slide, works) in [
            (secs(60), secs(10), true),
            (secs(60), secs(60), true),
            (secs(60), secs(25), true),
            (secs(60), secs(61), false),
            (secs(60), Duration::ZERO, false),
            (secs(60), Duration::from_nanos(1_500), false),
            (secs(86_400), Duration::from_micros(1), false),
        ] {
            assert_eq!(Shape::Hopping { slide }.check("w", size).is_ok(), works, "{size:?} {slide:?}");
        }
        assert_eq!((panes(secs(60), secs(25)), panes(secs(3_600), secs(1))), (12, 3_600));
    }
}
