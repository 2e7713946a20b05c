//! Signatures of webhooks: who receives one knows that it comes from here, was not changed, and is not old.
//!
//! The header `Floodmark-Signature` is `t=<unix seconds>,v1=<hex>`, where `<hex>` is the HMAC-SHA256
//! (<https://www.rfc-editor.org/rfc/rfc2104>) of `<t>.<body>` with the shared secret as key. A receiver computes it again,
//! compares in constant time, and refuses a `t` that is more than a few minutes away.

use std::time::Duration;

use aws_lc_rs::hmac;
use floodmark_schemas::Timestamp;

/// The name of the header.
pub const HEADER: &str = "Floodmark-Signature";

/// The header for `body`, signed at `now`.
pub fn sign(secret: &str, now: Timestamp, body: &[u8]) -> String {
    let secs = now.micros().div_euclid(1_000_000);
    let tag = hmac::sign(&key(secret), &signed(secs, body));
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={secs},v1={hex}")
}

/// Whether `header` is the signature of `body`, made at most `age_max` before or after `now`.
///
/// # Errors
/// What is wrong with it.
pub fn verify(secret: &str, header: &str, body: &[u8], now: Timestamp, age_max: Duration) -> Result<(), &'static str> {
    let (time, tag) = header.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).ok_or("the signature has another form")?;
    let secs: i64 = time.parse().map_err(|_| "the time of the signature is not a number")?;
    let tag = from_hex(tag).ok_or("the signature is not hexadecimal")?;
    hmac::verify(&key(secret), &signed(secs, body), &tag).map_err(|_| "the signature is of another body or secret")?;
    let age = now.micros().div_euclid(1_000_000).abs_diff(secs);
    if age > age_max.as_secs() { Err("the signature is too old") } else { Ok(()) }
}

fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

fn signed(secs: i64, body: &[u8]) -> Vec<u8> {
    [format!("{secs}.").as_bytes(), body].concat()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = pair { Some(digit(*high)? << 4 | digit(*low)?) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: Duration = Duration::from_secs(300);

    /// The digest was computed with `openssl dgst -sha256 -hmac`.
    #[test]
    fn the_signature_is_what_openssl_computes() {
        let now = Timestamp::from_micros(1_769_860_800_900_000);
        assert_eq!(sign("hunter2", now, b"{\"a\":1}"), "t=1769860800,v1=9c8e730ac7354c6efabb60b1f3ae929f6cfab35879d2fc2417b72e437533f315");
    }

    #[test]
    fn another_body_secret_or_time_is_refused() {
        let now = Timestamp::from_secs(1_000_000);
        let header = sign("s", now, b"body");
        assert_eq!(verify("s", &header, b"body", now.plus_micros(300_000_000), MINUTES), Ok(()));
        assert_eq!(verify("s", &header, b"body", now.plus_micros(301_000_000), MINUTES), Err("the signature is too old"));
        for (secret, header, body) in [
            ("s", header.as_str(), "Body"),
            ("t", &header, "body"),
            ("s", &header.replace("t=1000000", "t=1000001"), "body"),
            ("s", &header[..header.len() - 1], "body"),
            ("s", "v1=00", "body"),
        ] {
            assert!(verify(secret, header, body.as_bytes(), now, MINUTES).is_err(), "{header}");
        }
    }
}
