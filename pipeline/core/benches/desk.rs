//! The desk of alerts: 10,000 alerts come, are told, and are over; each an incident of its own, or all of them one.

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use floodmark_core::alert::desk::{Desk, GroupBy, Policy, Receiver, Route, RuleEntry};
use floodmark_schemas::{Alert, AlertState, Series, Severity, Timestamp};

const ALERTS: usize = 10_000;

fn policy(group_by: GroupBy) -> Policy {
    let root = Route { receivers: Some(vec!["ops".into()]), group_by: Some(group_by), ..Route::default() };
    Policy { root, receivers: [("ops".into(), Receiver::default())].into(), ..Policy::default() }
}

/// One entry for each of 100 alerts.
fn entries(state: AlertState, at: Timestamp) -> Vec<RuleEntry> {
    let alert = |n: usize| Alert {
        id: format!("{n:032x}"),
        step: u32::from(state != AlertState::Firing),
        rule: "disk".into(),
        version: "00000001".into(),
        source: format!("host-{n}"),
        series: Series::new("used").label("host", n.to_string()),
        state,
        before: AlertState::Pending,
        severity: Severity::Error,
        time: at,
        began: Timestamp::from_secs(0),
        fired: Some(Timestamp::from_secs(0)),
        noticed: at,
        value: Some(97.5),
        threshold: Some(95.0),
        evidence: None,
        flapping: false,
        labels: [("team".to_owned(), format!("{}", n % 10))].into(),
        annotations: [("summary".to_owned(), "a disk is full".to_owned())].into(),
    };
    let alerts: Vec<Alert> = (0..ALERTS).map(alert).collect();
    let entry = |(alerts, position): (&[Alert], u64)| RuleEntry {
        rule: "disk".into(),
        job: 0,
        jobs: 1,
        version: "00000001".into(),
        rebuilding: false,
        position,
        time: at,
        alerts: alerts.to_vec(),
    };
    alerts.chunks(100).zip(1..).map(entry).collect()
}

fn run(desk: &mut Desk, came: &[RuleEntry], over: &[RuleEntry]) -> usize {
    let mut told = 0;
    for (at, entries) in [(0, came), (1_000, over)] {
        for entry in entries {
            desk.take(Timestamp::from_secs(at), std::slice::from_ref(entry));
            desk.changes();
        }
        desk.tick(Timestamp::from_secs(at + 600));
        told += desk.changes().notifications.len();
    }
    told
}

fn desk(criterion: &mut Criterion) {
    let (came, over) = (entries(AlertState::Firing, Timestamp::from_secs(0)), entries(AlertState::Resolved, Timestamp::from_secs(1_000)));
    let mut group = criterion.benchmark_group("desk");
    group.throughput(Throughput::Elements(2 * ALERTS as u64)).sample_size(10).measurement_time(Duration::from_secs(10));
    for (name, group_by, notifications) in [("each", GroupBy::Each, 2 * ALERTS), ("one", GroupBy::Labels(Vec::new()), 2)] {
        assert_eq!(run(&mut Desk::new(policy(group_by.clone())), &came, &over), notifications, "everybody is told");
        let fresh = || Desk::new(policy(group_by.clone()));
        group.bench_function(name, |bencher| bencher.iter_batched_ref(fresh, |desk| run(desk, &came, &over), BatchSize::LargeInput));
    }
    group.finish();
}

criterion_group!(benches, desk);
criterion_main!(benches);
