//! Incidents, alerts and silences over HTTP, and what is asked of the desk.

use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::stores::embedded::{self, Store};
use floodmark_core::alert::desk::{AlertRecord, Changes, Desk, IncidentRecord, Policy};
use floodmark_core::conformance::alerts::{incident, record};
use floodmark_core::ports::alerts::Turn;
use floodmark_core::ports::{AlertStore, Standing};
use floodmark_schemas::AlertState::{Firing, Resolved};
use floodmark_schemas::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::client::{Answer, Server};
use super::{memory, state};
use crate::api::{AlertState, ApiState, router};
use crate::incidents::{Alerts, Situation};

const JSON: &str = "Content-Type: application/json\r\n";

/// A server whose alerts lie in a store, with the owner of it.
struct There {
    _directory: tempfile::TempDir,
    server: Server,
    store: Arc<embedded::Alerts>,
    turn: Turn,
    desk: Desk,
}

impl There {
    async fn new(incidents: &[IncidentRecord], alerts: &[AlertRecord]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(embedded::Alerts::new(Store::open(directory.path().join("store.db")).unwrap()));
        let opened = store.open().await.unwrap();
        let changes = Changes {
            incidents: incidents.iter().map(|record| (record.incident.id.clone(), record.clone())).collect(),
            alerts: alerts.iter().map(|record| (record.alert.id.clone(), record.clone())).collect(),
            ..Changes::default()
        };
        let turn = store.commit(opened.turn, &Standing::default(), &changes).await.unwrap();
        let (ready, receiver) = watch::channel(true);
        let of = Alerts { query: store.clone(), requests: store.clone() };
        let alerts = Some(Arc::new(AlertState::new(of, Arc::new(Policy::default()))));
        let server = Server::start_router(router(ApiState { alerts, ..state(memory(), receiver) }), ready).await;
        let stored = store.open().await.unwrap();
        let desk = Desk::restore(Policy::default(), stored.stored).unwrap();
        Self { _directory: directory, server, store, turn: Turn { owner: stored.turn.owner, ..turn }, desk }
    }

    /// Two that are open, of which one has a title that would break a page, and one that is over.
    async fn filled() -> Self {
        let incidents = [incident(0x10, 100, None), incident(0x11, 200, None), incident(0x2, 50, Some(60))];
        let of = |n: usize| Some(incidents[n].incident.id.as_str());
        let mut over = record(3, Resolved, 50, of(2));
        over.live = false;
        Self::new(&incidents, &[record(1, Firing, 100, of(0)), record(2, Firing, 201, of(1)), over]).await
    }

    /// The answer to a request that the desk does meanwhile.
    async fn done(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let Self { server, store, turn, desk, .. } = self;
        let mut asking = std::pin::pin!(server.put(method, path, JSON, body));
        loop {
            tokio::select! {
                answer = &mut asking => return answer,
                () = tokio::task::yield_now() => {
                    for (request, action) in store.requests(10).await.unwrap() {
                        desk.act(Timestamp::from_secs(10_000), request, &action);
                        *turn = store.commit(*turn, &Standing::default(), &desk.changes()).await.unwrap();
                    }
                }
            }
        }
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.server.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    async fn ids(&self, path: &str) -> Vec<String> {
        let list = self.json(path).await;
        list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()[30..].to_owned()).collect()
    }
}

#[tokio::test]
async fn incidents_and_alerts_are_chosen_and_come_in_pages() {
    let there = There::filled().await;
    for (path, expected) in [
        ("incidents", &["11", "10"][..]),
        ("incidents?open=any", &["11", "10", "02"]),
        ("incidents?open=false", &["02"]),
        ("incidents?open=any&severity=error", &["02"]),
        ("incidents?open=any&from=1970-01-01T00:01:40Z&to=1970-01-01T00:03:20Z", &["10"]),
        ("alerts", &["02", "01"]),
        ("alerts?open=any&rule=rule-0", &["03"]),
        ("alerts?open=any&source=source-1", &["01", "03"]),
        ("alerts?label=team:db", &["02"]),
        ("alerts?incident=00000000000000000000000000000010", &["01"]),
    ] {
        assert_eq!(there.ids(&format!("/api/v1/{path}")).await, expected, "{path}");
    }
    let page = there.json("/api/v1/incidents?limit=1").await;
    let next = page["next"].as_str().unwrap();
    assert_eq!(there.ids(&format!("/api/v1/incidents?limit=1&after={next}")).await, ["10"]);
    for (path, message) in [
        ("incidents?open=maybe", "\"maybe\" is not true, false or any"),
        ("incidents?severity=fatal", "\"fatal\" is not info, warning, error or critical"),
        ("incidents?rule=x", "there is no parameter \"rule\": this path takes open, severity, from, to, limit, after"),
    ] {
        let answer = there.server.get(&format!("/api/v1/{path}")).await;
        assert_eq!((answer.status, &answer.json()["error"]["message"]), (400, &json!(message)));
    }
}

#[tokio::test]
async fn an_alert_that_is_held_is_open_and_one_that_the_desk_has_nothing_to_do_with_is_not() {
    let open = incident(0x10, 100, None);
    let of = Some(open.incident.id.as_str());
    let held = |number| AlertRecord { held: Some(Timestamp::from_secs(99_999)), live: true, ..record(number, Resolved, 50, of) };
    let aside = AlertRecord { live: false, ..record(4, Firing, 60, of) };
    let there = There::new(std::slice::from_ref(&open), &[record(1, Firing, 100, of), held(2), held(3), aside]).await;
    assert_eq!(there.json("/api/v1/incidents").await["items"][0]["alerts"], 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_open_is_read_once_for_all_who_ask_within_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(embedded::Alerts::new(Store::open(directory.path().join("store.db")).unwrap()));
    let of = Alerts { query: store.clone(), requests: store };
    let alerts = AlertState::new(of, Arc::new(Policy::default()));
    let read = async || alerts.situation(true).await.unwrap();
    let all = futures_util::future::join_all((0..32).map(|_| read())).await;
    let is_first = |situation: &Arc<Situation>| Arc::ptr_eq(situation, &all[0]);
    assert!(all.iter().all(is_first));
    tokio::time::advance(Duration::from_millis(999)).await;
    assert!(is_first(&read().await));
    tokio::time::advance(Duration::from_millis(1)).await;
    let second = read().await;
    assert!(!is_first(&second));
    // What is changed here is seen at once.
    alerts.changed().await;
    assert!(!Arc::ptr_eq(&second, &read().await));
}

#[tokio::test]
async fn one_is_shown_whole_by_the_beginning_of_its_id() {
    let there = There::filled().await;
    let whole = there.json("/api/v1/incidents/00000000000000000000000000000010").await;
    assert_eq!((&whole["alerts"], &whole["members"][0]["rule"], &whole["worst"]), (&json!(1), &json!("rule-1"), &json!("info")));
    let alert = there.json("/api/v1/alerts/00000000000000000000000000000002").await;
    assert_eq!((&alert["state"], &alert["steps"]), (&json!("firing"), &json!([])));
    let answer = there.server.get("/api/v1/incidents/0000").await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (409, &json!("ambiguous")));
    let answer = there.server.get("/api/v1/incidents/ffff").await;
    assert_eq!((answer.status, &answer.json()["error"]["message"]), (404, &json!("there is no incident \"ffff\"")));
}

#[tokio::test]
async fn an_incident_is_acknowledged() {
    let mut there = There::filled().await;
    let path = "/api/v1/incidents/00000000000000000000000000000010/ack";
    let answer = there.done("POST", path, r#"{ "owner": "kim", "note": "on it", "useful": false }"#).await;
    let expected = json!({ "request": 1, "done": true, "id": "00000000000000000000000000000010" });
    assert_eq!((answer.status, answer.json()), (200, expected));
    let by = &there.json("/api/v1/incidents?to=1970-01-01T00:03:00Z").await["items"][0]["acknowledged"];
    assert_eq!(by, &json!({ "owner": "kim", "note": "on it", "time": "1970-01-01T02:46:40Z", "useful": false }));
    let over = there.done("POST", "/api/v1/incidents/00000000000000000000000000000002/ack", r#"{ "owner": "kim" }"#).await;
    assert_eq!((over.status, &over.json()["error"]["code"]), (409, &json!("refused")));
}

#[tokio::test]
async fn a_silence_is_made_shown_and_ended() {
    let mut there = There::filled().await;
    let body = r#"{ "matchers": ["rule=rule-1"], "owner": "kim", "comment": "known", "from": "1970-01-01T02:00:00Z", "for": "3h" }"#;
    let made = there.done("POST", "/api/v1/silences", body).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((made.status, id.len()), (201, 32));
    let silences = there.json("/api/v1/silences").await;
    let silence = &silences["items"][0];
    assert_eq!((&silence["ends"], &silence["state"], &silence["alerts"]), (&json!("1970-01-01T05:00:00Z"), &json!("active"), &json!(1)));
    let listed = there.json("/api/v1/incidents").await;
    assert_eq!((&listed["items"][1]["muted"], &listed["items"][0]["muted"]), (&json!(1), &json!(0)));
    let ended = there.done("DELETE", &format!("/api/v1/silences/{}?owner=ada", &id[..6]), "").await;
    assert_eq!((ended.status, &ended.json()["id"]), (200, &json!(id)));
    assert_eq!(there.json("/api/v1/silences").await["items"], json!([]));
    assert_eq!(there.json("/api/v1/silences?all=true").await["items"][0]["ended_by"], json!("ada"));
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_and_nothing_is_stored() {
    let there = There::filled().await;
    let refused = async |path: &str, head: &str, body: &str| {
        let answer = there.server.put("POST", path, head, body).await;
        format!("{} {}", answer.status, answer.json()["error"]["message"].as_str().unwrap())
    };
    let silences = "/api/v1/silences";
    let whole = r#"{ "matchers": ["a=b"], "owner": "kim", "comment": "x", "for": "2h" }"#;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let foreign = format!("{JSON}Origin: http://evil.example\r\n");
    let long_comment = whole.replace("\"x\"", &format!("\"{}\"", "x".repeat(4097)));
    let own = "a silence has an end: give either until or for";
    for (head, body, expected) in [
        ("", whole, "415 Content-Type \"none\" is not taken: send application/json"),
        (form, whole, "415 Content-Type \"application/x-www-form-urlencoded\" is not taken: send application/json"),
        (&foreign, whole, "403 Origin is \"http://evil.example\": a page of another site may change nothing here"),
        (JSON, "{", "400 the body cannot be read: EOF while parsing an object at line 1 column 1"),
        (JSON, r#"{ "matchers": ["a=b"], "owner": "kim", "comment": "x" }"#, &format!("400 {own}")),
        (JSON, r#"{ "matchers": ["a=b"], "owner": " ", "comment": "x", "for": "2h" }"#, "400 owner is empty: say who asks"),
        (
            JSON,
            r#"{ "matchers": ["a"], "owner": "kim", "comment": "x", "for": "2h" }"#,
            "400 reading matcher \"a\": write name=value, name!=value, name=~pattern or name!~pattern",
        ),
        (JSON, &long_comment, "400 comment has 4097 bytes: it may have at most 4096"),
    ] {
        assert_eq!(refused(silences, head, body).await, expected, "{body}");
    }
    let acknowledge = "/api/v1/incidents/00000000000000000000000000000010/ack";
    let body = |owner: usize, note: usize| json!({ "owner": "k".repeat(owner), "note": "n".repeat(note) }).to_string();
    assert_eq!(refused(acknowledge, JSON, &body(257, 0)).await, "400 owner has 257 bytes: it may have at most 256");
    assert_eq!(refused(acknowledge, JSON, &body(256, 4097)).await, "400 note has 4097 bytes: it may have at most 4096");
    let path = format!("/api/v1/silences/ab?owner={}", "k".repeat(257));
    let long = there.server.put("DELETE", &path, "", "").await;
    let expected = json!({ "code": "bad_parameter", "message": "owner has 257 bytes: it may have at most 256", "parameter": "owner" });
    assert_eq!((long.status, &long.json()["error"]), (400, &expected));
    let foreign = there.server.put("DELETE", "/api/v1/silences/ab?owner=x", "Origin: http://evil.example\r\n", "").await;
    assert_eq!(foreign.status, 403);
    let nobody = there.server.put("DELETE", "/api/v1/silences/ab", "", "").await;
    assert_eq!((nobody.status, &nobody.json()["error"]["parameter"]), (400, &json!("owner")));
    assert_eq!(there.store.requests(10).await.unwrap(), []);
}

#[tokio::test]
async fn the_page_for_people_shows_what_is_open() {
    let mut there = There::filled().await;
    there.done("POST", "/api/v1/incidents/00000000000000000000000000000010/ack", r#"{ "owner": "<kim>" }"#).await;
    let silence = r#"{ "matchers": ["rule=rule-1"], "owner": "kim", "comment": "known", "until": "1970-01-01T05:00:00Z" }"#;
    let id = there.done("POST", "/api/v1/silences", silence).await.json()["id"].as_str().unwrap()[..8].to_owned();
    let page = there.server.get("/").await.body;
    let rows: Vec<&str> = page.lines().filter(|line| line.contains("class=\"info\"") || line.contains("class=\"warning\"")).collect();
    let title = "\\u{0} it&#39;s &quot;bad&quot; ␀";
    let link = |n: &str| format!("<a href=\"/api/v1/incidents/000000000000000000000000000000{n}\">{title}</a>");
    let first = format!("  <tr><td class=\"warning\">warning<td>{}<br>since 1970-01-01T00:03:20Z", link("11"));
    let mute = format!("<br>silent: silence {id} until 1970-01-01T05:00:00Z");
    let second =
        format!("  <tr><td class=\"info\">info<td>{}<br>since 1970-01-01T00:01:40Z<br>&lt;kim&gt; looks after it{mute}", link("10"));
    assert_eq!(rows, [first, second]);
    let nothing = There::new(&[], &[]).await.server.get("/").await.body;
    assert!(nothing.contains("<h2>Nothing is wrong</h2>"), "{nothing}");
    let without = Server::start(memory()).await.get("/").await.body;
    assert!(!without.contains("wrong</h2>") && !without.contains("<!--"), "{without}");
}

#[tokio::test]
async fn without_rules_there_is_nothing_to_list() {
    let server = Server::start(memory()).await;
    for path in ["incidents", "alerts", "silences"] {
        assert_eq!(server.get(&format!("/api/v1/{path}")).await.json(), json!({ "items": [] }), "{path}");
    }
    let expected = json!({ "code": "not_found", "message": "there are no alerts: the configuration has no [alerts.<id>]" });
    assert_eq!(server.get("/api/v1/incidents/1").await.json()["error"], expected);
}
