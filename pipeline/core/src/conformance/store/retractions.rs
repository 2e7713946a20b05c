//! Windows that have no events any more.

use floodmark_schemas::commit::Output;
use floodmark_schemas::{Rollup, Series};

use super::entries::{commit_entry, rollup};
use super::{Fixture, all_pages};
use crate::ports::{Position, RollupFilter};

fn of(start_secs: i64, revision: u32, count: u64) -> Rollup {
    let mut rollup = rollup("sessions", "host", Series::new("load"), start_secs, revision, 1.0);
    rollup.aggregates.count = count;
    rollup
}

/// Such a window is left out of the answers, and no lower revision brings it back; a higher one does.
pub async fn a_retracted_rollup_is_left_out(fixture: &dyn Fixture) {
    let stores = fixture.open().await;
    let steps = [
        (vec![of(10, 0, 3), of(20, 0, 2)], vec![of(10, 0, 3), of(20, 0, 2)]),
        (vec![of(20, 1, 0)], vec![of(10, 0, 3)]),
        (vec![of(20, 0, 2), of(30, 0, 0)], vec![of(10, 0, 3)]),
        (vec![of(20, 2, 4)], vec![of(10, 0, 3), of(20, 2, 4)]),
    ];
    let all = RollupFilter::default();
    let filters = [all.clone(), RollupFilter { metric: Some("load".to_owned()), ..all }];
    for (at, (rollups, expected)) in (1..).zip(steps) {
        let outputs = rollups.into_iter().map(Output::Rollup).collect();
        stores.rollups.write(&[commit_entry(at, "sessions", outputs)], Position(at - 1), Position(at)).await.expect("written");
        for filter in &filters {
            let query = &stores.query;
            let found = all_pages(1, |token| async move { query.rollups(filter, token.as_deref(), 1).await }).await;
            assert_eq!(found, expected, "after write {at}, {filter:?}");
        }
    }
}
