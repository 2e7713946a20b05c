//! What is to be sent, and what came of it.

use floodmark_schemas::Timestamp;

use super::samples::{incident, notification};
use super::turns::standing;
use super::{Fixture, Stores};
use crate::alert::desk::{Changes, IncidentRecord};
use crate::ports::alerts::{Attempt, Depth, Outcome, SentState, Turn};

fn secs(n: i64) -> Timestamp {
    Timestamp::from_secs(n)
}

/// Two incidents, with three notifications of the first and two of the second for `ops` and one for `boss`.
fn six() -> (Changes, [IncidentRecord; 2]) {
    let both = [incident(1, 10, None), incident(2, 10, None)];
    let [first, second] = &both;
    let of = |of, receiver, number| notification(of, receiver, number, 40 + i64::from(number));
    let notifications = vec![
        of(first, "ops", 0),
        of(second, "ops", 0),
        of(first, "boss", 0),
        of(first, "ops", 1),
        of(second, "ops", 1),
        of(first, "ops", 2),
    ];
    (Changes { notifications, ..Changes::default() }, both)
}

async fn filled(fixture: &dyn Fixture) -> (Stores, Turn) {
    let stores = fixture.open().await;
    let turn = stores.store.open().await.expect("it opens").turn;
    let turn = stores.store.commit(turn, &standing(1), &six().0).await.expect("committed");
    (stores, turn)
}

/// The ids, without the zeros, of what is due for `ops`, and when the next is.
async fn due(stores: &Stores, at: i64, limit: usize) -> (Vec<String>, Option<i64>) {
    let outbox = stores.store.outbox("ops", secs(at), limit).await.expect("an answer");
    let ids = outbox.due.iter().map(|outgoing| outgoing.notification.id.replace('0', "").replace("ops-", "")).collect();
    (ids, outbox.next.map(|at| at.micros() / 1_000_000))
}

async fn attempted(stores: &Stores, owner: u64, incident: u64, number: u32, attempt: u32, outcome: Outcome) {
    let notification = format!("ops-{incident:032x}-{number}");
    let attempt = Attempt { notification, number: attempt, time: secs(60), outcome, answer: "said\0".into() };
    stores.store.attempted(owner, &[attempt]).await.expect("stored");
}

/// The next of an incident is due when the one before has arrived; incidents do not wait for each other.
pub async fn notifications_of_an_incident_go_to_a_receiver_one_after_the_other(fixture: &dyn Fixture) {
    let (stores, Turn { owner, .. }) = filled(fixture).await;
    assert_eq!(due(&stores, 39, 9).await, (vec![], Some(40)));
    assert_eq!(due(&stores, 50, 9).await, (vec!["1-".into(), "2-".into()], None));
    assert_eq!(due(&stores, 50, 1).await.0, ["1-"]);
    attempted(&stores, owner, 1, 0, 1, Outcome::Delivered).await;
    assert_eq!(due(&stores, 50, 9).await.0, ["2-", "1-1"]);
    attempted(&stores, owner, 1, 1, 1, Outcome::Delivered).await;
    attempted(&stores, owner, 2, 0, 1, Outcome::Delivered).await;
    assert_eq!(due(&stores, 50, 9).await.0, ["2-1", "1-2"]);
    let depth = |receiver: &str, waiting, oldest| Depth { receiver: receiver.into(), waiting, oldest: secs(oldest) };
    assert_eq!(stores.store.depths().await.expect("an answer"), [depth("boss", 1, 40), depth("ops", 2, 41)]);
}

/// It is tried again when it is time, and meanwhile nothing later of the incident is.
pub async fn what_was_not_delivered_is_due_again_later(fixture: &dyn Fixture) {
    let (stores, Turn { owner, .. }) = filled(fixture).await;
    attempted(&stores, owner, 1, 0, 1, Outcome::Again { at: secs(100) }).await;
    assert_eq!(due(&stores, 99, 9).await, (vec!["2-".into()], Some(100)));
    let outbox = stores.store.outbox("ops", secs(100), 9).await.expect("an answer");
    assert_eq!(outbox.due.iter().map(|outgoing| outgoing.attempts).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(outbox.due[0].notification, six().0.notifications[0]);
    attempted(&stores, owner, 1, 0, 2, Outcome::Again { at: secs(300) }).await;
    // Another process sees the same.
    let stores = fixture.open().await;
    let owner = stores.store.open().await.expect("it opens").turn.owner;
    assert_eq!(due(&stores, 200, 9).await, (vec!["2-".into()], Some(300)));
    attempted(&stores, owner, 1, 0, 3, Outcome::Delivered).await;
    let sent = stores.query.sent(&format!("{:032x}", 1), 99).await.expect("an answer");
    let first = sent.iter().find(|sent| sent.notification.number == 0 && sent.notification.receiver == "ops").expect("it is there");
    let outcomes: Vec<Outcome> = first.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Again { at: secs(100) }, Outcome::Again { at: secs(300) }, Outcome::Delivered]);
    assert_eq!((first.state, first.attempts[0].answer.as_str()), (SentState::Delivered, "said\0"));
}

/// Of several tries of one notification that are stored together the last says where it stands.
pub async fn tries_of_a_notification_may_be_stored_together(fixture: &dyn Fixture) {
    let (stores, Turn { owner, .. }) = filled(fixture).await;
    let attempt = |number, outcome| {
        let notification = format!("ops-{:032x}-0", 1);
        Attempt { notification, number, time: secs(60), outcome, answer: String::new() }
    };
    let tries =
        [attempt(1, Outcome::Again { at: secs(100) }), attempt(2, Outcome::Again { at: secs(200) }), attempt(3, Outcome::Delivered)];
    stores.store.attempted(owner, &tries[..2]).await.expect("stored");
    assert_eq!(due(&stores, 150, 9).await, (vec!["2-".into()], Some(200)));
    stores.store.attempted(owner, &tries).await.expect("stored");
    assert_eq!(due(&stores, 150, 9).await, (vec!["2-".into(), "1-1".into()], None));
}

/// What the receiver never takes is shown, and the next is due.
pub async fn what_is_set_aside_holds_nobody_up(fixture: &dyn Fixture) {
    let (stores, Turn { owner, .. }) = filled(fixture).await;
    attempted(&stores, owner, 1, 0, 1, Outcome::Rejected).await;
    attempted(&stores, owner, 2, 0, 1, Outcome::GivenUp).await;
    assert_eq!(due(&stores, 50, 9).await.0, ["1-1", "2-1"]);
    let sent = stores.query.sent(&format!("{:032x}", 1), 99).await.expect("an answer");
    let states: Vec<_> = sent.iter().map(|sent| (sent.notification.receiver.as_str(), sent.notification.number, sent.state)).collect();
    let waiting = SentState::Waiting;
    assert_eq!(states, [("ops", 0, SentState::Dead), ("boss", 0, waiting), ("ops", 1, waiting), ("ops", 2, waiting)]);
}

/// One that was stored is not sent again because it is written again.
pub async fn a_notification_that_comes_again_stays_as_it_is(fixture: &dyn Fixture) {
    let (stores, turn) = filled(fixture).await;
    attempted(&stores, turn.owner, 1, 0, 1, Outcome::Delivered).await;
    stores.store.commit(turn, &standing(2), &six().0).await.expect("committed");
    assert_eq!(due(&stores, 50, 9).await.0, ["2-", "1-1"]);
    assert_eq!(stores.query.sent(&six().1[0].incident.id, 99).await.expect("an answer").len(), 4);
}
