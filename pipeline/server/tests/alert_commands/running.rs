//! What people do with alerts while `floodmark run` runs: by commands beside it, and over HTTP.

use floodmark_tests::servers::Receiver;
use floodmark_tests::support::program::{Api, Installation, client, free_port};
use serde_json::{Value, json};

use crate::world::run;

/// Posts JSON: the status and the answer.
async fn post(url: &str, body: &Value) -> (u16, Value) {
    let request = client().post(url).header("Content-Type", "application/json").body(body.to_string());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

async fn get(api: &Api, path: &str) -> Value {
    serde_json::from_str(&api.get(path).await.unwrap().1).unwrap()
}

#[tokio::test]
async fn a_running_desk_does_what_is_asked_for_beside_it() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    let (port, hook) = (free_port(), Receiver::start(None).await);
    let text = format!(
        "[api]\nlisten = \"127.0.0.1:0\"\n[sources.in]\ntype = \"push\"\nlisten = \"127.0.0.1:{port}\"\n\
         [alerts.hot]\ntype = \"threshold\"\nmetrics = [\"cpu_usage\"]\nabove = 90\nseverity = \"critical\"\n\
         [receivers.hook]\ntype = \"webhook\"\nurl = \"{}\"\n[route]\ngroup_by = \"each\"\ngroup_wait = \"0s\"\n",
        hook.url("/")
    );
    installation.write("floodmark.toml", text);
    let program = installation.run();
    let api = program.ready(1).await;
    let busy = |host: &str| {
        let data = json!({ "metric": "cpu_usage", "value": 95.0, "labels": { "host": host } });
        json!([{ "specversion": "1.0", "type": "floodmark.sample.v1", "source": "sender", "data": data }])
    };
    assert_eq!(post(&format!("http://127.0.0.1:{port}/v1/events"), &busy("a")).await.0, 200);
    hook.have_come(1).await;
    let incident = get(&api, "/api/v1/incidents").await["items"][0]["id"].as_str().unwrap().to_owned();

    let command = async |args: &[&str]| run(installation.path(), args).await;
    let listed = command(&["alerts", "ls", "--format", "json"]).await;
    assert_eq!((listed.0, serde_json::from_str::<Value>(&listed.1).unwrap()["id"].clone()), (0, json!(incident)));
    let done = command(&["alerts", "ack", &incident[..8], "--useful"]).await;
    assert!(done.0 == 0 && done.1.starts_with(&format!("kim looks after incident {incident}: ")), "{done:?}");
    hook.have_come(2).await;
    let told = hook.received()[1].json();
    assert_eq!((&told["reason"], &told["incident"]["acknowledged"]["owner"]), (&json!("acknowledged"), &json!("kim")));

    // What is silenced over HTTP is not told; the page for people and the command say so.
    let silence = json!({ "matchers": ["host=b"], "owner": "ada", "comment": "known", "for": "2h" });
    let (status, made) = post(&api.url("/api/v1/silences"), &silence).await;
    assert_eq!((status, &made["done"]), (201, &json!(true)));
    let short = made["id"].as_str().unwrap()[..8].to_owned();
    for host in ["b", "c"] {
        assert_eq!(post(&format!("http://127.0.0.1:{port}/v1/events"), &busy(host)).await.0, 200);
    }
    hook.have_come(3).await;
    assert_eq!(hook.received()[2].json()["alerts"][0]["labels"]["host"], "c");
    let muted = api.item("/api/v1/incidents", |incident| incident["muted"] == 1).await;
    let listed = command(&["alerts", "ls"]).await.1;
    assert!(listed.contains(&format!("silence {short} until ")) && listed.contains(&muted["id"].as_str().unwrap()[..8]), "{listed}");
    let page = api.get("/").await.unwrap().1;
    assert!(page.contains("kim looks after it") && page.contains(&format!("silent: silence {short} until ")), "{page}");
    let (status, refused) = post(&api.url("/api/v1/incidents/00/ack"), &json!({ "owner": "ada" })).await;
    assert_eq!((status, &refused["error"]["code"]), (404, &json!("not_found")));

    // The end of the silence tells what goes on.
    let ended = command(&["alerts", "unsilence", &short]).await;
    assert_eq!(ended.0, 0, "{ended:?}");
    hook.have_come(4).await;
    assert_eq!(hook.received()[3].json()["alerts"][0]["labels"]["host"], "b");
    program.signal("TERM");
    assert_eq!(program.ends().await.0, 0);
}
