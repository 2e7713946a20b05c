//! What numbers an event gives: a sample one, a check several, a record none.

use floodmark_schemas::{Check, Event, Payload, Reason, Series};

/// The series and values of an event, in a fixed order.
///
/// Of a check: `up` (1 or 0; absent when nobody can say), then, only when it is up, `duration_seconds` and
/// `phase_seconds` for each phase that happened (label `phase`), then `certificate_expires_seconds` (from the event's
/// time to the end of the certificate), then `missed` (1) when the check was not made. A duration of a failed check says
/// how long the failure took, not how fast the target is: it would spoil the averages, so it stays in the event.
pub fn samples_of(event: &Event) -> impl Iterator<Item = (Series, f64)> {
    let (sample, check) = match &event.payload {
        Payload::Sample(sample) => (Some((sample.series.clone(), sample.value)), None),
        Payload::Check(check) => (None, Some(check)),
        Payload::Record(_) => (None, None),
    };
    sample.into_iter().chain(check.into_iter().flat_map(|check| of_check(check, event.time.micros())))
}

fn of_check(check: &Check, time: i64) -> impl Iterator<Item = (Series, f64)> {
    let is_up = check.up == Some(true);
    let up = check.up.map(|up| (check.series("up", ""), f64::from(u8::from(up))));
    let duration = check.duration_us.filter(|_| is_up).map(|us| (check.series("duration_seconds", "s"), seconds(us as f64)));
    let phases = check.phases.iter().filter(move |_| is_up);
    let phases = phases.map(|(name, us)| (check.series("phase_seconds", "s").label("phase", name), seconds(us as f64)));
    let expiry = check.certificate_expires.map(|end| {
        let left = end.micros().saturating_sub(time);
        (check.series("certificate_expires_seconds", "s"), seconds(left as f64))
    });
    let missed = (check.reason == Some(Reason::Missed)).then(|| (check.series("missed", ""), 1.0));
    up.into_iter().chain(duration).chain(phases).chain(expiry).chain(missed)
}

fn seconds(micros: f64) -> f64 {
    micros / 1e6
}

#[cfg(test)]
mod tests {
    use floodmark_schemas::{Phases, Record, Timestamp};

    use super::*;

    fn check(expected: &[(&str, f64)], check: Check) {
        let event = Event::check("probe", "1", Timestamp::from_secs(100), check);
        let found: Vec<_> = samples_of(&event).map(|(series, value)| (series.to_string(), value)).collect();
        let found: Vec<_> = found.iter().map(|(series, value)| (series.as_str(), *value)).collect();
        assert_eq!(found, expected);
    }

    fn of(up: Option<bool>) -> Check {
        let phases = Phases { connect_us: Some(1_500), ..Phases::default() };
        let certificate_expires = Some(Timestamp::from_secs(160));
        Check { up, duration_us: Some(250_000), phases, certificate_expires, ..Check::of("a:1") }
    }

    #[test]
    fn a_check_that_is_up_gives_its_latencies() {
        check(
            &[
                (r#"up{target="a:1"}"#, 1.0),
                (r#"duration_seconds{target="a:1"}"#, 0.25),
                (r#"phase_seconds{phase="connect",target="a:1"}"#, 0.0015),
                (r#"certificate_expires_seconds{target="a:1"}"#, 60.0),
            ],
            of(Some(true)),
        );
    }

    #[test]
    fn a_check_that_is_down_gives_no_latency() {
        check(&[(r#"up{target="a:1"}"#, 0.0), (r#"certificate_expires_seconds{target="a:1"}"#, 60.0)], of(Some(false)));
    }

    #[test]
    fn a_missed_check_is_neither_up_nor_down() {
        check(&[(r#"missed{target="a:1"}"#, 1.0)], Check { reason: Some(Reason::Missed), ..Check::of("a:1") });
    }

    #[test]
    fn a_sample_gives_itself_and_a_record_nothing() {
        let sample = Event::sample("s", "1", Timestamp::from_secs(0), Series::new("load"), 0.5);
        assert_eq!(samples_of(&sample).collect::<Vec<_>>(), [(Series::new("load"), 0.5)]);
        let record = Record { name: "r".to_owned(), fact: Default::default() };
        let record = Event::record("s", "1", Timestamp::from_secs(0), record);
        assert_eq!(samples_of(&record).count(), 0);
    }
}
