//! What an answer means that is not what was asked for.

use floodmark_schemas::{Reason, Timestamp};
use serde::Deserialize;

use super::limits::{self, Marks, Wait};
use crate::sources::http_client::{Answer, Scope, Verdict, excerpt};

/// The meaning of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// For the agenda.
    pub verdict: Verdict,
    /// For the check.
    pub reason: Reason,
    /// For people.
    pub detail: String,
}

/// Judges an answer that is neither a success nor "not modified". `strikes` is how many answers in a row before it asked to
/// wait.
pub fn judge(answer: &Answer, strikes: u32, now: Timestamp) -> Meaning {
    let message = message(answer);
    let wait = limits::wait(&Marks::of(answer, &message, now), strikes, now);
    let (verdict, reason, remedy) = match (answer.status, wait) {
        (_, Wait::For(wait)) => (Verdict::Limited(wait), Reason::RateLimited, format!("waiting {} s", wait.as_secs())),
        (401, _) => (Verdict::Refused(Scope::Everything), Reason::Unauthorized, "the token is wrong or has ended".to_owned()),
        (403, _) => (Verdict::Refused(Scope::Task), Reason::Unauthorized, "the token lacks a permission, or one is needed".to_owned()),
        (404, _) => {
            (Verdict::Refused(Scope::Task), Reason::Status, "it does not exist, or is private and the token may not see it".to_owned())
        }
        (451, _) => (Verdict::Refused(Scope::Task), Reason::Status, "it is blocked for legal reasons".to_owned()),
        (500.., _) => (Verdict::Unavailable, Reason::Status, "the service has a problem".to_owned()),
        _ => (Verdict::Refused(Scope::Task), Reason::Status, "the request was not accepted".to_owned()),
    };
    let said = if message.is_empty() { String::new() } else { format!(": {message}") };
    Meaning { verdict, reason, detail: format!("status {}, {remedy}{said}", answer.status) }
}

/// What the service says, from its JSON or from whatever stands there instead.
fn message(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    match answer.json::<Said>() {
        Ok(said) => excerpt(&said.message),
        Err(_) => excerpt(&String::from_utf8_lossy(&answer.body)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(status: u16, headers: &[(&str, &str)], body: &str, verdict: Verdict, reason: Reason) {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let answer = Answer { status, headers, body: body.as_bytes().to_vec(), cut: false };
        let meaning = judge(&answer, 0, Timestamp::from_secs(1_700_000_000));
        assert_eq!((meaning.verdict, meaning.reason), (verdict, reason), "{status} {body}");
    }

    #[test]
    fn each_status_has_its_meaning() {
        let refused = Verdict::Refused(Scope::Task);
        check(401, &[], r#"{"message":"Bad credentials"}"#, Verdict::Refused(Scope::Everything), Reason::Unauthorized);
        check(403, &[], r#"{"message":"Resource not accessible by integration"}"#, refused.clone(), Reason::Unauthorized);
        for status in [300, 304, 400, 404, 410, 422, 451] {
            check(status, &[], r#"{"message":"Not Found"}"#, refused.clone(), Reason::Status);
        }
        check(502, &[("content-type", "text/html")], "<html><h1>502</h1></html>", Verdict::Unavailable, Reason::Status);
        check(500, &[], r#"{"error": "Server Error"}"#, Verdict::Unavailable, Reason::Status);
        // A 503 may ask to come back later in a header; it is no limit for all that.
        check(503, &[("retry-after", "2")], "", Verdict::Unavailable, Reason::Status);
    }

    #[test]
    fn limits_are_known_by_header_or_message_whatever_the_case() {
        let limited = |secs| Verdict::Limited(Duration::from_secs(secs));
        check(403, &[("Retry-After", "60")], "", limited(60), Reason::RateLimited);
        check(429, &[], "", limited(60), Reason::RateLimited);
        check(403, &[("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1700000100")], "", limited(101), Reason::RateLimited);
        check(403, &[("x-ratelimit-remaining", "0")], r#"{"message":"API Rate Limit Exceeded for x"}"#, limited(60), Reason::RateLimited);
        check(403, &[], r#"{"message":"You have exceeded a secondary rate limit."}"#, limited(60), Reason::RateLimited);
    }

    #[test]
    fn the_detail_says_the_status_the_remedy_and_the_message() {
        let answer = Answer { status: 401, headers: Default::default(), body: br#"{"message":"Bad credentials"}"#.to_vec(), cut: false };
        assert_eq!(judge(&answer, 0, Timestamp::MIN).detail, "status 401, the token is wrong or has ended: Bad credentials");
    }
}
