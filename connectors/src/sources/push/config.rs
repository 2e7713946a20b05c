//! The settings of a push source.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Fault, Secret, Size, Span};

/// Takes the events that others send to `POST /v1/events`. More in docs/guides/push.md.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address and port to listen on. Everybody who reaches it may send events, unless `token` is set.
    #[serde(default = "listen")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// What requests must carry as `Authorization: Bearer <token>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// The largest body of a request.
    #[serde(default = "body_bytes_max")]
    pub body_bytes_max: Size,
    /// How many requests may be under way at once; more are told to come back.
    #[serde(default = "requests_max")]
    pub requests_max: usize,
    /// How long a sender may take for the head, and again for the body, of a request.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 8321))
}

fn body_bytes_max() -> Size {
    Size(8 << 20)
}

fn requests_max() -> usize {
    16
}

fn timeout() -> Span {
    Span::secs(30)
}

impl Config {
    /// What cannot work. Reads no secret.
    pub fn validate(&self) -> Vec<Fault> {
        let limits = [
            ("body_bytes_max", self.body_bytes_max.0 == 0, "8MiB"),
            ("requests_max", self.requests_max == 0, "16"),
            ("timeout", self.timeout.0.is_zero(), "30s"),
        ];
        let zero = limits.into_iter().filter(|(_, zero, _)| *zero);
        zero.map(|(key, _, usual)| Fault::of(key, "no request could be taken", format!("write more than 0; {usual} is usual"))).collect()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: listen(), token: None, body_bytes_max: body_bytes_max(), requests_max: requests_max(), timeout: timeout() }
    }
}
