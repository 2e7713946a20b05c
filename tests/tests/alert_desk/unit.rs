//! The desk as a unit that processes share: one runs it, and another follows.

use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::leases::memory::Leases;
use floodmark_core::Result;
use floodmark_core::ports::Leases as _;
use floodmark_engine::{End, Pipeline, Statuses};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::common::{There, alert};

const TTL: Duration = Duration::from_secs(10);

fn pipeline(there: &There, leases: &Leases, member: &str) -> Pipeline {
    Pipeline {
        logs: there.logs.clone(),
        partitions: 1,
        clock: there.clock.clone(),
        sources: Vec::new(),
        jobs: Vec::new(),
        sinks: Vec::new(),
        alerts: Some(there.desk().plan),
        drain_deadline: Duration::from_secs(5),
        statuses: Statuses::default(),
        leases: Arc::new(leases.clone()),
        member: member.to_owned(),
    }
}

fn start(pipeline: Pipeline) -> (JoinSet<Result<End>>, CancellationToken) {
    let (mut running, stop) = (JoinSet::new(), CancellationToken::new());
    running.spawn(pipeline.run(stop.clone(), watch::Sender::new(false)));
    (running, stop)
}

async fn owner(leases: &Leases) -> Option<String> {
    leases.view().await.unwrap().owners.get("alerts").cloned()
}

#[tokio::test(start_paused = true)]
async fn of_several_processes_one_tells_and_another_follows_it() {
    let (there, leases) = (There::new(), Leases::new(TTL));
    let mut processes: Vec<_> = ["one", "two"].into_iter().map(|member| (member, start(pipeline(&there, &leases, member)))).collect();
    there.commits(&[alert("a", 0)]).await;
    there.ops.reaches(1).await;
    // It dies without a word: the lease runs out.
    let first = owner(&leases).await.unwrap();
    let at = processes.iter().position(|(member, _)| *member == first).unwrap();
    drop(processes.remove(at));
    there.commits(&[alert("b", 0)]).await;
    there.ops.reaches(2).await;
    let (second, (mut running, stop)) = processes.remove(0);
    assert_eq!(owner(&leases).await.as_deref(), Some(second));
    let sources: Vec<String> = there.ops.told().iter().map(|told| told.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(sources, ["a", "b"]);

    // What came before the stop is taken, and whoever looks on sees that nothing is left.
    let last = there.commits(&[alert("c", 0)]).await;
    stop.cancel();
    assert_eq!(running.join_next().await.unwrap().unwrap().unwrap(), End::Stopped);
    let standings = pipeline(&there, &leases, "three").standings().await.unwrap();
    let desk = standings.iter().find(|standing| standing.unit == "alerts").unwrap();
    assert_eq!((desk.position, desk.lag), (Some(last.0), Some(0)));
}
