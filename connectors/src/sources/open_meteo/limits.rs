//! What a refusal of Open-Meteo means, and how long it asks to wait.
//!
//! There is no `Retry-After`: the reason names the limit, and each is counted anew from the full minute, hour or UTC day.
//! Texts as in the server's source, <https://github.com/open-meteo/open-meteo>.

use std::time::Duration;

use floodmark_schemas::{Reason, Timestamp};

use crate::sources::http_client::{Answer, Scope, Verdict};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Judges an answer that is no observation; `said` is its reason and `strikes` how many answers in a row before it asked to
/// wait.
pub fn judge(answer: &Answer, said: &str, strikes: u32, now: Timestamp) -> (Verdict, Reason, String) {
    let (verdict, reason, remedy) = match answer.status {
        429 => {
            let wait = answer
                .retry_after(now)
                .map_or_else(|| wait(said, strikes, answer.date().unwrap_or(now)), |wait| wait.clamp(Duration::from_secs(1), DAY));
            (Verdict::Limited(wait), Reason::RateLimited, format!("waiting {} s", wait.as_secs()))
        }
        401 | 403 => {
            (Verdict::Refused(Scope::Everything), Reason::Unauthorized, "the key is missing, wrong or of too small a plan".to_owned())
        }
        500.. => (Verdict::Unavailable, Reason::Status, "the service has a problem".to_owned()),
        300..=399 => (Verdict::Refused(Scope::Task), Reason::Status, "the service is elsewhere: correct base_url".to_owned()),
        _ => {
            (Verdict::Refused(Scope::Task), Reason::Status, "the service does not accept the request: correct the configuration".to_owned())
        }
    };
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    (verdict, reason, format!("status {}, {remedy}{said}", answer.status))
}

/// How long to wait for the limit that `said` names to be counted anew, a second past the boundary.
pub fn wait(said: &str, strikes: u32, now: Timestamp) -> Duration {
    let said = said.to_ascii_lowercase();
    let to_next = |unit: Duration| {
        let unit_us = unit.as_micros() as i64;
        Duration::from_micros((unit_us - now.micros().rem_euclid(unit_us)) as u64) + Duration::from_secs(1)
    };
    match () {
        () if said.contains("daily") => to_next(DAY),
        () if said.contains("hourly") => to_next(HOUR),
        () if said.contains("minutely") || said.contains("concurrent") => to_next(MINUTE),
        () => MINUTE.saturating_mul(2u32.saturating_pow(strikes)).min(HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_says_which_boundary_to_wait_for() {
        let now = Timestamp::parse("2025-12-28T22:58:30Z").unwrap();
        for (said, strikes, secs) in [
            ("Minutely API request limit exceeded. Please try again in one minute.", 0, 31),
            ("Hourly API request limit exceeded. Please try again in the next hour.", 0, 91),
            ("Daily API request limit exceeded. Please try again tomorrow.", 0, 3691),
            ("Too many concurrent requests", 0, 31),
            ("Slow down", 0, 60),
            ("Slow down", 2, 240),
            ("", u32::MAX, 3600),
        ] {
            assert_eq!(wait(said, strikes, now), Duration::from_secs(secs), "{said}");
        }
        assert_eq!(wait("minutely", 0, Timestamp::parse("2025-12-28T22:58:00Z").unwrap()), Duration::from_secs(61));
    }

    #[test]
    fn each_status_has_its_meaning() {
        let now = Timestamp::from_secs(0);
        let check = |status, headers: &[(&str, &str)], said: &str, verdict: Verdict, expected_reason: Reason| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            let (found, reason, _) = judge(&Answer { status, headers, body: Vec::new(), cut: false }, said, 0, now);
            assert_eq!((found, reason), (verdict, expected_reason), "{status} {said}");
        };
        let limited = |secs| Verdict::Limited(Duration::from_secs(secs));
        check(429, &[], "Minutely API request limit exceeded.", limited(61), Reason::RateLimited);
        check(429, &[("date", "Thu, 22 Aug 2013 02:13:10 GMT")], "Minutely API request limit exceeded.", limited(51), Reason::RateLimited);
        check(429, &[("retry-after", "7")], "Daily API request limit exceeded.", limited(7), Reason::RateLimited);
        for status in [200, 302, 400, 404] {
            check(status, &[], "", Verdict::Refused(Scope::Task), Reason::Status);
        }
        check(401, &[], "", Verdict::Refused(Scope::Everything), Reason::Unauthorized);
        check(403, &[], "", Verdict::Refused(Scope::Everything), Reason::Unauthorized);
        check(500, &[], "Something went wrong.", Verdict::Unavailable, Reason::Status);
        check(503, &[], "The service is overloaded", Verdict::Unavailable, Reason::Status);
    }
}
