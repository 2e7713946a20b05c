//! One target: its request, the redirects, and what its answer is held against.

use async_trait::async_trait;
use bytes::Bytes;
use floodmark_core::{Error, Result};
use floodmark_schemas::Reason;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use url::Url;

use super::answer::{Answer, Expectations};
use super::config::{Config, Target};
use super::exchange::{BodyWish, Route, exchange, is_redirect};
use super::values::{HeaderText, header_name, header_value};
use crate::sources::probe::settings::IpVersion;
use crate::sources::probe::tls::{PlatformRoots, Tls};
use crate::sources::probe::trace::{Failure, Trace};
use crate::sources::probe::{Plan, Probe};

/// How many redirects are followed.
const REDIRECTS_MAX: u32 = 10;
/// What is for the first host only, besides secrets.
const FIRST_HOST_HEADERS: [HeaderName; 4] = [header::HOST, header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// A target that is ready to be looked at.
pub struct HttpProbe {
    plan: Plan,
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    follow_redirects: bool,
    ip: IpVersion,
    tls: Tls,
    expected: Expectations,
    body_bytes_max: usize,
}

impl HttpProbe {
    /// Prepares `target` with what `config` says for all.
    pub fn new(config: &Config, target: &Target, roots: &PlatformRoots) -> Result<Self> {
        let plan = config.plan(target);
        let (headers, secrets) = headers(config, target)?;
        let expected = Expectations {
            status: target.expect_status.clone().unwrap_or_else(|| config.expect_status.clone()),
            contains: target.body_contains.clone(),
            matches: target.body_matches.clone(),
            not_matches: target.body_not_matches.clone(),
            secrets,
        };
        let tls = match (target.tls_verify.unwrap_or(config.tls_verify), target.ca_file.as_ref().or(config.ca_file.as_ref())) {
            (false, _) => Tls::trusting_anyone(),
            (true, Some(file)) => Tls::trusting_file(file)?,
            (true, None) => Tls::trusting_platform(roots.clone()),
        };
        Ok(Self {
            url: target.url.parts().clone(),
            method: target.method.unwrap_or(config.method).into(),
            headers,
            body: target.body.clone().unwrap_or_default().into(),
            follow_redirects: target.follow_redirects.unwrap_or(config.follow_redirects),
            ip: target.ip.unwrap_or(config.ip),
            tls,
            body_bytes_max: expected.bytes_needed(config.body_bytes_max.0),
            expected,
            plan,
        })
    }

    async fn follow(&self, trace: &mut Trace) -> Result<Answer, Failure> {
        let mut ask = Ask { url: self.url.clone(), method: self.method.clone(), headers: self.headers.clone(), body: self.body.clone() };
        let wish = BodyWish { bytes_max: self.body_bytes_max, skip_on_redirect: self.follow_redirects };
        let route = Route { ip: self.ip, tls: &self.tls };
        for redirects in 0.. {
            let answer = exchange(&ask.url, ask.request()?, &route, wish, trace).await?;
            let Some(location) = answer.headers.get(header::LOCATION).filter(|_| self.follow_redirects && is_redirect(answer.status))
            else {
                return Ok(answer);
            };
            if redirects == REDIRECTS_MAX {
                let detail = format!("more than {REDIRECTS_MAX} redirects; the last, from {}, led to {location:?}", ask.url);
                return Err(Failure::new(Reason::RedirectLimit, detail));
            }
            ask = ask.redirected(answer.status.as_u16(), location)?;
        }
        unreachable!("the loop ends at the limit")
    }
}

#[async_trait]
impl Probe for HttpProbe {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    async fn look(&self, trace: &mut Trace) -> Result<(), Failure> {
        let answer = self.follow(trace).await.and_then(|answer| self.expected.compare(&answer));
        answer.map_err(|failure| Failure { detail: self.expected.scrubbed(&failure.detail), ..failure })
    }
}

/// One request of a chain of redirects.
struct Ask {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let path = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() =
            path.parse().map_err(|e| Failure::new(Reason::Local, format!("{:?} cannot be asked for: {e}", self.url.as_str())))?;
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if !headers.contains_key(header::HOST) {
            let host = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
            let host = HeaderValue::from_str(host).map_err(|e| Failure::new(Reason::Local, format!("{host:?} is not a host: {e}")))?;
            headers.insert(header::HOST, host);
        }
        Ok(request)
    }

    /// The next request. As browsers do, a POST becomes a GET unless the status forbids it; what is for the first host
    /// does not go to another.
    fn redirected(self, status: u16, location: &HeaderValue) -> Result<Self, Failure> {
        let bad = |why: &dyn std::fmt::Display| Failure::new(Reason::BadResponse, format!("{} redirects to {location:?}: {why}", self.url));
        let text = std::str::from_utf8(location.as_bytes()).map_err(|e| bad(&e))?;
        let url = self.url.join(text).map_err(|e| bad(&e))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(&"only http and https are followed"));
        }
        let mut headers = self.headers;
        if url.origin() != self.url.origin() {
            let secret: Vec<HeaderName> = headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect();
            for name in secret.iter().chain(&FIRST_HOST_HEADERS) {
                headers.remove(name);
            }
        }
        let becomes_get = status == 303 && self.method != Method::HEAD || matches!(status, 301 | 302) && self.method == Method::POST;
        let (method, body) = if becomes_get { (Method::GET, Bytes::new()) } else { (self.method, self.body) };
        if becomes_get {
            headers.remove(header::CONTENT_TYPE);
        }
        Ok(Self { url, method, headers, body })
    }
}

/// The headers of the first request, and the secrets among them. Values that are secret are marked as sensitive.
fn headers(config: &Config, target: &Target) -> Result<(HeaderMap, Vec<String>)> {
    let mut headers = HeaderMap::new();
    let mut secrets = Vec::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::USER_AGENT, value("user_agent", &config.user_agent)?);
    for (name, text) in config.headers.iter().chain(&target.headers) {
        let header = header_name(name).map_err(Error::broken)?;
        let value = match text {
            HeaderText::Text(text) => value(name, text)?,
            HeaderText::Secret(secret) => secret_value(name, secret.read()?.expose(), "", &mut secrets)?,
        };
        headers.insert(header, value);
    }
    if let Some(token) = &target.bearer_token {
        headers.insert(header::AUTHORIZATION, secret_value("bearer_token", token.read()?.expose(), "Bearer ", &mut secrets)?);
    }
    Ok((headers, secrets))
}

fn secret_value(name: &str, secret: &str, prefix: &str, secrets: &mut Vec<String>) -> Result<HeaderValue> {
    secrets.push(secret.to_owned());
    let mut value = value(name, &format!("{prefix}{secret}"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn value(name: &str, text: &str) -> Result<HeaderValue> {
    header_value(text).map_err(|e| Error::broken(format!("the value of header {name:?} has characters a header cannot have")).because(e))
}
