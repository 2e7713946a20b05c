//! What the server answers, as errors of the port: what was being done, what to do next.

use std::error::Error as _;

use async_nats::jetstream::Error as Refusal;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind, RequestError, RequestErrorKind};
use floodmark_core::ports::Position;
use floodmark_core::{Error, Result};

/// An answer of the JetStream API: what was asked for, or why not.
pub(super) enum Answer<T> {
    Given(T),
    Refused(Refusal),
}

impl<T> Answer<T> {
    pub(super) fn given(self, doing: impl FnOnce() -> String) -> Result<T> {
        match self {
            Self::Given(value) => Ok(value),
            Self::Refused(refusal) => Err(refused(doing(), refusal)),
        }
    }
}

/// The error for a request that was not answered.
pub(super) fn unanswered(doing: String, error: RequestError) -> Error {
    let hint = match error.kind() {
        RequestErrorKind::NoResponders => "; JetStream is off, has no leader, or is starting",
        RequestErrorKind::TimedOut => "; the server does not answer in time",
        _ => "",
    };
    Error::unavailable(format!("{doing}{hint}")).because(error)
}

/// The error for a request that was answered with an error.
pub(super) fn refused(doing: String, refusal: Refusal) -> Error {
    let error = match refusal.error_code() {
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
            Error::rejected(format!("{doing}: it is larger than the stream takes"))
        }
        // A cluster has not decided yet about this entry, or about another one on its subject: the next answer is definite.
        ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT | ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => {
            Error::unavailable(format!("{doing}: an earlier append is not decided yet"))
        }
        ErrorCode::STREAM_STORE_FAILED if is_full(&refusal) => Error::unavailable(format!(
            "{doing}: the stream is full; raise `size_max`, or find the reader that is so far behind that old entries cannot go"
        )),
        ErrorCode::STORAGE_RESOURCES_EXCEEDED | ErrorCode::INSUFFICIENT_RESOURCES => {
            Error::unavailable(format!("{doing}: the server has no space left; raise its `max_file_store` or free space"))
        }
        ErrorCode::STREAM_TOO_MANY_REQUESTS => Error::unavailable(format!("{doing}: the server is overloaded")),
        ErrorCode::STREAM_NOT_FOUND => Error::unavailable(format!("{doing}: the stream is not there; `floodmark streams apply` makes it")),
        ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => Error::broken(format!(
            "{doing}: JetStream is off; start the server with `jetstream {{}}` in its configuration, and enable it for the account"
        )),
        _ if matches!(refusal.code(), 400..=407 | 409..=428) => Error::broken(doing),
        _ => Error::unavailable(doing),
    };
    error.because(refusal)
}

/// The same code stands for a disk that fails.
fn is_full(refusal: &Refusal) -> bool {
    refusal.to_string().contains("maximum")
}

/// The error for an entry that was not acknowledged.
pub(super) fn unpublished(subject: &str, expected: Option<Position>, error: PublishError) -> Error {
    let doing = || format!("appending to {subject}");
    let refusal = error.source().and_then(|source| source.downcast_ref::<Refusal>()).cloned();
    match (error.kind(), refusal) {
        (PublishErrorKind::WrongLastSequence, refusal) => {
            let text = refusal.map(|refusal| refusal.to_string()).unwrap_or_default();
            let found = text.split_once("sequence: ").and_then(|(_, rest)| rest.split(' ').next()).unwrap_or("another");
            let expected = expected.unwrap_or_default();
            Error::conflict(format!("appending to {subject} after {expected}: its last entry is {found}"))
        }
        (_, Some(refusal)) => refused(doing(), refusal),
        (PublishErrorKind::MaxPayloadExceeded, None) => {
            Error::rejected(format!("{}: it is larger than the server's `max_payload`", doing())).because(error)
        }
        (PublishErrorKind::StreamNotFound, None) => {
            let text = format!("{}: no stream takes it; the server is starting, or `floodmark streams apply` is due", doing());
            Error::unavailable(text).because(error)
        }
        (PublishErrorKind::TimedOut, None) => {
            Error::unavailable(format!("{}: the server did not acknowledge it in time; it may be stored or not", doing())).because(error)
        }
        (_, None) => Error::unavailable(doing()).because(error),
    }
}

#[cfg(test)]
mod tests {
    use floodmark_core::Kind;

    use super::*;

    fn check(code: usize, err_code: u64, description: &str, kind: Kind, contained: &str) {
        let json = serde_json::json!({ "code": code, "err_code": err_code, "description": description });
        let error = refused("appending to a.b".to_owned(), serde_json::from_value(json).unwrap());
        assert_eq!(error.kind(), kind, "{description}");
        assert!(error.chain().contains(contained), "{}", error.chain());
    }

    #[test]
    fn each_refusal_says_what_to_do_next() {
        check(503, 10077, "maximum bytes exceeded", Kind::Unavailable, "raise `size_max`");
        check(503, 10077, "write: no space left on device", Kind::Unavailable, "no space left");
        check(429, 10167, "too many requests", Kind::Unavailable, "overloaded");
        check(500, 10047, "insufficient storage resources available", Kind::Unavailable, "max_file_store");
        check(400, 10054, "message size exceeds maximum allowed", Kind::Rejected, "larger than the stream takes");
        check(503, 10039, "JetStream not enabled for account", Kind::Broken, "enable it for the account");
        check(404, 10059, "stream not found", Kind::Unavailable, "streams apply");
        check(409, 10158, "duplicate message id is in process", Kind::Unavailable, "not decided yet");
        check(400, 10052, "bad request", Kind::Broken, "bad request");
        check(503, 10008, "JetStream system temporarily unavailable", Kind::Unavailable, "temporarily");
    }
}
