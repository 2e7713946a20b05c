//! Rows N: what happens to the NATS server.

use std::time::Duration;

use crate::servers::Own;
use crate::stack::{Settings, Stack, kills};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n1_a_nats_server_that_is_killed_loses_nothing() {
    let mut stack = Stack::new("N1", Own::default(), &Settings::default()).await;
    stack.start().await;
    stack
        .under_load(async |stack| {
            for _ in 0..kills(4) {
                stack.works_a_while().await;
                stack.servers.nats.kill().await;
                stack.faults += 1;
                stack.moment(Duration::from_millis(300)).await;
                stack.servers.nats.restart().await;
            }
        })
        .await;
    stack.settle().await;
}
