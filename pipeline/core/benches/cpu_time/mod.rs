//! Measures the time a thread has run instead of the time that has passed, so that figures hold on a machine that others
//! use too. Linux only: `/proc/thread-self/schedstat` begins with the nanoseconds on the processor; elsewhere wall time.

use std::time::Duration;

use criterion::Criterion;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};

/// Processor time of the calling thread.
pub struct CpuTime;

impl CpuTime {
    /// Criterion with this measurement and command line arguments.
    pub fn criterion() -> Criterion<Self> {
        Criterion::default().with_measurement(Self).configure_from_args()
    }

    /// How long this thread has run.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub fn now() -> Duration {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
        nanos.map_or_else(|| std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(), Duration::from_nanos)
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, start: Duration) -> Duration {
        Self::now().saturating_sub(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
