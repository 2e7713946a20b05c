//! What explanations of rollups and of scores have in common.

use floodmark_schemas::{Aggregates, Rollup, Series, Timestamp};

use crate::cli::table::{Align, Table};
use crate::cli::{csv, output};
use crate::replay::Behind;

/// The command that makes a result again and shows it: a replay of `period` into a result set that is called after its id.
pub(super) fn command(id: &str, kind: &str, (operator, source, series): (&str, &str, &Series), period: (Timestamp, Timestamp)) -> String {
    let labels: String = series.labels.iter().map(|(name, value)| format!(" --label {}", quoted(&format!("{name}={value}")))).collect();
    let replay = replay(id, source, period);
    let (name, period) = (name_of(id), format!("--from {} --to {}", period.0, period.1));
    format!(
        "{replay} && floodmark query {kind} --result-set {name} --operator {operator} --metric {}{labels} {period}",
        quoted(&series.metric)
    )
}

/// The command that makes the results of a period again, in a result set that is called after one of them.
pub(super) fn replay(id: &str, source: &str, period: (Timestamp, Timestamp)) -> String {
    format!("floodmark replay --from {} --to {} --sources {source} --name {}", period.0, period.1, name_of(id))
}

fn name_of(id: &str) -> String {
    format!("explain-{}", &id[..id.len().min(8)])
}

/// A word for a shell.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Events as a table.
pub(super) fn events(events: &[Behind]) -> String {
    let mut table = Table::new([("EVENT", Align::Left), ("TIME", Align::Left), ("STORED", Align::Left), ("VALUE", Align::Right)]);
    for Behind { place, time, log_time, value } in events {
        table.row(vec![place.to_string(), time.to_string(), log_time.to_string(), csv::maybe(value.map(csv::number))]);
    }
    table.render(output::width())
}

/// Rollups, each on a line.
pub(super) fn rollups(rollups: &[Rollup]) -> String {
    let line = |rollup: &Rollup| format!("  {}  {}  {}\n", rollup.id, rollup.window.start, values(&rollup.aggregates));
    rollups.iter().map(line).collect()
}

/// So many of something.
pub(super) fn count(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// That there are more than are listed.
pub(super) fn more(count: u64) -> String {
    if count == 0 { String::new() } else { format!("and {count} more; -n sets how many are listed\n") }
}

/// Aggregates in one line.
pub(super) fn values(aggregates: &Aggregates) -> String {
    let value = serde_json::to_value(aggregates).expect("aggregates are plain data");
    let fields = value.as_object().into_iter().flatten().map(|(name, value)| format!("{name} {value}"));
    fields.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell_are_quoted_when_they_must_be() {
        for (text, expected) in [("a=b", "a=b"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("$(x)", "'$(x)'")] {
            assert_eq!(quoted(text), expected);
        }
    }
}
