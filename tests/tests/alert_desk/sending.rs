//! What receivers are told, and when they do not listen.

use std::time::Duration;

use floodmark_core::Kind;
use floodmark_core::alert::desk::Action;
use floodmark_core::ports::alerts::{Outcome, SentState};
use floodmark_core::ports::{AlertQuery, AlertRequests, AlertStore, Clock, IncidentFilter};
use floodmark_engine::dispatcher::Waits;
use floodmark_schemas::NotificationReason;
use floodmark_tests::engine::memory::dead_letters;
use tokio::sync::watch;

use super::common::{Answer, There, alert, over};

/// Runs the desk beside `work`.
async fn beside<T>(there: &There, work: impl Future<Output = T>) -> T {
    let desk = there.desk();
    let (_drain, drained) = watch::channel(None);
    tokio::select! {
        ended = desk.run(drained) => panic!("the desk has ended: {ended:?}"),
        done = work => done,
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_rule_commits_is_told_acknowledged_and_told_to_be_over() {
    let there = There::new();
    beside(&there, async {
        let a = alert("a", 0);
        there.commits(std::slice::from_ref(&a)).await;
        there.ops.reaches(1).await;
        let store = there.store();
        let incident = store.incidents(&IncidentFilter::default(), None, 9).await.unwrap().items.remove(0).incident.id;
        let action = Action::Acknowledge { incident: incident.clone(), owner: "kim".into(), note: String::new(), useful: None };
        let request = store.request(&action, there.clock.now()).await.unwrap();
        there.ops.reaches(2).await;
        assert!(store.answer(request).await.unwrap().unwrap().done);
        there.commits(&[over(&a, 20)]).await;
        there.ops.reaches(3).await;
        let told = there.ops.told();
        assert_eq!((told[0].as_str(), told[2].split_once(' ').unwrap().1), ("10 Opened a", "Resolved a"));
        let reasons: Vec<_> = store.sent(&incident, 9).await.unwrap().into_iter().map(|sent| sent.notification.reason).collect();
        assert_eq!(reasons, [NotificationReason::Opened, NotificationReason::Acknowledged, NotificationReason::Resolved]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_busy_is_asked_again_later_and_later_or_when_it_says() {
    let mut there = There::new();
    there.waits = Waits { first: Duration::from_secs(2), ..Waits::default() };
    there.ops.answers([Answer::Busy(None), Answer::Busy(None), Answer::Busy(Some(Duration::from_secs(100))), Answer::Silence]);
    beside(&there, async {
        there.commits(&[alert("a", 0)]).await;
        there.ops.reaches(1).await;
    })
    .await;
    // 10, 12, 16, 116, which has no answer for 70 s, and 16 s after that.
    assert_eq!(there.ops.told(), ["202 Opened a"]);
    let store = there.store();
    let incident = store.incidents(&IncidentFilter::default(), None, 9).await.unwrap().items.remove(0).incident.id;
    let tries: Vec<_> = store.sent(&incident, 9).await.unwrap()[0].attempts.iter().map(|of| (of.number, of.answer.clone())).collect();
    let tries: Vec<_> = tries.iter().map(|(number, answer)| (*number, answer.as_str())).collect();
    assert_eq!(tries[..4], [(1, "busy"), (2, "busy"), (3, "busy"), (4, "sending to ops: no answer within 70s")]);
}

#[tokio::test(start_paused = true)]
async fn what_a_receiver_never_takes_is_set_aside_and_the_next_goes_on() {
    let there = There::new();
    there.ops.answers([Answer::Never]);
    beside(&there, async {
        let a = alert("a", 0);
        there.commits(std::slice::from_ref(&a)).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        there.commits(&[over(&a, 30)]).await;
        there.ops.reaches(1).await;
    })
    .await;
    assert_eq!(there.ops.told(), ["70 Resolved a"]);
    let letters = dead_letters(&there.logs).await;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].component.as_str(), letters[0].reason.as_str()), ("alerts", "not sent after 1 tries: 550 no such user"));
    assert!(letters[0].origin.starts_with("notification to ops of incident ") && letters[0].original.contains("\"reason\":\"opened\""));
    let sent = there.store().sent(letters[0].origin.rsplit(' ').next().unwrap(), 9).await.unwrap();
    assert_eq!((sent[0].state, sent[0].attempts[0].outcome), (SentState::Dead, Outcome::Rejected));
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_for_long_enough_is_given_up() {
    let mut there = There::new();
    there.waits = Waits { give_up: Duration::from_secs(600), ..Waits::default() };
    there.ops.answers((0..20).map(|_| Answer::Busy(None)));
    beside(&there, async {
        there.commits(&[alert("a", 0)]).await;
        tokio::time::sleep(Duration::from_secs(2_000)).await;
        assert_eq!(there.store().depths().await.unwrap(), []);
    })
    .await;
    // 10, 11, 13, 17, .., 521, and the last one when the time is over.
    let letters = dead_letters(&there.logs).await;
    assert_eq!(letters.iter().map(|letter| letter.reason.as_str()).collect::<Vec<_>>(), ["not sent after 11 tries: busy"]);
    assert_eq!(there.ops.told(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_to_come_back_tomorrow_is_asked_again_in_an_hour_and_when_the_time_is_over() {
    let mut there = There::new();
    there.waits = Waits { give_up: Duration::from_secs(9_000), ..Waits::default() };
    let tomorrow = Duration::from_secs(86_400);
    there.ops.answers([tomorrow, Duration::MAX, tomorrow].map(|wait| Answer::Busy(Some(wait))));
    beside(&there, async {
        there.commits(&[alert("a", 0)]).await;
        there.ops.reaches(1).await;
    })
    .await;
    // 10, 3610, 7210, and 9010, which is the last time.
    assert_eq!(there.ops.told(), ["9010 Opened a"]);
    assert_eq!(dead_letters(&there.logs).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn notifications_to_a_receiver_that_is_gone_become_dead_letters() {
    let mut there = There::new();
    there.ops.answers((0..100).map(|_| Answer::Busy(None)));
    beside(&there, async {
        there.commits(&[alert("a", 0)]).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
    })
    .await;
    there.policy.receivers.clear();
    let mut desk = there.desk();
    desk.plan.notifiers.clear();
    let (_drain, drained) = watch::channel(None);
    tokio::select! {
        ended = desk.run(drained) => panic!("the desk has ended: {ended:?}"),
        () = tokio::time::sleep(Duration::from_secs(60)) => {}
    }
    let reasons: Vec<String> = dead_letters(&there.logs).await.into_iter().map(|letter| letter.reason).collect();
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].ends_with("sending to ops: this receiver is not configured any more"), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn draining_folds_everything_and_leaves_the_rest_to_the_next_start() {
    let there = There::new();
    let last = there.commits(&[alert("a", 0), alert("b", 0)]).await;
    let (drain, drained) = watch::channel(None);
    drain.send_replace(Some(last));
    there.desk().run(drained).await.unwrap();
    assert_eq!(there.store().open().await.unwrap().standing.position, last);
    assert_eq!(there.ops.told(), Vec::<String>::new());
    beside(&there, there.ops.reaches(2)).await;
    assert_eq!(there.ops.told().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_cannot_be_read_stops_the_desk() {
    let there = There::new();
    let mut broken = alert("a", 0);
    broken.value = Some(f64::NAN);
    let mut text = serde_json::to_value(&broken).unwrap();
    text["state"] = "unheard of".into();
    let mut headers = floodmark_schemas::Headers::default();
    floodmark_schemas::Definition { version: "1", jobs: 1, rebuilding: false }.set(&mut headers);
    text["kind"] = "alert".into();
    let body = serde_json::to_vec(&serde_json::json!({ "outputs": [text] })).unwrap().into();
    let subject = floodmark_schemas::subject::outputs("disk", 0);
    let entry = floodmark_core::ports::NewEntry { subject, id: None, headers, body };
    there.logs.outputs.append(vec![entry], floodmark_core::ports::Expect::Anything).await.unwrap();
    let (_drain, drained) = watch::channel(None);
    let error = there.desk().run(drained).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Broken, "reading alerts of entry 1 on floodmark.outputs.disk.0"));
}

#[tokio::test(start_paused = true)]
async fn what_is_old_is_forgotten_every_few_minutes() {
    let there = There::new();
    let mut desk = there.desk();
    desk.plan.retention = Duration::from_secs(60);
    let (_drain, drained) = watch::channel(None);
    let script = async {
        let a = alert("a", 0);
        there.commits(std::slice::from_ref(&a)).await;
        there.ops.reaches(1).await;
        there.commits(&[over(&a, 20)]).await;
        // At 70 s, when it is as old as that.
        there.ops.reaches(2).await;
        let store = there.store();
        let known = async || store.incidents(&IncidentFilter::default(), None, 9).await.unwrap().items.len();
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert_eq!(known().await, 1);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(known().await, 0);
    };
    tokio::select! {
        ended = desk.run(drained) => panic!("the desk has ended: {ended:?}"),
        () = script => {}
    }
}
