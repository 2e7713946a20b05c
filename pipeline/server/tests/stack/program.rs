//! Rows O: what happens to the program.

use std::time::Duration;

use crate::servers::Own;
use crate::stack::{Settings, Stack, kills};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o1_a_program_that_is_killed_loses_nothing() {
    let mut stack = Stack::new("O1", Own::default(), &Settings::default()).await;
    stack
        .under_load(async |stack| {
            for n in 0..kills(6) {
                // Some die at their start.
                if n % 3 == 2 {
                    stack.program = Some(stack.installation.run());
                    stack.moment(Duration::from_millis(200)).await;
                } else {
                    stack.start().await;
                    stack.works_a_while().await;
                }
                stack.kill().await;
            }
            stack.start().await;
        })
        .await;
    stack.settle().await;
}
