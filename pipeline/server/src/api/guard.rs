//! Who may change something: programs and people at this machine, not pages of other sites in their browsers.
//!
//! A browser adds `Origin` to every request that may change something, and `Sec-Fetch-Site` to all
//! (<https://fetch.spec.whatwg.org/#origin-header>, <https://w3c.github.io/webappsec-fetch-metadata/>). Where a page has an origin, it
//! has to be this server's own, under an address or `localhost`: a name that another site has bound to this address would not do.

use axum::http::{HeaderMap, HeaderName, header, uri::Authority};

use super::error::ApiError;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that a page of another site has made a browser send.
pub(super) fn same_site(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let foreign = |what: String| Err(ApiError::foreign(format!("{what}: a page of another site may change nothing here")));
    if let Some(site) = text(FETCH_SITE).filter(|site| !["same-origin", "none"].contains(site)) {
        return foreign(format!("Sec-Fetch-Site is {site:?}"));
    }
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    let own = text(header::HOST).filter(|host| is_here(host));
    let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    if own.is_some() && named == own { Ok(()) } else { foreign(format!("Origin is {origin:?}")) }
}

/// Whether a host is told by its address, or is this machine.
fn is_here(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.parse::<std::net::IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}

/// Refuses a body that does not say that it is JSON.
pub(super) fn json(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).map_or("none", |value| value.to_str().unwrap_or("?"));
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(ApiError::content_type(format!("Content-Type {given:?} is not taken: send application/json")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[(&'static str, &str)], expected: bool) {
        let headers = given.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        assert_eq!(same_site(&headers).is_ok(), expected, "{given:?}");
    }

    #[test]
    fn only_a_page_of_this_server_may_change_something() {
        let here = ("host", "127.0.0.1:8320");
        check(&[here], true);
        check(&[("host", "monitor.example:8320")], true);
        check(&[here, ("origin", "http://127.0.0.1:8320")], true);
        check(&[("host", "localhost:8320"), ("origin", "http://localhost:8320"), ("sec-fetch-site", "same-origin")], true);
        check(&[("host", "[::1]:8320"), ("origin", "http://[::1]:8320")], true);
        check(&[here, ("origin", "http://127.0.0.1:8321")], false);
        check(&[here, ("origin", "https://evil.example")], false);
        check(&[here, ("origin", "null")], false);
        check(&[here, ("sec-fetch-site", "cross-site")], false);
        check(&[here, ("sec-fetch-site", "same-site")], false);
        check(&[("origin", "http://127.0.0.1:8320")], false);
        // A name of another site that leads to this address.
        check(&[("host", "evil.example:8320"), ("origin", "http://evil.example:8320")], false);
        check(&[("host", "127.0.0.1.evil.example"), ("origin", "http://127.0.0.1.evil.example")], false);
    }
}
