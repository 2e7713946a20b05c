//! The views against values worked out by hand.

use floodmark_core::conformance::store::frame_entry;
use floodmark_schemas::{Check, Encoding, Event, Series, Timestamp};

use crate::common::{There, secs, write};

const HOUR: i64 = 3_600;

fn look(target: &str, time: i64, up: Option<bool>) -> Event {
    Event::check("web", format!("{target}{time}"), secs(time), Check { up, ..Check::of(target) })
}

async fn filled(events: Vec<Event>) -> There {
    let there = There::new().await;
    write(&there.raw(), &[frame_entry(1, "web", Encoding::Json, events)], 0, 1).await;
    there
}

#[tokio::test]
async fn latest_is_the_last_value_of_each_series() {
    let load = |id: &str, secs: i64, core: &str, value| {
        Event::sample("web", id, Timestamp::from_secs(secs), Series::new("load").unit("1").label("core", core), value)
    };
    let mut events = vec![load("a", 100, "0", 1.0), load("b", 200_000, "0", 2.0), load("c", 150, "0", 3.0), load("d", 50, "1", 4.0)];
    // Of one time, the one that came last.
    events.extend([load("e", 50, "1", 5.0), look("https://a", 70, Some(true)), look("https://a", 80, None)]);
    let there = filled(events).await;
    let latest = there.rows("SELECT source, metric, unit, labels, time, value, event_index FROM latest ORDER BY metric, labels").await;
    assert_eq!(
        latest,
        [
            r#"web | load | 1 | {"core": "0"} | 1970-01-03 07:33:20+00 | 2 | 1"#,
            r#"web | load | 1 | {"core": "1"} | 1970-01-01 00:00:50+00 | 5 | 4"#,
            r#"web | up |  | {"target": "https://a"} | 1970-01-01 00:01:10+00 | 1 | 5"#,
        ]
    );
}

#[tokio::test]
async fn availability_counts_checks_and_says_how_much_was_observed() {
    let mut events = Vec::new();
    // Day one: every hour; up, but for two that were down and one that nobody can say.
    for hour in 0..24 {
        let up = match hour {
            3 | 4 => Some(false),
            10 => None,
            _ => Some(true),
        };
        events.push(look("a", hour * HOUR, up));
    }
    // Day two: at 0, 1, 2 and then at 8 o'clock. Usual is an hour, so that at 2 o'clock two hours are observed, and at 8 one.
    events.extend([24, 25, 26, 32].map(|hour| look("a", hour * HOUR, Some(true))));
    // A single look says nothing about how often it is looked.
    events.push(look("b", 5, Some(false)));
    // Every four hours from ten o'clock at night: the look at 22 observes two hours of each day.
    events.extend([22, 26, 30].map(|hour| look("c", hour * HOUR, Some(true))));
    let there = filled(events).await;
    let sql = "SELECT source, target, day, checks, up, down, round(share_up::numeric, 6), round(share_observed::numeric, 6) FROM availability ORDER BY 2, 3";
    assert_eq!(
        there.rows(sql).await,
        [
            // 23 hours of 24, and 21 of 23 were up.
            "web | a | 1970-01-01 | 24 | 21 | 2 | 0.913043 | 0.958333",
            // 1 + 1 + 2 + 1 hours of 24.
            "web | a | 1970-01-02 | 4 | 4 | 0 | 1.000000 | 0.208333",
            "web | b | 1970-01-01 | 1 | 0 | 1 | 0.000000 | 0.000000",
            "web | c | 1970-01-01 | 1 | 1 | 0 | 1.000000 | 0.083333",
            // 0 to 2 from the day before, 2 to 6, and 6 to 10.
            "web | c | 1970-01-02 | 2 | 2 | 0 | 1.000000 | 0.416667",
        ]
    );
}

#[tokio::test]
async fn gaps_are_holes_of_more_than_three_usual_distances() {
    let load = |secs: i64| Event::sample("web", secs.to_string(), Timestamp::from_secs(secs), Series::new("load"), 1.0);
    // Ten seconds are usual; thirty are no gap, thirty-one are, and a minute is.
    let mut events: Vec<Event> = [0, 10, 20, 30, 60, 70, 80, 111, 121, 181, 181, 191].map(load).to_vec();
    // Too few to say what is usual.
    events.extend([0, 10, 500].map(|secs| Event::sample("web", "r", Timestamp::from_secs(secs), Series::new("rare"), 1.0)));
    // Nobody can say is a hole.
    let up = |n| if (4..9).contains(&n) { None } else { Some(true) };
    events.extend((0..12).map(|n| look("a", n * 60, up(n))));
    let there = filled(events).await;
    let sql = "SELECT metric, labels, begins, ends, seconds, usual_seconds, missing FROM gaps ORDER BY metric, begins";
    assert_eq!(
        there.rows(sql).await,
        [
            "load | {} | 1970-01-01 00:01:20+00 | 1970-01-01 00:01:51+00 | 31 | 10 | 2",
            "load | {} | 1970-01-01 00:02:01+00 | 1970-01-01 00:03:01+00 | 60 | 10 | 5",
            r#"up | {"target": "a"} | 1970-01-01 00:03:00+00 | 1970-01-01 00:09:00+00 | 360 | 60 | 5"#,
        ]
    );
}

#[tokio::test]
async fn tables_views_and_columns_are_described_in_the_database() {
    let there = There::new().await;
    let silent = "SELECT c.relname FROM pg_class c WHERE relnamespace = 'floodmark'::regnamespace AND relkind IN ('r', 'p', 'v') \
                  AND relname <> 'event_default' AND obj_description(oid) IS NULL";
    assert_eq!(there.rows(silent).await, Vec::<String>::new());
    let columns =
        "SELECT attname FROM pg_attribute WHERE attrelid = 'event'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL";
    assert_eq!(there.rows(columns).await, Vec::<String>::new());
}
