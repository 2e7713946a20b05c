//! Alerts as messages of NATS, read by other clients.

use floodmark_connectors::logs::jetstream;
use floodmark_connectors::notify::nats::{Config, Nats as Receiver};
use floodmark_core::Kind;
use floodmark_core::ports::Notifier;
use floodmark_schemas::{Alert, Notification, NotificationReason};
use floodmark_tests::servers::{Nats, python};
use floodmark_tests::support::eventually::within;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{config, failed, opened};

fn receiver(server: &Nats, more: Value) -> Receiver {
    let mut settings = json!({ "servers": [server.url()], "timeout": "10s" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Receiver::new(&config(settings), None).unwrap()
}

async fn alerts_stream(server: &Nats, subjects: &str) -> async_nats::jetstream::stream::Stream {
    let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let config =
        async_nats::jetstream::stream::Config { name: "ALERTS".to_owned(), subjects: vec![subjects.to_owned()], ..Default::default() };
    context.create_stream(config).await.unwrap()
}

#[tokio::test]
async fn who_subscribes_gets_each_alert() {
    let server = Nats::start().await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut all = client.subscribe("floodmark.alerts.>").await.unwrap();
    let mut critical = client.subscribe("floodmark.alerts.critical.*").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(receiver(&server, json!({})).deliver(&opened()).await.unwrap().answer, "3 sent to subscribers");
    for (alert, subject) in opened().alerts.iter().zip(["critical.disk_full", "warning.certificate_ends", "error.load_high"]) {
        let message = within("an alert", all.next()).await.unwrap();
        assert_eq!(message.subject.as_str(), format!("floodmark.alerts.{subject}"));
        assert_eq!(&serde_json::from_slice::<Alert>(&message.payload).unwrap(), alert);
        let headers = message.headers.unwrap();
        let found = ["Nats-Msg-Id", "Content-Type", "Floodmark-Incident", "Floodmark-Notification", "Floodmark-Reason"]
            .map(|name| headers.get(name).unwrap().as_str().to_owned());
        let id = format!("{}.{}", alert.id, alert.step);
        assert_eq!(found, [id, "application/json".to_owned(), opened().incident.id, opened().id, "opened".to_owned()]);
    }
    let message = within("the critical alert", critical.next()).await.unwrap();
    assert_eq!(message.subject.as_str(), "floodmark.alerts.critical.disk_full");
}

#[tokio::test]
async fn a_stream_keeps_each_step_once_and_any_client_reads_it() {
    let server = Nats::start().await;
    let mut stream = alerts_stream(&server, "floodmark.alerts.>").await;
    let receiver = receiver(&server, json!({ "stream": "required" }));
    assert_eq!(receiver.deliver(&opened()).await.unwrap().answer, "3 stored");
    // Sent again because the answer was lost, and again because the incident goes on: one alert has a new step.
    assert_eq!(receiver.deliver(&opened()).await.unwrap().answer, "3 known before");
    let mut repeated = Notification { id: "0".repeat(32), reason: NotificationReason::Repeated, ..opened() };
    repeated.alerts[0].step += 1;
    assert_eq!(receiver.deliver(&repeated).await.unwrap().answer, "1 stored, 2 known before");
    assert_eq!(stream.info().await.unwrap().state.messages, 4);
    let script = "import asyncio, json, nats, sys
async def main():
    client = await nats.connect(sys.argv[1])
    subscription = await client.jetstream().subscribe('floodmark.alerts.critical.>', ordered_consumer=True)
    for _ in range(2):
        message = await subscription.next_msg(timeout=30)
        alert = json.loads(message.data)
        print(message.subject, message.headers['Nats-Msg-Id'] == f\"{alert['id']}.{alert['step']}\", alert['state'], alert['value'])
    await client.close()
asyncio.run(main())";
    let read = python(script, &[server.url()]).await;
    let line = "floodmark.alerts.critical.disk_full True firing 96.4\n";
    assert_eq!(read, line.repeat(2));
}

#[tokio::test]
async fn without_a_stream_that_is_required_it_is_to_be_tried_again() {
    let server = Nats::start().await;
    let receiver = receiver(&server, json!({ "stream": "required" }));
    let (kind, text, _) = failed(receiver.deliver(&opened()).await);
    assert_eq!(kind, Kind::Unavailable);
    assert!(text.contains("floodmark.alerts.critical.disk_full: no stream holds it"), "{text}");
    alerts_stream(&server, "floodmark.alerts.>").await;
    assert_eq!(receiver.deliver(&opened()).await.unwrap().answer, "3 stored");
}

#[tokio::test]
async fn the_connection_and_prefix_of_the_log_are_used() {
    let server = Nats::start().await;
    alerts_stream(&server, "plant-2.alerts.>").await;
    let log: jetstream::Config = config(json!({ "servers": [server.url()], "prefix": "plant-2" }));
    let receiver = Receiver::new(&config(json!({})), Some(&log)).unwrap();
    assert_eq!(receiver.deliver(&opened()).await.unwrap().answer, "3 stored");
}

#[tokio::test]
async fn a_server_that_hangs_or_is_gone_is_to_be_tried_again() {
    let mut server = Nats::start().await;
    let receiver = receiver(&server, json!({ "timeout": "2s" }));
    receiver.deliver(&opened()).await.unwrap();
    server.freeze().await;
    assert_eq!(failed(receiver.deliver(&opened()).await).0, Kind::Unavailable);
    server.thaw();
    server.kill().await;
    assert_eq!(failed(receiver.deliver(&opened()).await).0, Kind::Unavailable);
    let never_there = self::receiver(&server, json!({ "timeout": "2s" }));
    assert_eq!(failed(never_there.deliver(&opened()).await).0, Kind::Unavailable);
}

#[test]
fn what_belongs_to_servers_needs_them() {
    let config: Config = config(json!({ "user": "u", "password": { "env": "P" } }));
    let faults: Vec<String> = config.validate().iter().map(ToString::to_string).collect();
    let fault = |key: &str| format!("`{key}`: it is for `servers`, and there are none (add `servers`, or remove it)");
    assert_eq!(faults, [fault("user"), fault("password")]);
}
