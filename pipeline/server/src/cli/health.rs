//! `floodmark health`: how the running server is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;
use floodmark_engine::{SourceState, SourceStatus};
use reqwest::{Client, StatusCode, Url};
use serde::{Deserialize, Serialize};

use super::args::Global;
use super::exit::{Exit, Failure, Outcome};
use super::listing::json_line;
use super::open;
use super::output::{self, print};
use super::table::{Align, Table};
use crate::config;

/// The longest an answer may take: a health check that hangs is a bad answer.
const TIME_MAX: Duration = Duration::from_secs(4);

/// Arguments of `floodmark health`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 healthy, 1 not, 69 nobody answers. A source that failed and will be tried again is\n\
                        told, and is no reason for 1; one that waits for a person is.\n\n\
                        Example:\n  floodmark health --ready || echo 'send nobody there'")]
pub struct Args {
    /// Where the server's API is. Without it, where the configuration says.
    #[arg(long, value_name = "URL")]
    pub url: Option<Url>,
    /// Ask only whether the pipeline runs, as the health check of a container does: sources are not looked at.
    #[arg(long)]
    pub ready: bool,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object on each line.
    Json,
}

/// One part of the server.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Component {
    component: String,
    healthy: bool,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Asks the running server how it is.
///
/// # Errors
/// `Unreachable` when nobody answers; a configuration that is wrong or has no API.
pub fn health(global: &Global, args: &Args) -> Outcome {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => configured(global)?,
    };
    open::block_on(global, async {
        let components = Server::at(url)?.components(args.ready).await?;
        match args.format {
            Format::Table => print(&table(&components).render(output::width()))?,
            Format::Json => components.iter().try_fold(Exit::Ok, |_, component| print(&json_line(component)))?,
        };
        Ok(if components.iter().all(|component| component.healthy) { Exit::Ok } else { Exit::Failed })
    })
}

/// Where the server of this configuration answers those on the same machine.
pub(super) fn configured(global: &Global) -> Result<Url, Failure> {
    let config = config::load(&global.config)?;
    if !config.api.enabled {
        return Err(Failure::new("the configuration has no API to ask").remedy("set `enabled = true` under [api]"));
    }
    let listen = config.api.listen.0;
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let url = format!("http://{}/", SocketAddr::new(ip, listen.port()));
    Url::parse(&url).map_err(|e| Failure::new(format!("asking {url}: {e}")))
}

/// A server that is asked.
struct Server {
    url: Url,
    client: Client,
}

/// A page of the API.
#[derive(Deserialize)]
struct Sources {
    items: Vec<SourceStatus>,
}

impl Server {
    fn at(mut url: Url) -> Result<Self, Failure> {
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            let what = format!("{url} is not the address of a server");
            return Err(Failure::Other(Exit::Usage, what, Some("write it like http://127.0.0.1:8320".to_owned())));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        // A proxy would answer in the server's place.
        let client = Client::builder().no_proxy().timeout(TIME_MAX).build();
        let client = client.map_err(|e| Failure::new(format!("making an HTTP client: {e}")))?;
        Ok(Self { url, client })
    }

    async fn components(&self, ready_only: bool) -> Result<Vec<Component>, Failure> {
        let (alive, _) = self.ask("-/healthy").await?;
        let (ready, said) = self.ask("-/ready").await?;
        let mut components = vec![
            component("process", alive == StatusCode::OK, if alive == StatusCode::OK { "running" } else { "failing" }, None),
            component("pipeline", ready == StatusCode::OK, if ready == StatusCode::OK { "ready" } else { "not ready" }, reason(&said)),
        ];
        if !ready_only {
            let (status, body) = self.ask("api/v1/sources").await?;
            match serde_json::from_slice::<Sources>(&body) {
                Ok(sources) if status == StatusCode::OK => components.extend(sources.items.into_iter().map(source)),
                _ => components.push(component("sources", false, "unknown", reason(&body).or_else(|| Some(format!("status {status}"))))),
            }
        }
        Ok(components)
    }

    /// What is answered at a path.
    async fn ask(&self, path: &str) -> Result<(StatusCode, Vec<u8>), Failure> {
        let unreachable = |e: &dyn std::error::Error| {
            let cause = std::iter::successors(Some(e), |e| e.source()).last().map(ToString::to_string).unwrap_or_default();
            let what = format!("{} does not answer: {cause}", self.url);
            let remedy = "is `floodmark run` running there? --url URL asks another server";
            Failure::Other(Exit::Unreachable, what, Some(remedy.to_owned()))
        };
        let url = self.url.join(path).map_err(|e| unreachable(&e))?;
        let response = self.client.get(url).send().await.map_err(|e| unreachable(&e))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|e| unreachable(&e))?;
        Ok((status, body.to_vec()))
    }
}

fn component(name: &str, healthy: bool, state: &str, detail: Option<String>) -> Component {
    Component { component: name.to_owned(), healthy, state: state.to_owned(), detail }
}

fn source(status: SourceStatus) -> Component {
    let healthy = status.state != SourceState::Failed;
    // What went wrong long ago is no state of today.
    let troubled = matches!(status.state, SourceState::Failed | SourceState::BackingOff);
    let overdue = status.polls.map(|polls| polls.overdue).filter(|overdue| *overdue > 0);
    let overdue = overdue.map(|targets| format!("polls are overdue (targets: {targets})"));
    let detail = status.last_error.filter(|_| troubled).or(overdue);
    component(&format!("source.{}", status.id), healthy, status.state.name(), detail)
}

/// The message of an error of the API.
fn reason(body: &[u8]) -> Option<String> {
    let error: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(error.pointer("/error/message")?.as_str()?.to_owned())
}

fn table(components: &[Component]) -> Table {
    let mut table = Table::new(["COMPONENT", "HEALTH", "STATE", "DETAIL"].map(|name| (name, Align::Left)));
    for Component { component, healthy, state, detail } in components {
        let health = if *healthy { "ok" } else { "problem" };
        table.row(vec![component.clone(), health.to_owned(), state.clone(), detail.clone().unwrap_or_default()]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests::{client, memory};

    async fn asked(url: &str, ready_only: bool) -> Result<Vec<Component>, Failure> {
        Server::at(url.parse().unwrap()).unwrap().components(ready_only).await
    }

    #[tokio::test]
    async fn every_component_is_told_with_what_troubles_it() {
        let server = client::Server::start(memory()).await;
        let url = format!("http://{}", server.address);
        let expected = "\
COMPONENT    HEALTH  STATE        DETAIL
process      ok      running
pipeline     ok      ready
source.host  ok      backing_off  reading the load
";
        assert_eq!(table(&asked(&url, false).await.unwrap()).render(None), expected);
        assert_eq!(asked(&url, true).await.unwrap().len(), 2);
        server.ready.send_replace(false);
        let not_ready = &asked(&url, true).await.unwrap()[1];
        let expected = r#"{"component":"pipeline","healthy":false,"state":"not ready","detail":"the pipeline is not running"}"#;
        assert_eq!(json_line(not_ready).trim_end(), expected);
    }

    #[test]
    fn a_source_that_waits_for_a_person_is_a_problem_and_one_that_is_tried_again_is_none() {
        let of = |state| SourceStatus { id: "web".into(), state, last_error: Some("no route".into()), ..SourceStatus::default() };
        let told = |state| {
            let Component { healthy, state, detail, .. } = source(of(state));
            (healthy, state, detail)
        };
        let because = Some("no route".to_owned());
        assert_eq!(told(SourceState::Failed), (false, "failed".to_owned(), because.clone()));
        assert_eq!(told(SourceState::BackingOff), (true, "backing_off".to_owned(), because));
        assert_eq!(told(SourceState::Running), (true, "running".to_owned(), None));
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_unreachable() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let failure = asked(&format!("http://{address}/behind/a/proxy"), true).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert!(failure.render(false).starts_with(&format!("floodmark: http://{address}/behind/a/proxy/ does not answer: ")));
        assert_eq!(Server::at("ftp://a".parse().unwrap()).err().unwrap().exit(), Exit::Usage);
    }
}
