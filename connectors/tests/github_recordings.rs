//! The `github` source against recorded conversations, whatever they are.

#![cfg(test)]

mod pollers;

use std::path::PathBuf;
use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::sources::github::{Config, Github};
use floodmark_schemas::{Check, Reason};
use pollers::recordings::{Exchange, octokit, pygithub};
use pollers::{Kept, Request, Server, inputs, run_until};
use serde_json::{Value, json};

/// `owner/name` when the exchange asks for a repository.
fn repository(exchange: &Exchange) -> Option<&str> {
    let name = exchange.path.strip_prefix("/repos/").filter(|name| name.matches('/').count() == 1 && !name.contains('?'))?;
    (exchange.method == "GET").then_some(name)
}

/// Every recorded conversation that asks for one repository, and only for that.
fn conversations() -> Option<Vec<(PathBuf, String, Vec<Exchange>)>> {
    let folder = inputs()?.join("github");
    let mut files: Vec<_> = std::fs::read_dir(folder.join("pygithub")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.extend(std::fs::read_dir(folder.join("octokit")).unwrap().map(|entry| entry.unwrap().path().join("raw-fixture.json")));
    files.retain(|file| file.is_file());
    files.sort();
    let conversation = |file: PathBuf| {
        let exchanges = match file.extension()?.to_str()? {
            "txt" => pygithub(&file),
            "json" => octokit(&file),
            _ => return None,
        };
        let name = repository(exchanges.first()?)?.to_owned();
        // Limits and redirects depend on the rest of the recording; they have tests of their own.
        let plain = |exchange: &Exchange| repository(exchange) == Some(&name) && matches!(exchange.reply.status, 200 | 304 | 404 | 500..);
        exchanges.iter().all(plain).then_some((file, name, exchanges))
    };
    Some(files.into_iter().filter_map(conversation).collect())
}

/// Replays exchanges about repository `name` until each was asked for.
async fn replay(name: &str, every: &str, exchanges: &[Exchange]) -> (Kept, Vec<Request>) {
    let server = Server::new([]).await;
    for exchange in exchanges {
        let mut reply = exchange.reply.clone();
        for (_, value) in reply.headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("location")) {
            *value = value.replace("https://api.github.com", &server.url());
        }
        server.add(reply);
    }
    let config: Config = serde_json::from_value(json!({"repos": [name], "base_url": server.url(), "every": every})).unwrap();
    let mut source = Github::new("gh", config, Arc::new(SystemClock)).unwrap();
    let kept = Kept::default();
    run_until(&mut source, &kept, &[&server], || kept.checks().len() == exchanges.len()).await;
    (kept, server.requests())
}

/// The check that a recorded answer must leave.
fn expected(exchange: &Exchange) -> (Option<bool>, Option<Reason>, Option<u16>) {
    let status = exchange.reply.status;
    match status {
        200 if serde_json::from_str::<Value>(&exchange.reply.body).is_ok_and(|body| body["id"].is_u64()) => {
            (Some(true), None, Some(status))
        }
        200 => (Some(false), Some(Reason::Malformed), Some(status)),
        304 => (Some(true), None, Some(status)),
        _ => (Some(false), Some(Reason::Status), Some(status)),
    }
}

fn brief(check: &Check) -> (Option<bool>, Option<Reason>, Option<u16>) {
    (check.up, check.reason, check.status)
}

#[tokio::test]
async fn every_recorded_conversation_leaves_the_checks_of_its_answers() {
    let Some(conversations) = conversations() else { return };
    assert!(conversations.len() >= 3, "recordings are there");
    let mut replaying = tokio::task::JoinSet::new();
    for (file, name, mut exchanges) in conversations {
        // A conversation that begins with "not modified" goes on from another one, and the source repeats three times at
        // the most before its next scheduled look.
        if exchanges[0].reply.status == 304 {
            continue;
        }
        exchanges.truncate(4);
        replaying.spawn(async move {
            let every = if exchanges[0].reply.status >= 500 { "10d" } else { "1s" };
            let (kept, _) = replay(&name, every, &exchanges).await;
            let found: Vec<_> = kept.checks().iter().map(brief).collect();
            assert_eq!(found, exchanges.iter().map(expected).collect::<Vec<_>>(), "{}", file.display());
            let stars = |exchange: &Exchange| {
                let body: Value = serde_json::from_str(&exchange.reply.body).ok()?;
                body.get("stargazers_count").or(body.get("watchers"))?.as_f64()
            };
            let samples = kept.samples();
            let found: Vec<_> = samples.iter().filter(|line| line.starts_with("stars{")).collect();
            let wanted: Vec<_> = exchanges.iter().filter_map(stars).collect();
            assert_eq!(found.len(), wanted.len(), "{}", file.display());
            for (line, stars) in found.iter().zip(wanted) {
                assert!(line.ends_with(&format!(" = {stars}")), "{line} in {}", file.display());
            }
        });
    }
    while let Some(done) = replaying.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn the_recorded_tag_is_sent_as_recorded_and_not_modified_costs_nothing() {
    let Some(folder) = inputs() else { return };
    let recorded = |name: &str| pygithub(&folder.join(format!("github/pygithub/ConditionalRequestUpdate.{name}.txt"))).remove(0);
    let exchanges = [recorded("setUp"), recorded("testDidNotUpdate"), recorded("testDidUpdate")];
    let name = repository(&exchanges[0]).unwrap();
    let (kept, requests) = replay(name, "1s", &exchanges).await;
    let header =
        |headers: &[(String, String)], name: &str| headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
    for (request, exchange) in requests.iter().zip(&exchanges) {
        assert_eq!(request.header("if-none-match"), header(&exchange.request, "If-None-Match").as_deref());
    }
    let remaining: Vec<_> = exchanges.iter().filter_map(|exchange| header(&exchange.reply.headers, "x-ratelimit-remaining")).collect();
    assert_eq!(remaining, ["4988", "4988", "4987"]);
    let samples = kept.samples();
    let (first, rest) = samples.split_at(samples.len() / 3);
    assert!(!first.is_empty());
    assert_eq!(first, &rest[..first.len()], "the numbers are repeated on a 304");
    assert_eq!(kept.letters(), []);
}

#[tokio::test]
async fn the_recorded_answer_of_today_gives_all_five_numbers() {
    let Some(folder) = inputs() else { return };
    let exchange = octokit(&folder.join("github/octokit/get-repository/raw-fixture.json")).remove(0);
    let (kept, _) = replay(repository(&exchange).unwrap(), "10d", std::slice::from_ref(&exchange)).await;
    let body: Value = serde_json::from_str(&exchange.reply.body).unwrap();
    let labels = format!("{{repo={},repo_id=\"{}\"}}", body["full_name"], body["id"]);
    let expected = [
        format!("stars{labels} = {}", body["stargazers_count"]),
        format!("forks{labels} = {}", body["forks_count"]),
        format!("open_issues_and_pulls{labels} = {}", body["open_issues_count"]),
        format!("subscribers{labels} = {}", body["subscribers_count"]),
        format!("size{labels} KiBy = {}", body["size"]),
    ];
    assert_eq!(kept.samples(), expected);
}
