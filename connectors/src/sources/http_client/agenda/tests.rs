use super::*;
use crate::clock::TokioClock;

const EVERY: Duration = Duration::from_secs(600);
/// A multiple of the interval, so that the grid of a key begins at its own offset after the start.
const START: Timestamp = Timestamp::from_secs(1_800_000_000);

fn agenda(keys: &[&str]) -> Agenda {
    let clock = Arc::new(TokioClock::starting_at(START));
    Agenda::new(clock, keys.iter().map(|key| ((*key).to_owned(), EVERY)))
}

fn offset(key: &str) -> f64 {
    f64::from(fnv1a(key.as_bytes()) % 30_000_000) / 1e6
}

/// Seconds since the start, rounded up to the timer's millisecond.
fn secs(agenda: &Agenda) -> f64 {
    ((agenda.clock.now().micros() - START.micros()) as f64 / 1e3).floor() / 1e3
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 0.01, "{found} is not {expected}");
}

fn refusal(reason: Reason) -> Check {
    Check { reason: Some(reason), detail: Some("because".to_owned()), ..Check::of("a") }
}

#[tokio::test(start_paused = true)]
async fn every_task_is_due_at_once_and_then_at_its_own_place() {
    let mut agenda = agenda(&["a", "b"]);
    let first = [agenda.next().await.task, agenda.next().await.task];
    assert_eq!(first, [0, 1]);
    close(secs(&agenda), 0.0);
    let mut expected = [("a", 0, offset("a")), ("b", 1, offset("b"))];
    expected.sort_by(|x, y| x.2.total_cmp(&y.2));
    for (_, task, at) in expected {
        assert_eq!(agenda.next().await.task, task);
        close(secs(&agenda), at);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_answer_is_repeated_three_times_with_growing_waits() {
    let mut agenda = agenda(&["a"]);
    let mut waits = Vec::new();
    let mut turn = agenda.next().await;
    while secs(&agenda) < 400.0 {
        agenda.settle(turn.task, &Verdict::Unavailable, &refusal(Reason::Status));
        let before = secs(&agenda);
        turn = agenda.next().await;
        waits.push((turn.attempt, secs(&agenda) - before));
        if turn.attempt == 1 {
            break;
        }
    }
    assert_eq!(waits.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(), [2, 3, 4, 1]);
    for ((_, wait), base) in waits.iter().zip([1.0, 2.0, 4.0]) {
        assert!((base..=base * 1.5 + 0.01).contains(wait), "{wait} is not within {base} and half as much again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_holds_everybody_and_who_was_held_is_polled_when_it_is_over() {
    let mut agenda = agenda(&["a", "b"]);
    let turn = agenda.next().await;
    agenda.settle(turn.task, &Verdict::Limited(Duration::from_secs(60)), &refusal(Reason::RateLimited));
    assert_eq!(agenda.strikes(), 1);
    let held = agenda.next().await;
    let hold = held.held.clone().unwrap();
    assert_eq!((held.task, hold.until, hold.reason), (1, START.plus_micros(60_000_000), Reason::RateLimited));
    // The places of both keys lie within the first 30 s: both are held there again.
    for _ in 0..2 {
        assert!(agenda.next().await.held.is_some());
    }
    let over = [agenda.next().await, agenda.next().await];
    close(secs(&agenda), 60.0);
    assert_eq!(over.map(|turn| (turn.task, turn.attempt, turn.held)), [(0, 2, None), (1, 2, None)]);
    agenda.settle(0, &Verdict::Answered, &Check::of("a"));
    assert_eq!(agenda.strikes(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_too_many_limits_only_scheduled_polls_are_left() {
    let mut agenda = agenda(&["a"]);
    let mut repeats = 0;
    let mut turn = agenda.next().await;
    for _ in 0..STRIKES_MAX {
        agenda.settle(turn.task, &Verdict::Limited(Duration::from_secs(1)), &refusal(Reason::RateLimited));
        turn = agenda.next().await;
        repeats += u32::from(turn.attempt > 1);
    }
    assert_eq!(repeats + u32::from(secs(&agenda) < 1.0), STRIKES_MAX);
    agenda.settle(turn.task, &Verdict::Limited(Duration::from_secs(1)), &refusal(Reason::RateLimited));
    let turn = agenda.next().await;
    assert_eq!((turn.attempt, turn.held), (1, None));
}

#[tokio::test(start_paused = true)]
async fn a_refused_task_rests_longer_each_time_and_the_others_go_on() {
    let mut agenda = agenda(&["a", "b"]);
    let mut polled = Vec::new();
    while secs(&agenda) < 15.0 * 600.0 {
        let turn = agenda.next().await;
        if turn.task == 0 && turn.held.is_none() {
            polled.push((secs(&agenda) / 600.0) as u32);
            agenda.settle(0, &Verdict::Refused(Scope::Task), &refusal(Reason::Status));
        } else if turn.task == 1 {
            assert_eq!(turn.held, None);
            agenda.settle(1, &Verdict::Answered, &Check::of("b"));
        }
    }
    // Rests of 2, 4 and 8 intervals less a half; the first poll lies before the key's own place.
    assert_eq!(polled, [0, 2, 6, 14]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_holds_everybody() {
    let mut agenda = agenda(&["a", "b"]);
    let turn = agenda.next().await;
    agenda.settle(turn.task, &Verdict::Refused(Scope::Everything), &refusal(Reason::Unauthorized));
    let held = agenda.next().await;
    assert_eq!((held.task, held.held.map(|hold| hold.reason)), (1, Some(Reason::Unauthorized)));
}

#[tokio::test(start_paused = true)]
async fn moments_that_passed_unused_are_one_missed_check_with_their_number() {
    let mut agenda = agenda(&["a"]);
    agenda.next().await;
    tokio::time::advance(EVERY * 3).await;
    let turn = agenda.next().await;
    let (time, check) = turn.missed_check("a", EVERY).unwrap();
    assert_eq!((turn.missed, check.attempt, check.up, check.reason), (2, 2, None, Some(Reason::Missed)));
    assert_eq!(turn.scheduled.micros() - time.micros(), 600_000_000);
    agenda.settle(0, &Verdict::Answered, &check);
    assert_eq!(agenda.next().await.missed_check("a", EVERY), None);
}

#[test]
fn a_rest_has_an_end() {
    assert_eq!(rest(EVERY, 1), EVERY * 3 / 2);
    assert_eq!(rest(EVERY, 60), REST_MAX - EVERY / 2);
    assert_eq!(rest(REST_MAX * 7, 1), REST_MAX * 7 * 3 / 2);
}
