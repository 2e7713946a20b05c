//! Requests to GitHub: headers, conditional requests and redirects.

use floodmark_core::{Error, Result};
use floodmark_schemas::Reason;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use url::Url;

use super::Config;
use crate::sources::http_client::{Answer, Credential, Failure, HttpClient, base_url, join};

/// How many redirects one request follows.
const REDIRECTS_MAX: usize = 3;

/// The way to one GitHub server with one credential.
pub struct Api {
    client: HttpClient,
    base: Url,
    headers: HeaderMap,
    authorization: Option<HeaderValue>,
    /// Keeps the token out of texts.
    pub credential: Credential,
}

/// What makes the next request for the same address conditional. Opaque: quotes and `W/` belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    url: Url,
    name: HeaderName,
    value: HeaderValue,
}

/// An answer and where it came from.
pub struct Fetched {
    /// The answer.
    pub answer: Answer,
    /// The address that answered.
    pub url: Url,
    /// The address to use from now on, when the one that was asked for has moved for good.
    pub moved: Option<Url>,
}

impl Api {
    /// The way to the server of `config`. Reads the token.
    ///
    /// # Errors
    /// `Broken` when the token cannot be read, or something cannot be sent as a header.
    pub fn new(config: &Config) -> Result<Self> {
        let credential = Credential::read(config.token.as_ref())?;
        let header = |what: &str, text: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| Error::broken(format!("{what} cannot be sent as a header: it holds other characters than ASCII")))
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, header("accept", &config.accept)?);
        headers.insert(HeaderName::from_static("x-github-api-version"), header("api_version", &config.api_version)?);
        let mut authorization = credential.expose().map(|token| header("the token", &format!("Bearer {token}"))).transpose()?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Self { client: HttpClient::new(config.timeout.0), base: base_url(&config.base_url)?, headers, authorization, credential })
    }

    /// The address of a path.
    pub fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        join(&self.base, segments)
    }

    /// Asks for `url`, only for what is new if `validator` belongs to the address, and follows redirects: moved for good as
    /// far as they go, moved for now once. The credential goes to the configured server only.
    ///
    /// # Errors
    /// When there is no complete answer, or the redirects do not end.
    pub async fn get(&self, url: &Url, validator: Option<&Validator>) -> Result<Fetched, Failure> {
        let mut at = url.clone();
        let mut moved = None;
        let mut for_good = true;
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.client.get(&at, self.headers(&at, validator)).await?;
            let permanent = match answer.status {
                301 | 308 => true,
                302 | 307 if for_good => false,
                _ => return Ok(Fetched { answer, url: at, moved }),
            };
            for_good &= permanent;
            at = location(&answer, &at)?;
            if for_good {
                moved = Some(at.clone());
            }
        }
        Err(Failure::new(Reason::RedirectLimit, format!("more than {REDIRECTS_MAX} redirects")))
    }

    fn headers(&self, url: &Url, validator: Option<&Validator>) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(value) = self.authorization.as_ref().filter(|_| url.origin() == self.base.origin()) {
            headers.insert(AUTHORIZATION, value.clone());
        }
        if let Some(validator) = validator.filter(|validator| validator.url == *url) {
            headers.insert(validator.name.clone(), validator.value.clone());
        }
        headers
    }
}

impl Validator {
    /// What the answer from `url` offers: an entity tag, or else the time of its last change.
    pub fn of(answer: &Answer, url: &Url) -> Option<Self> {
        let offer = |name, header| Some(Self { url: url.clone(), name, value: answer.headers.get(header)?.clone() });
        offer(IF_NONE_MATCH, ETAG).or_else(|| offer(IF_MODIFIED_SINCE, LAST_MODIFIED))
    }
}

fn location(answer: &Answer, from: &Url) -> Result<Url, Failure> {
    let bad = |what: String| Failure::new(Reason::BadResponse, format!("status {} {what}", answer.status));
    let text = answer.header(LOCATION.as_str()).ok_or_else(|| bad("without a location".to_owned()))?;
    let url = from.join(text).map_err(|e| bad(format!("with a location that is no address: {e}")))?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(bad(format!("to the scheme {:?}", url.scheme()))) }
}
