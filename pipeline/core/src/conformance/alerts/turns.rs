//! Whose turn it is, and what a commit leaves.

use floodmark_schemas::{AlertState, Timestamp};

use super::samples::{incident, notification, record};
use super::{Fixture, Stores};
use crate::Kind;
use crate::alert::desk::{Action, Answer, Changes, Decision, Matchers, Silence, StepRecord, Stored, Verdict};
use crate::ports::alerts::{Attempt, Opened, Outcome, Turn};
use crate::ports::{Mark, Position, Standing};

/// Stands after an entry.
pub(super) fn standing(position: u64) -> Standing {
    let mark = Mark { position: Position(position), fingerprint: format!("{position:016x}") };
    Standing { position: Position(position), mark: Some(mark) }
}

/// Some of everything.
pub(super) fn everything() -> Changes {
    let (open, over) = (incident(1, 10, None), incident(2, 5, Some(9)));
    let silence = |id: &str, over| Silence {
        id: id.into(),
        matchers: Matchers::parse(["team=~d.*", "severity>=error"]).expect("these are matchers"),
        owner: "k\0im".into(),
        comment: "it's ␀".into(),
        starts: Timestamp::from_secs(1),
        ends: Timestamp::from_secs(99),
        ended_by: None,
        over,
    };
    let alerts = [record(1, AlertState::Firing, 10, Some(&open.incident.id)), record(2, AlertState::Resolved, 5, Some(&over.incident.id))];
    Changes {
        steps: alerts.iter().map(|record| StepRecord { position: record.position, alert: record.alert.clone() }).collect(),
        notifications: vec![notification(&open, "ops", 0, 40)],
        decisions: vec![Decision {
            time: Timestamp::from_secs(40),
            incident: open.incident.id.clone(),
            alert: None,
            receiver: Some("ops".into()),
            verdict: Verdict::Acknowledged { by: "k\0im".into() },
        }],
        alerts: alerts.map(|record| (record.alert.id.clone(), record)).into(),
        incidents: [open, over].map(|record| (record.incident.id.clone(), record)).into(),
        silences: [silence("s1", false), silence("s2", true)].map(|silence| (silence.id.clone(), silence)).into(),
        notes: [("rate/ops".to_owned(), Some("[1,\"\\u0000\"]".to_owned())), ("none".to_owned(), None)].into(),
        answers: Vec::new(),
    }
}

async fn taken(stores: &Stores) -> Opened {
    stores.store.open().await.expect("it opens")
}

/// There is nothing before the first owner, and owners are told apart.
pub async fn a_new_store_knows_nothing(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let first = taken(&stores).await;
    assert_eq!((first.turn.n, &first.standing, &first.stored), (0, &Standing::default(), &Stored::default()));
    assert!(taken(&stores).await.turn.owner > first.turn.owner);
    assert_eq!(stores.store.depths().await.expect("an answer"), []);
}

/// Everything that a desk needs comes back, in the process that goes on.
pub async fn what_was_committed_is_there_for_the_next_owner(fixture: &dyn Fixture) {
    let mut model = Stored::default();
    let changes = everything();
    model.apply(&changes);
    {
        let stores = fixture.open().await;
        let turn = taken(&stores).await.turn;
        let turn = stores.store.commit(turn, &standing(7), &changes).await.expect("committed");
        assert_eq!(turn.n, 1);
        // Who only looks takes nothing over.
        assert_eq!(stores.store.standing().await.expect("an answer"), standing(7));
        stores.store.commit(turn, &standing(7), &Changes::default()).await.expect("still the owner");
    }
    let stores = fixture.open().await;
    let opened = taken(&stores).await;
    assert_eq!((&opened.standing, &opened.stored), (&standing(7), &model));
    // What is over or no longer needed goes.
    let mut later = Changes { notes: [("rate/ops".to_owned(), None)].into(), ..Changes::default() };
    let closed = record(1, AlertState::Resolved, 10, Some("x"));
    later.alerts.insert(closed.alert.id.clone(), closed);
    let done = incident(1, 10, Some(50));
    later.incidents.insert(done.incident.id.clone(), done);
    later.silences.insert("s1".into(), Silence { over: true, ..model.silences["s1"].clone() });
    // Time passes without an entry: the mark stays.
    stores.store.commit(opened.turn, &Standing { mark: None, ..standing(9) }, &later).await.expect("committed");
    let again = taken(&stores).await;
    assert_eq!(again.standing, Standing { mark: standing(7).mark, ..standing(9) });
    assert_eq!(again.stored, Stored::default());
}

/// A commit whose outcome was not known is repeated and finds itself there.
pub async fn a_repeated_commit_changes_nothing(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let turn = taken(&stores).await.turn;
    let changes = everything();
    let next = stores.store.commit(turn, &standing(7), &changes).await.expect("committed");
    let id = changes.notifications[0].id.clone();
    let attempt =
        Attempt { notification: id, number: 1, time: Timestamp::from_secs(50), outcome: Outcome::Delivered, answer: "250".into() };
    for _ in 0..2 {
        stores.store.attempted(turn.owner, std::slice::from_ref(&attempt)).await.expect("stored");
        assert_eq!(stores.store.commit(turn, &standing(7), &changes).await.expect("it is there"), next);
    }
    let incident = format!("{:032x}", 1);
    assert_eq!(stores.query.decisions(&incident, 9).await.expect("an answer"), changes.decisions);
    let sent = stores.query.sent(&incident, 9).await.expect("an answer");
    assert_eq!((sent.len(), &sent[0].attempts), (1, &vec![attempt]));
}

/// Nobody writes out of turn.
pub async fn a_commit_of_another_turn_is_a_conflict(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let first = taken(&stores).await.turn;
    let next = stores.store.commit(first, &standing(7), &Changes::default()).await.expect("committed");
    let last = stores.store.commit(next, &standing(8), &everything()).await.expect("committed");
    for wrong in [first, Turn { n: last.n + 1, ..last }] {
        let error = stores.store.commit(wrong, &standing(9), &everything()).await.expect_err("it is not its turn");
        assert_eq!(error.kind(), Kind::Conflict, "{wrong:?}");
    }
    assert_eq!(taken(&stores).await.standing, standing(8));
}

/// Whoever had it before may not write, neither what it decided nor what came of sending.
pub async fn an_owner_that_was_replaced_writes_nothing(fixture: &dyn Fixture) {
    let (before, now) = (fixture.open().await, fixture.open().await);
    let old = taken(&before).await.turn;
    let turn = taken(&now).await.turn;
    let changes = everything();
    let error = before.store.commit(old, &standing(7), &changes).await.expect_err("it was replaced");
    assert_eq!(error.kind(), Kind::Conflict);
    now.store.commit(turn, &standing(7), &changes).await.expect("committed");
    // Its commit looks as the other's repeated.
    let error = before.store.commit(old, &standing(7), &changes).await.expect_err("it was replaced");
    assert_eq!(error.kind(), Kind::Conflict);
    let id = changes.notifications[0].id.clone();
    let time = Timestamp::from_secs(50);
    let attempt = Attempt { notification: id, number: 1, time, outcome: Outcome::Delivered, answer: String::new() };
    let error = before.store.attempted(old.owner, &[attempt]).await.expect_err("it was replaced");
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(before.store.forget(old.owner, time).await.expect_err("it was replaced").kind(), Kind::Conflict);
    assert_eq!(now.store.outbox("ops", time, 9).await.expect("an answer").due.len(), 1);
}

/// Requests wait in order, whoever asks, until the owner has answered.
pub async fn actions_are_done_in_order_and_answered_once(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let mut turn = taken(&stores).await.turn;
    let action = |owner: &str| Action::Test { receiver: "ops".into(), owner: owner.into() };
    let mut numbers = Vec::new();
    for owner in ["a", "b\0", "c"] {
        let number = fixture.open().await.requests.request(&action(owner), Timestamp::from_secs(5)).await.expect("asked");
        numbers.push(number);
        assert_eq!(stores.requests.answer(number).await.expect("an answer"), None);
    }
    let waiting = stores.store.requests(2).await.expect("an answer");
    assert_eq!(waiting, [(numbers[0], action("a")), (numbers[1], action("b\0"))]);
    let answer = |request, done| Answer { request, time: Timestamp::from_secs(6), done, text: "because\0".into() };
    let answers = vec![answer(numbers[0], true), answer(numbers[1], false)];
    turn = stores.store.commit(turn, &standing(1), &Changes { answers, ..Changes::default() }).await.expect("committed");
    assert_eq!(stores.requests.answer(numbers[1]).await.expect("an answer"), Some(answer(numbers[1], false)));
    assert_eq!(stores.store.requests(9).await.expect("an answer"), [(numbers[2], action("c"))]);
    let answers = vec![answer(numbers[2], true)];
    stores.store.commit(turn, &standing(1), &Changes { answers, ..Changes::default() }).await.expect("committed");
    assert_eq!(stores.store.requests(9).await.expect("an answer"), []);
}
