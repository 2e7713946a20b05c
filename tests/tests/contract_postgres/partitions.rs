//! Partitions are made, bounded and dropped.

use floodmark_connectors::settings::Span;
use floodmark_connectors::stores::postgres::{Config, Raw, Store};
use floodmark_core::ports::Entry;
use floodmark_schemas::{Event, Timestamp};

use crate::common::{There, expected, frame, sample, secs, write};

const DAY: i64 = 86_400;
/// When entry 0 was stored, as the suite of stores says: 2027-01-15T08:00:00Z.
const LOG_TIME: i64 = 1_800_000_000;
const TODAY: i64 = LOG_TIME / DAY;

const NAMES: &str = "SELECT name FROM event_partition ORDER BY begins";
const ATTACHED: &str = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass";

fn of_days(position: u64, days: &[i64]) -> Entry {
    let events = days.iter().map(|day| sample("s", &day.to_string(), secs(day * DAY + 7), 1.0)).collect::<Vec<Event>>();
    frame(position, "s", 1, position, events)
}

#[tokio::test]
async fn events_find_their_partitions_and_odd_times_the_default() {
    let there = There::new().await;
    let year_2099 = 129 * 365;
    let entries = [of_days(1, &[TODAY - 1, TODAY, TODAY + 1]), of_days(2, &[TODAY, TODAY + 9, year_2099]), of_days(3, &[20 * 365, -40])];
    write(&there.raw(), &entries, 0, 3).await;
    let names = there.rows(NAMES).await;
    assert_eq!(names, ["event_19691122", "event_19891227", "event_20270114", "event_20270115", "event_20270116"]);
    assert_eq!(there.rows("SELECT count(*) FROM event_20270115").await, ["2"]);
    assert_eq!(there.rows("SELECT (time AT TIME ZONE 'UTC')::date FROM event_default ORDER BY 1").await, ["2027-01-24", "2098-11-30"]);
    assert_eq!(there.events().await, expected(&entries));
    assert_eq!(there.rows(ATTACHED).await, ["6"]);
}

#[tokio::test]
async fn a_write_makes_few_partitions_and_the_next_write_makes_more() {
    let there = There::new().await;
    let days: Vec<i64> = (0..100).map(|n| TODAY - n * 3).collect();
    let entries = [of_days(1, &days), of_days(2, &days)];
    let sink = there.raw();
    write(&sink, &entries[..1], 0, 1).await;
    assert_eq!(there.rows("SELECT count(*), (SELECT count(*) FROM event_default) FROM event_partition").await, ["32 | 68"]);
    write(&sink, &entries[1..], 1, 2).await;
    // What the default partition held of their time has moved.
    assert_eq!(there.rows("SELECT count(*), (SELECT count(*) FROM event_default) FROM event_partition").await, ["64 | 72"]);
    assert_eq!(there.events().await, expected(&entries));
}

#[tokio::test]
async fn partitions_of_another_width_fill_what_is_free() {
    let there = There::new().await;
    let entries = [of_days(1, &[TODAY]), of_days(2, &[TODAY, TODAY + 1]), of_days(3, &[TODAY, TODAY + 1])];
    write(&there.raw(), &entries[..1], 0, 1).await;
    for (at, hours) in [(1, 12), (2, 48)] {
        let config = Config { partition: Span::secs(hours * 3_600), ..there.config.clone() };
        let sink = Raw::new(Store::open(&config).await.unwrap(), "raw");
        write(&sink, &entries[at as usize..=at as usize], at, at + 1).await;
    }
    assert_eq!(there.rows(NAMES).await, ["event_20270115", "event_20270116_0000"]);
    assert_eq!(there.rows("SELECT count(*) FROM event_default").await, ["0"]);
    assert_eq!(there.events().await, expected(&entries));
}

#[tokio::test]
async fn what_is_older_than_the_retention_goes() {
    let there = There::with(|config| config.retention = Some(Span::secs(3 * 86_400))).await;
    let sink = there.raw();
    // Older than the retention when it comes: no partition is made for it.
    write(&sink, &[of_days(1, &[TODAY - 9, TODAY - 2, TODAY])], 0, 1).await;
    assert_eq!(there.rows(NAMES).await, ["event_20270113", "event_20270115"]);
    assert_eq!(there.events().await.len(), 2);
    // Two days later in log time.
    let mut later = of_days(2, &[TODAY + 2]);
    later.time = Timestamp::from_secs(LOG_TIME + 2 * DAY);
    write(&sink, &[later], 1, 2).await;
    assert_eq!(there.rows(NAMES).await, ["event_20270115", "event_20270117"]);
    let days = there.rows("SELECT (time AT TIME ZONE 'UTC')::date FROM event ORDER BY 1").await;
    assert_eq!(days, ["2027-01-15", "2027-01-17"]);
    assert_eq!(there.rows(ATTACHED).await, ["3"]);
    // A day that is gone is not made again.
    let mut old = of_days(3, &[TODAY - 2]);
    old.time = Timestamp::from_secs(LOG_TIME + 2 * DAY + 5);
    write(&sink, &[old], 2, 3).await;
    assert_eq!(there.rows(NAMES).await, ["event_20270115", "event_20270117"]);
}
