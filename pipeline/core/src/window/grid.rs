//! Windows that are the same for all series: where they start and end, and which the watermark has passed.

use super::calendar::Calendar;

/// Numbers windows that follow each other without gaps.
#[derive(Clone, Debug)]
pub(crate) enum Grid {
    /// Of one length in microseconds, from the Unix epoch.
    Fixed(i64),
    /// Days, weeks or months.
    Calendar(Calendar),
}

impl Grid {
    /// The window of a time.
    #[inline]
    pub fn index(&self, time: i64) -> i64 {
        match self {
            Self::Fixed(size) => time.div_euclid(*size),
            Self::Calendar(calendar) => calendar.index(time),
        }
    }

    /// Where a window starts and ends. The outermost ones end where time does.
    #[inline]
    pub fn bounds(&self, index: i64) -> (i64, i64) {
        match self {
            Self::Fixed(size) => (index.saturating_mul(*size), index.saturating_add(1).saturating_mul(*size)),
            Self::Calendar(calendar) => calendar.bounds(index),
        }
    }
}

/// The watermark, and which windows of a grid it has passed.
#[derive(Clone, Debug)]
pub(super) struct WindowClock {
    pub grid: Grid,
    pub lateness: i64,
    pub watermark: i64,
    /// Windows before this one have fired.
    pub fired: i64,
    /// Windows before this one are gone.
    pub gone: i64,
}

impl WindowClock {
    pub fn new(grid: Grid, lateness: i64) -> Self {
        let mut clock = Self { grid, lateness, watermark: i64::MIN, fired: 0, gone: 0 };
        clock.set(i64::MIN);
        clock
    }

    /// Sets the watermark.
    pub fn set(&mut self, watermark: i64) {
        self.watermark = watermark;
        self.fired = self.grid.index(watermark);
        self.gone = self.grid.index(watermark.saturating_sub(self.lateness));
    }

    /// The next watermark at which a window fires or goes.
    pub fn next(&self) -> i64 {
        self.grid.bounds(self.fired).1.min(self.grid.bounds(self.gone).1.saturating_add(self.lateness))
    }
}
