//! Recorded outages of a status page.

use std::collections::{BTreeMap, BTreeSet};

use floodmark_core::alert::{Condition, Input, Spec, Streak};
use floodmark_core::ports::Operator;
use floodmark_schemas::{AlertState, Check, Event, Severity, Timestamp};

use crate::world::{Writer, run};

/// The checks of each target: its name, the time, and whether it was up. Rows that stand in the file again are left out, and targets with
/// less than 20 checks.
#[expect(clippy::print_stdout, reason = "a test says that it was skipped")]
fn checks() -> Option<Vec<(String, Timestamp, bool)>> {
    let Some(inputs) = std::env::var_os("FLOODMARK_INPUTS") else {
        println!("skipped: FLOODMARK_INPUTS not set");
        return None;
    };
    let text = std::fs::read_to_string(std::path::Path::new(&inputs).join("uptime/FoodCoopX__upptime.csv")).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let mut seen = BTreeSet::new();
    let mut checks: Vec<(String, Timestamp, bool)> = Vec::new();
    for row in rows {
        let [time, slug, _, status, ..] = row[..] else { panic!("{row:?}") };
        if seen.insert((slug.to_owned(), time.to_owned())) {
            checks.push((slug.to_owned(), Timestamp::parse(time).unwrap(), status == "up"));
        }
    }
    let mut count: BTreeMap<String, u32> = BTreeMap::new();
    checks.iter().for_each(|(slug, ..)| *count.entry(slug.clone()).or_default() += 1);
    checks.retain(|(slug, ..)| count[slug] >= 20);
    Some(checks)
}

#[test]
fn recorded_outages_give_as_many_incidents_as_the_study_counted() {
    let Some(checks) = checks() else { return };
    let mut writer = Writer::of_disorder(2);
    for (n, part) in checks.chunks(500).enumerate() {
        let event = |(slug, time, up): &(String, Timestamp, bool)| Event::check("a", "", *time, Check { up: Some(*up), ..Check::of(slug) });
        writer.frame(0, 1_900_000_000 + n as i64, &part.iter().map(event).collect::<Vec<_>>());
    }
    for (failures, expected) in [(1, 363), (2, 117), (3, 10)] {
        let streak = Streak { failures, successes: 1, severity: Severity::Critical };
        let spec = Spec::new("down", 0, Input::Checks, Condition::Streak(streak));
        let (rule, alerts) = run(&spec, &writer.entries, &[false]);
        let fired: BTreeSet<&str> =
            alerts.iter().filter(|alert| alert.state == AlertState::Firing).map(|alert| alert.id.as_str()).collect();
        assert_eq!((fired.len(), rule.late()), (expected, 0), "{failures} failures in a row");
    }
}
