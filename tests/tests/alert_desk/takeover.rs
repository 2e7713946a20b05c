//! Another process goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use floodmark_core::Kind;
use floodmark_core::ports::AlertStore;
use floodmark_schemas::Alert;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::common::{There, alert};

#[tokio::test(start_paused = true)]
async fn whoever_was_replaced_steps_down() {
    let there = There::new();
    let (_drain, drained) = watch::channel(None);
    let mut tasks = JoinSet::new();
    let (old, drained_too) = (there.desk(), drained.clone());
    tasks.spawn(async move { old.run(drained_too).await });
    there.commits(&[alert("a", 0)]).await;
    there.ops.reaches(1).await;
    let new = there.desk();
    tasks.spawn(async move { new.run(drained).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    there.commits(&[alert("b", 20)]).await;
    let stepped_down = tasks.join_next().await.unwrap().unwrap();
    assert_eq!(stepped_down.unwrap_err().kind(), Kind::Conflict);
    // The first may come once more: nobody knows that it arrived when the owner was replaced at that moment.
    let different = || there.ops.ids().into_iter().collect::<BTreeSet<_>>().len();
    let mut count = 1;
    while different() < 2 {
        count += 1;
        there.ops.reaches(count).await;
    }
    assert_eq!(different(), 2);
}

/// The owner dies while it sends, again and again; nothing is lost, and what came twice is known by its id.
#[tokio::test]
async fn ten_thousand_alerts_arrive_when_the_owner_dies_while_it_sends() {
    const ALERTS: usize = 10_000;
    let mut there = There::new();
    there.policy.root.group_wait = Some(Duration::ZERO);
    there.waits.at_once = 64;
    for chunk in (0..ALERTS).collect::<Vec<_>>().chunks(250) {
        let alerts: Vec<Alert> = chunk.iter().map(|n| alert(&format!("host-{n}"), 0)).collect();
        there.commits(&alerts).await;
    }
    let (_drain, drained) = watch::channel(None);
    for reached in [1, 777, 3_000, 8_888, ALERTS] {
        // It dies after receivers have taken what it sent and before it hears of it.
        there.ops.hangs_from(if reached == ALERTS { usize::MAX } else { reached });
        let desk = there.desk();
        let mut owner = JoinSet::new();
        let drained = drained.clone();
        owner.spawn(async move { desk.run(drained).await });
        tokio::select! {
            () = there.ops.reaches(reached) => {}
            ended = owner.join_next() => panic!("the desk has ended: {ended:?}"),
        }
        if reached == ALERTS {
            // Some came twice: the last ones are still under way.
            while !there.store().depths().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        }
        owner.shutdown().await;
    }
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for id in there.ops.ids() {
        *times.entry(id).or_default() += 1;
    }
    let doubled: u32 = times.values().map(|times| times - 1).sum();
    println!("{ALERTS} notifications, 4 deaths: {} lost, {doubled} came twice", ALERTS - times.len());
    assert_eq!(times.len(), ALERTS);
    assert!((4..=4 * 64).contains(&doubled), "{doubled}: not what was under way");
}

/// A rule that is gone leaves no incident open.
#[tokio::test(start_paused = true)]
async fn alerts_of_a_rule_that_is_configured_no_more_are_told_to_be_over() {
    let there = There::new();
    let (_drain, drained) = watch::channel(None);
    there.commits(&[alert("a", 0)]).await;
    let (first, mut second) = (there.desk(), there.desk());
    tokio::select! {
        ended = first.run(drained.clone()) => panic!("the desk has ended: {ended:?}"),
        () = there.ops.reaches(1) => {}
    }
    second.plan.rules = vec!["another".into()];
    tokio::select! {
        ended = second.run(drained) => panic!("the desk has ended: {ended:?}"),
        () = there.ops.reaches(2) => {}
    }
    assert_eq!(there.ops.told(), ["10 Opened a", "70 Resolved a"]);
}
