//! How long GitHub asks to wait.
//!
//! The order is that of <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>:
//! `retry-after`; else `x-ratelimit-remaining: 0` and `x-ratelimit-reset`; else a minute, then longer each time. A 403
//! without any of these marks is a missing permission: it is the same at the next try.

use std::time::Duration;

use floodmark_schemas::Timestamp;

use crate::sources::http_client::Answer;

/// The wait when the service asks for one without saying how long.
const UNNAMED: Duration = Duration::from_secs(60);
/// The longest wait of those.
const UNNAMED_MAX: Duration = Duration::from_secs(3600);
/// The window of the primary limit is an hour; a reset further away is nonsense.
const RESET_MAX: Duration = Duration::from_secs(65 * 60);
/// A longer `retry-after` is cut to this, so that a broken answer does not stop a source for good.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// What an answer says about limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The status code.
    pub status: u16,
    /// `retry-after`.
    pub retry_after: Option<Duration>,
    /// `x-ratelimit-remaining`.
    pub remaining: Option<i64>,
    /// `x-ratelimit-reset`: seconds since the Unix epoch.
    pub reset: Option<i64>,
    /// The service's own time, to which `reset` belongs.
    pub date: Option<Timestamp>,
    /// Whether the message speaks of a limit. Secondary limits may come without any header.
    pub says_limit: bool,
}

/// What to do about limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The answer speaks of no limit.
    No,
    /// Ask nothing for so long.
    For(Duration),
    /// It is not a limit but a missing permission.
    Forbidden,
}

impl Marks {
    /// What `answer` says; `now` stands for the service's time where that is absent.
    pub fn of(answer: &Answer, message: &str, now: Timestamp) -> Self {
        let message = message.to_ascii_lowercase();
        Self {
            status: answer.status,
            retry_after: answer.retry_after(now),
            remaining: answer.number("x-ratelimit-remaining"),
            reset: answer.number("x-ratelimit-reset"),
            date: answer.date(),
            says_limit: message.contains("rate limit") || message.contains("abuse detection"),
        }
    }
}

/// How long to wait after an answer with these marks. `strikes` is how many answers in a row before it asked to wait.
pub fn wait(marks: &Marks, strikes: u32, now: Timestamp) -> Wait {
    if !matches!(marks.status, 403 | 429) {
        return Wait::No;
    }
    if let Some(wait) = marks.retry_after {
        return Wait::For(wait.clamp(Duration::from_secs(1), RETRY_AFTER_MAX));
    }
    if let Some(wait) = until_reset(marks, now) {
        return Wait::For(wait);
    }
    if marks.status == 429 || marks.remaining == Some(0) || marks.says_limit {
        return Wait::For(UNNAMED.saturating_mul(2u32.saturating_pow(strikes)).min(UNNAMED_MAX));
    }
    Wait::Forbidden
}

/// The time to the reset when nothing remains. The service's own time is the reference, so that a wrong clock here does no
/// harm; a reset that has passed even so says nothing, one that is too far is cut.
fn until_reset(marks: &Marks, now: Timestamp) -> Option<Duration> {
    if marks.remaining != Some(0) {
        return None;
    }
    let reset = Timestamp::from_micros(marks.reset?.checked_mul(1_000_000)?);
    let wait = u64::try_from(reset.micros().checked_sub(marks.date.unwrap_or(now).micros())?).ok().filter(|wait| *wait > 0)?;
    // Both times are whole seconds; one more keeps the next request after the reset.
    Some((Duration::from_micros(wait) + Duration::from_secs(1)).min(RESET_MAX))
}

/// How long to ask nothing after a good answer that was the last one the limit allows. A reset that cannot be is passed over
/// here: the next answer will say it better.
pub fn spent(marks: &Marks, now: Timestamp) -> Option<Duration> {
    until_reset(marks, now).filter(|wait| *wait < RESET_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const FORBIDDEN: Marks = Marks { status: 403, retry_after: None, remaining: None, reset: None, date: None, says_limit: false };

    fn check(marks: Marks, strikes: u32, expected: Wait) {
        assert_eq!(wait(&marks, strikes, NOW), expected, "{marks:?} after {strikes}");
    }

    fn secs(secs: u64) -> Wait {
        Wait::For(Duration::from_secs(secs))
    }

    fn empty(reset: i64, date: Option<i64>) -> Marks {
        Marks { remaining: Some(0), reset: Some(reset), date: date.map(Timestamp::from_secs), ..FORBIDDEN }
    }

    #[test]
    fn retry_after_comes_first() {
        let abuse = Marks { retry_after: Some(Duration::from_secs(60)), ..FORBIDDEN };
        check(abuse, 0, secs(60));
        check(Marks { status: 429, ..abuse }, 3, secs(60));
        check(Marks { remaining: Some(0), reset: Some(1_700_000_900), ..abuse }, 0, secs(60));
        check(Marks { retry_after: Some(Duration::ZERO), ..abuse }, 0, secs(1));
        check(Marks { retry_after: Some(Duration::from_secs(u64::MAX)), ..abuse }, 0, secs(86_400));
    }

    #[test]
    fn then_the_reset_when_nothing_remains() {
        check(empty(1_700_000_900, None), 0, secs(901));
        check(Marks { status: 429, ..empty(1_700_000_900, None) }, 4, secs(901));
        check(Marks { remaining: Some(12), ..empty(1_700_000_900, None) }, 0, Wait::Forbidden);
    }

    #[test]
    fn the_reset_is_read_against_the_date_of_the_answer() {
        // This machine's clock is an hour behind, then years ahead.
        check(empty(1_700_003_610, Some(1_700_003_600)), 0, secs(11));
        check(empty(1_377_138_000, Some(1_377_137_700)), 0, secs(301));
    }

    #[test]
    fn a_reset_that_cannot_be_is_cut_or_passed_over() {
        check(empty(1_700_100_000, None), 0, secs(3900));
        check(empty(1_699_999_999, None), 0, secs(60));
        check(empty(1_699_999_999, None), 2, secs(240));
        check(empty(i64::MAX, None), 0, secs(60));
        check(empty(i64::MIN, None), 0, secs(60));
    }

    #[test]
    fn a_good_answer_that_was_the_last_one_allowed_means_a_wait_too() {
        let found = |reset| spent(&Marks { status: 200, ..empty(reset, None) }, NOW).map(|wait| wait.as_secs());
        assert_eq!([found(1_700_000_900), found(1_700_100_000), found(1_600_000_000)], [Some(901), None, None]);
        assert_eq!(spent(&Marks { remaining: Some(1), ..empty(1_700_000_900, None) }, NOW), None);
    }

    #[test]
    fn without_a_length_it_is_a_minute_and_then_longer() {
        for (strikes, expected) in [(0, 60), (1, 120), (2, 240), (5, 1920), (6, 3600), (u32::MAX, 3600)] {
            check(Marks { remaining: Some(0), ..FORBIDDEN }, strikes, secs(expected));
            check(Marks { status: 429, ..FORBIDDEN }, strikes, secs(expected));
            check(Marks { says_limit: true, remaining: Some(40), ..FORBIDDEN }, strikes, secs(expected));
        }
    }

    #[test]
    fn a_403_without_marks_is_a_permission_and_other_answers_are_no_limits() {
        check(FORBIDDEN, 0, Wait::Forbidden);
        check(Marks { remaining: Some(4988), reset: Some(1_700_000_900), ..FORBIDDEN }, 0, Wait::Forbidden);
        for status in [200, 304, 401, 404, 500, 503] {
            check(Marks { status, retry_after: Some(Duration::from_secs(9)), ..FORBIDDEN }, 0, Wait::No);
        }
    }
}
