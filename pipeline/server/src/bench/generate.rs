//! Made-up events for benchmarks: the same for the same arguments, on every machine.

use std::io::{self, Write};

/// What the events are like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many events.
    pub events: u64,
    /// Of how many series.
    pub series: u32,
    /// How many events lie in one second of event time.
    pub events_per_sec: u64,
    /// By how much an event may come after its time, in microseconds.
    pub disorder_us: i64,
    /// Of how many events in 100,000 the time lies a further minute back.
    pub late_per_100k: u32,
    /// Another seed gives other events.
    pub seed: u64,
}

impl Default for Shape {
    /// 5 million events of 1,000 series over 500 seconds, 2 s of disorder, 0.1 % late.
    fn default() -> Self {
        Self { events: 5_000_000, series: 1_000, events_per_sec: 10_000, disorder_us: 2_000_000, late_per_100k: 100, seed: 1 }
    }
}

/// One made-up event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Made {
    /// Microseconds since the Unix epoch.
    pub time_us: i64,
    /// Which series, from 0.
    pub series: u32,
    /// The value in thousandths, so that sums of it are exact.
    pub milli: i64,
}

/// 2026-01-01T00:00:00Z.
pub const START_US: i64 = 1_767_225_600_000_000;
const LATE_US: i64 = 60_000_000;

impl Shape {
    /// The events in the order in which they come.
    pub fn events(self) -> impl Iterator<Item = Made> {
        let mut random = SplitMix(self.seed);
        (0..self.events).map(move |n| {
            let due = START_US + (n as i64 * 1_000_000) / self.events_per_sec.max(1) as i64;
            let late = random.below(100_000) < u64::from(self.late_per_100k);
            let back = random.below(self.disorder_us as u64 + 1) as i64 + if late { LATE_US } else { 0 };
            let series = random.below(u64::from(self.series)) as u32;
            Made { time_us: due - back, series, milli: random.below(100_000) as i64 }
        })
    }
}

/// Writes the events as lines of Floodmark's own events, about 170 bytes each.
///
/// # Errors
/// When `out` does.
pub fn ndjson(out: &mut impl Write, shape: Shape) -> io::Result<()> {
    let mut time = TimeText::default();
    for Made { time_us, series, milli } in shape.events() {
        let (whole, part, time) = (milli / 1000, milli % 1000, time.write(time_us));
        writeln!(
            out,
            r#"{{"specversion":"1.0","source":"bench","type":"floodmark.sample.v1","time":"{time}","data":{{"metric":"load","labels":{{"host":"host-{series:04}","zone":"z{}"}},"value":{whole}.{part:03}}}}}"#,
            series % 4,
        )?;
    }
    Ok(())
}

/// Writes the events as lines of foreign objects: `ts` in milliseconds, `host`, `zone`, `load`, and fields nobody maps.
///
/// # Errors
/// When `out` does.
pub fn objects(out: &mut impl Write, shape: Shape) -> io::Result<()> {
    for Made { time_us, series, milli } in shape.events() {
        let (whole, part) = (milli / 1000, milli % 1000);
        writeln!(
            out,
            r#"{{"ts":{},"host":"host-{series:04}","zone":"z{}","load":{whole}.{part:03},"level":"info","message":"a field that nobody reads","pid":4711}}"#,
            time_us / 1000,
            series % 4,
        )?;
    }
    Ok(())
}

/// Writes the events as CSV with a header: `time,host,zone,load,level`.
///
/// # Errors
/// When `out` does.
pub fn csv(out: &mut impl Write, shape: Shape) -> io::Result<()> {
    let mut time = TimeText::default();
    writeln!(out, "time,host,zone,load,level")?;
    for Made { time_us, series, milli } in shape.events() {
        let time = time.write(time_us);
        writeln!(out, "{time},host-{series:04},z{},{}.{:03},info", series % 4, milli / 1000, milli % 1000)?;
    }
    Ok(())
}

/// Writes times of one day around [`START_US`] without a calendar.
#[derive(Default)]
struct TimeText(String);

impl TimeText {
    fn write(&mut self, time_us: i64) -> &str {
        use std::fmt::Write;
        let (day, within) = match time_us - START_US {
            us if us < 0 => ("2025-12-31", us + 86_400_000_000),
            us => ("2026-01-01", us),
        };
        assert!((0..86_400_000_000).contains(&within), "made-up events lie within one day");
        let secs = within / 1_000_000;
        self.0.clear();
        write!(self.0, "{day}T{:02}:{:02}:{:02}.{:06}Z", secs / 3600, secs / 60 % 60, secs % 60, within % 1_000_000)
            .expect("writing to a string does not fail");
        &self.0
    }
}

/// The generator of <https://prng.di.unimi.it/splitmix64.c>.
pub(super) struct SplitMix(u64);

impl SplitMix {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, by the high half of a product: the bias is below one in 2^40 for small ends.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // First outputs for the seed 1234567, as published with the algorithm's ports.
        let mut random = SplitMix(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn a_line_has_about_170_bytes_and_times_count_down_past_midnight() {
        let mut text = Vec::new();
        ndjson(&mut text, Shape { events: 1_000, ..Shape::default() }).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().count(), 1_000);
        assert!((160..190).contains(&(text.len() / 1_000)), "{}", text.len() / 1_000);
        assert!(text.contains("\"2025-12-31T23:59:5"));
    }
}
