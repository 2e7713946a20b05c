//! Reports of coverage against stories, and against books that are kept without breaks.
#![cfg(test)]

use std::time::Duration;

use floodmark_core::coverage::{Books, Expected, Grid, Outcome, Report};
use proptest::collection::vec;
use proptest::prelude::*;

const EVERY: Duration = Duration::from_secs(60);

fn secs(secs: i64) -> i64 {
    secs * 1_000_000
}

fn expected(target: &str, every: u64) -> Expected {
    Expected { target: target.to_owned(), grid: Grid::aligned(Duration::from_secs(every)) }
}

fn books(targets: &[(&str, u64)]) -> Books {
    let targets = targets.iter().map(|(target, every)| expected(target, *every)).collect();
    Books::new(EVERY, [("web".to_owned(), targets)])
}

/// One poll: the target, when it began, when it was told, what became of it.
type Poll = (&'static str, i64, i64, Outcome);

/// `at: expected done failed late missed`, of reports that tell anything.
fn told(reports: &[Vec<Report>]) -> Vec<String> {
    let tells = |report: &&Report| report.expected + report.late > 0;
    let line = |r: &Report| format!("{}: {} {} {} {} {}", r.at / 1_000_000, r.expected, r.done, r.failed, r.late, r.missed);
    reports.iter().flatten().filter(tells).map(line).collect()
}

fn keep(books: &mut Books, polls: &[Poll], until: i64) -> Vec<Vec<Report>> {
    books.begin(secs(0));
    let mut polls: Vec<_> = polls.to_vec();
    polls.sort_by_key(|(_, _, told, _)| *told);
    let mut reports = Vec::new();
    for (target, began, told, outcome) in polls {
        reports.extend(books.advance(secs(told)));
        books.tell("web", target, secs(began), secs(told), outcome);
    }
    reports.extend(books.advance(secs(until)));
    reports
}

fn check(every: u64, polls: &[Poll], until: i64, expected: &[&str]) {
    assert_eq!(told(&keep(&mut books(&[("a", every)]), polls, until)), expected);
}

use Outcome::{Done, Failed};

#[test]
fn every_poll_is_done_failed_or_missed_and_only_after_it_is_settled() {
    // Due at 30, 60, 90 and so on: that of 30 is over at 60, and settled at 120.
    check(30, &[("a", 30, 31, Done), ("a", 60, 62, Failed)], 240, &["120: 1 1 0 1 0", "180: 2 0 1 2 1", "240: 2 0 0 2 2"]);
}

#[test]
fn a_poll_that_hangs_is_late_first_and_then_missed() {
    check(60, &[("a", 60, 61, Done)], 300, &["180: 1 1 0 1 0", "240: 1 0 0 1 1", "300: 1 0 0 1 1"]);
    // It ends before it is settled: late, and done after all.
    check(
        60,
        &[("a", 60, 61, Done), ("a", 121, 200, Done), ("a", 200, 201, Done)],
        300,
        &["180: 1 1 0 1 0", "240: 1 1 0 0 0", "300: 1 1 0 1 0"],
    );
    // It ends when nobody waits for it any more: what was said stands.
    check(60, &[("a", 60, 61, Done), ("a", 121, 300, Done)], 300, &["180: 1 1 0 1 0", "240: 1 0 0 1 1", "300: 1 0 0 1 1"]);
}

#[test]
fn the_best_of_several_attempts_counts_once() {
    check(60, &[("a", 60, 61, Failed), ("a", 70, 71, Done), ("a", 80, 81, Failed)], 180, &["180: 1 1 0 1 0"]);
}

#[test]
fn a_gap_in_the_log_is_told_interval_by_interval_with_what_was_due_in_it() {
    let mut books = books(&[("a", 10), ("b", 10)]);
    let polls: Vec<Poll> = (0..6).flat_map(|n| [("a", n * 10, n * 10 + 1, Done), ("b", n * 10, n * 10 + 1, Done)]).collect();
    let reports = keep(&mut books, &polls, 600);
    assert_eq!(
        told(&reports),
        [
            "120: 10 10 0 12 0".to_owned(),
            "180: 12 0 0 12 12".to_owned(),
            "240: 12 0 0 12 12".to_owned(),
            "300: 12 0 0 12 12".to_owned(),
            "360: 12 0 0 12 12".to_owned(),
            "420: 12 0 0 12 12".to_owned(),
            "480: 12 0 0 12 12".to_owned(),
            "540: 12 0 0 12 12".to_owned(),
            "600: 12 0 0 12 12".to_owned(),
        ]
    );
    let last = reports.last().unwrap().first().unwrap();
    assert_eq!(last.missed_between, Some((secs(480), secs(530))));
    assert_eq!(last.missed_of.iter().map(|(target, n)| (target.as_str(), *n)).collect::<Vec<_>>(), [("a", 6), ("b", 6)]);
    assert_eq!(last.coverage(), Some(0.0));
}

#[test]
fn a_gap_of_years_gives_a_bounded_number_of_reports_that_count_everything() {
    let reports = keep(&mut books(&[("a", 10)]), &[], 3 * 365 * 86_400);
    assert!((1_000..=1_440).contains(&reports.len()), "{}", reports.len());
    let missed: u64 = reports.iter().flatten().map(|report| report.missed).sum();
    assert_eq!(missed, (3 * 365 * 86_400 - 60 - 10) as u64 / 10);
    assert_eq!(reports.last().unwrap()[0].at, secs(3 * 365 * 86_400));
}

#[test]
fn books_that_are_resumed_at_any_report_say_the_same() {
    // Some are missed, some late, some failed: by a rule that has no pattern in minutes.
    let polls: Vec<Poll> = (1..200)
        .filter(|n| n % 7 != 0 && !(80..110).contains(n))
        .map(|n| ("a", n * 7, n * 7 + [1, 1, 9, 1, 70][n as usize % 5], if n % 11 == 0 { Failed } else { Done }))
        .collect();
    let new = || books(&[("a", 7)]);
    let whole: Vec<_> = keep(&mut new(), &polls, 1_500).into_iter().flatten().collect();
    for cut in 1..whole.len() {
        let at = whole[cut - 1].at;
        let mut first = new();
        let until: Vec<Poll> = polls.iter().copied().filter(|(_, _, told, _)| secs(*told) < at).collect();
        let mut found: Vec<_> = keep(&mut first, &until, at / 1_000_000).into_iter().flatten().collect();
        let mut second = new();
        second.resume(&first.resumable());
        let again: Vec<Poll> = polls.iter().copied().filter(|(_, _, told, _)| secs(*told) >= first.told_since(at)).collect();
        found.extend(keep(&mut second, &again, 1_500).into_iter().flatten());
        assert_eq!(found, whole, "resumed at {at}");
    }
}

#[test]
fn of_what_is_configured_anew_nothing_is_expected_from_before() {
    let mut first = books(&[("a", 10)]);
    keep(&mut first, &[], 600);
    let mut other = books(&[("a", 20)]);
    other.resume(&first.resumable());
    other.begin(secs(3_600));
    let reports = other.advance(secs(3_720));
    // Due after 3600: 3620 and 3640 are over, and of 3640 the interval after it too.
    assert_eq!(told(&reports[reports.len() - 2..]), ["3660: 0 0 0 2 0", "3720: 2 0 0 3 2"]);
    assert_eq!(reports.iter().flatten().map(|report| report.expected).sum::<u64>(), 2);
}

#[test]
fn what_was_told_again_of_a_source_that_is_configured_anew_is_not_counted() {
    let mut first = books(&[("a", 10)]);
    let at_600 = keep(&mut first, &[("a", 590, 591, Done)], 600).last().unwrap()[0].at;
    let mut other = books(&[("a", 20)]);
    other.resume(&first.resumable());
    assert!(first.told_since(at_600) <= secs(591), "it is read again");
    other.tell("web", "a", secs(590), secs(591), Done);
    other.begin(secs(3_600));
    other.tell("web", "a", secs(3_620), secs(3_621), Done);
    let reports = other.advance(secs(3_720));
    assert_eq!(told(&reports[reports.len() - 2..]), ["3660: 0 0 0 1 0", "3720: 2 1 0 3 1"]);
}

/// Counts of one target by going through every second: expected, done, failed and missed of what is settled, and late ones.
fn by_the_second(every: i64, began: i64, polls: &[Poll], until: i64) -> [u64; 5] {
    let report = EVERY.as_secs() as i64;
    let last = until / report * report;
    let mut counts = [0; 5];
    for moment in (began + 1..=last).filter(|second| second % every == 0) {
        let of_it = polls.iter().filter(|(_, began, _, _)| (moment..moment + every).contains(began));
        // It is settled at the first report that comes an interval of reports after the next moment.
        let settled = (moment + every + report + report - 1) / report * report;
        let judged = (moment + every + report - 1) / report * report;
        let in_time = of_it.clone().any(|(_, _, told, _)| *told < moment + every);
        counts[4] += u64::from(judged <= last && !in_time);
        if settled <= last {
            let outcomes: Vec<Outcome> = of_it.filter(|(_, _, told, _)| *told < settled).map(|(_, _, _, outcome)| *outcome).collect();
            counts[0] += 1;
            counts[1] += u64::from(outcomes.contains(&Done));
            counts[2] += u64::from(!outcomes.is_empty() && !outcomes.contains(&Done));
            counts[3] += u64::from(outcomes.is_empty());
        }
    }
    counts
}

proptest! {
    #[test]
    fn counts_are_those_of_going_through_every_second(
        every in 1_i64..400,
        began in 0_i64..100,
        polls in vec((0_i64..1_500, 0_i64..300, any::<bool>()), 0..60),
        until in 0_i64..2_000,
    ) {
        let outcome = |done| if done { Done } else { Failed };
        let polls = polls.into_iter().map(|(at, took, done)| ("a", began + at, began + at + took, outcome(done)));
        let mut polls: Vec<Poll> = polls.filter(|(_, _, told, _)| *told < began + until).collect();
        polls.sort_by_key(|(_, _, told, _)| *told);
        let mut books = books(&[("a", every as u64)]);
        books.begin(secs(began));
        let mut reports = Vec::new();
        for (target, at, told, outcome) in &polls {
            reports.extend(books.advance(secs(*told)));
            books.tell("web", target, secs(*at), secs(*told), *outcome);
        }
        reports.extend(books.advance(secs(began + until)));
        let found = reports.iter().flatten().fold([0; 5], |[expected, done, failed, missed, late], r| {
            [expected + r.expected, done + r.done, failed + r.failed, missed + r.missed, late + r.late]
        });
        prop_assert_eq!(found, by_the_second(every, began, &polls, began + until));
    }
}

#[test]
fn what_is_overdue_is_seen_before_it_is_told() {
    let mut books = books(&[("a", 30), ("b", 60)]);
    keep(&mut books, &[("a", 30, 31, Done), ("b", 60, 61, Done)], 100);
    let (id, standing) = books.standings(secs(100)).next().unwrap();
    assert_eq!(id, "web");
    assert_eq!((standing.last_poll.unwrap().micros(), standing.next_due.unwrap().micros()), (secs(60), secs(120)));
    // The poll of `a` that was due at 60 should be here since 90.
    assert_eq!(standing.overdue, 1);
}
