//! The steps of an alert as a table.

use floodmark_schemas::{Alert, Evidence};

use super::describe;
use super::table::{Align, Table};
use crate::config::name_of;

/// Steps, in their order.
pub(super) fn table<'a>(steps: impl IntoIterator<Item = &'a Alert>) -> Table {
    let head = [("STEP", Align::Right), ("TIME", Align::Left), ("STATE", Align::Left), ("SEVERITY", Align::Left)];
    let more = [("VALUE", Align::Right), ("LIMIT", Align::Right), ("NOTICED", Align::Left), ("DECIDED BY", Align::Left)];
    let mut table = Table::new(head.into_iter().chain(more));
    for alert in steps {
        let number = |number: Option<f64>| number.map(describe::number).unwrap_or_default();
        let flapping = if alert.flapping { ", flapping" } else { "" };
        table.row(vec![
            alert.step.to_string(),
            describe::time(alert.time),
            format!("{}{flapping}", name_of(alert.state)),
            alert.severity.to_string(),
            number(alert.value),
            number(alert.threshold),
            describe::time(alert.noticed),
            evidence(alert.evidence.as_ref()),
        ]);
    }
    table
}

fn evidence(evidence: Option<&Evidence>) -> String {
    match evidence {
        None => String::new(),
        Some(Evidence::Event { position, index }) => format!("event {position}.{index}"),
        Some(Evidence::Rollup { id, .. }) => format!("rollup {id}"),
        Some(Evidence::Score { id }) => format!("score {id}"),
        Some(Evidence::Time { position }) => format!("time, as of entry {position}"),
    }
}
