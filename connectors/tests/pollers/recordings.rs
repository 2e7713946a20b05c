//! The formats of recorded GitHub conversations.

use std::path::Path;

use serde_json::Value;

use super::Reply;

/// A recorded exchange: the path that was asked for and the answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub method: String,
    pub path: String,
    pub request: Vec<(String, String)>,
    pub reply: Reply,
}

/// Headers that describe the recorded transfer and not this one.
fn of_the_transfer(name: &str) -> bool {
    ["transfer-encoding", "content-length", "connection", "content-encoding"].iter().any(|other| name.eq_ignore_ascii_case(other))
}

/// PyGithub: blocks of scheme, verb, host, port, path, headers, body, status, answered headers, answered body.
pub fn pygithub(file: &Path) -> Vec<Exchange> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut exchanges = Vec::new();
    let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
    while lines.next_if(|line| matches!(*line, "https" | "http")).is_some() {
        let mut next = || lines.next().unwrap().to_owned();
        let (method, _host, _port, path, request, _body) = (next(), next(), next(), next(), next(), next());
        let (status, headers) = (next().parse().unwrap(), next());
        // The body is one line; a "not modified" has none.
        let body = lines.next_if(|line| !matches!(*line, "https" | "http")).unwrap_or_default();
        let headers = pairs(&headers).into_iter().filter(|(name, _)| !of_the_transfer(name)).collect();
        exchanges.push(Exchange { method, path, request: pairs(&request), reply: Reply { status, headers, body: body.to_owned() } });
    }
    exchanges
}

/// The texts of a Python dictionary or list of pairs, two by two.
fn pairs(python: &str) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut chars = python.chars();
    while let Some(quote) = chars.by_ref().find(|c| matches!(c, '\'' | '"')) {
        let mut text = String::new();
        while let Some(c) = chars.next().filter(|c| *c != quote) {
            text.push(if c == '\\' { chars.next().unwrap() } else { c });
        }
        texts.push(text);
    }
    texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// Octokit: a JSON list of exchanges.
pub fn octokit(file: &Path) -> Vec<Exchange> {
    let list: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let exchange = |exchange: &Value| {
        let raw: Vec<_> = exchange["rawHeaders"].as_array().unwrap().iter().map(text).collect();
        let headers =
            raw.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).filter(|(name, _)| !of_the_transfer(name)).collect();
        let status = exchange["status"].as_u64().unwrap() as u16;
        let request = exchange["reqheaders"].as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect();
        let reply = Reply { status, headers, body: text(&exchange["response"]) };
        Exchange { method: text(&exchange["method"]).to_ascii_uppercase(), path: text(&exchange["path"]), request, reply }
    };
    list.iter().map(exchange).collect()
}
