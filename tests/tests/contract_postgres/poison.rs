//! What cannot be stored is set aside alone.

use floodmark_core::conformance::store::frame_entry;
use floodmark_core::ports::DeadLetterQuery;
use floodmark_schemas::{DeadLetter, Encoding, Event, Record, Series};

use crate::common::{There, expected, sample, secs, write};

fn record(id: &str, text: &str) -> Event {
    let fact = [("text".to_owned(), text.into())].into_iter().collect();
    Event::record("s", id, secs(5), Record { name: "log".into(), fact })
}

/// Events of which those with an id that begins with `bad` cannot be stored.
fn events(frame: u64) -> Vec<Event> {
    let mut events: Vec<Event> = (0..200).map(|n| sample("s", &format!("{frame}.{n}"), secs(n), n as f64)).collect();
    // PostgreSQL finds out: a JSON text with U+0000 is no jsonb.
    events[17] = record("bad jsonb", "a\0b");
    events[18] = record("bad jsonb again", "\0");
    // Known before.
    events[0] = sample("s", "bad\0id", secs(1), 1.0);
    events[199] = Event::sample("s", "bad label", secs(1), Series::new("m").label("a", "\0"), 1.0);
    events[100] = record("good", "\u{2400}0");
    events
}

async fn letters(there: &There) -> Vec<DeadLetter> {
    let mut letters = there.store.dead_letters(Some("raw"), None, 1_000).await.unwrap().items;
    let place = |letter: &DeadLetter| (letter.id.split('-').next().map(str::to_owned), letter.origin.clone());
    letters.sort_by_key(place);
    letters
}

#[tokio::test]
async fn rows_that_postgresql_refuses_are_set_aside_and_their_neighbours_are_written() {
    let there = There::new().await;
    let entries: Vec<_> = (1..=3).map(|n| frame_entry(n, "s", Encoding::Json, events(n))).collect();
    let sink = there.raw();
    for _ in 0..2 {
        write(&sink, &entries, 0, 3).await;
        let mut expected = expected(&entries);
        expected.retain(|stored| !stored.event.id.starts_with("bad"));
        assert_eq!(there.events().await, expected);
        let letters = letters(&there).await;
        let of_first: Vec<(&str, &str)> =
            letters.iter().take(4).map(|letter| (letter.origin.as_str(), letter.reason.split(';').next().unwrap())).collect();
        assert_eq!(letters.len(), 12);
        let unsupported = "copying raw events into PostgreSQL: unsupported Unicode escape sequence (22P05)";
        assert_eq!(
            of_first,
            [
                ("event 0 of entry 1 on floodmark.events.0.s", "the id holds the character U+0000, which no text of PostgreSQL can hold"),
                ("event 17 of entry 1 on floodmark.events.0.s", unsupported),
                ("event 18 of entry 1 on floodmark.events.0.s", unsupported),
                (
                    "event 199 of entry 1 on floodmark.events.0.s",
                    "a label holds the character U+0000, which no text of PostgreSQL can hold"
                ),
            ]
        );
        let original: Event = serde_json::from_str(&letters[1].original).unwrap();
        assert_eq!(original, events(1)[17]);
    }
}

#[tokio::test]
async fn what_a_constraint_of_the_database_refuses_is_set_aside() {
    let there = There::new().await;
    there.rows("ALTER TABLE event ADD CONSTRAINT no_large_values CHECK (value < 150)").await;
    let events: Vec<Event> = (0..200).map(|n| sample("s", &n.to_string(), secs(n), n as f64)).collect();
    let entries = [frame_entry(1, "s", Encoding::Json, events)];
    write(&there.raw(), &entries, 0, 1).await;
    assert_eq!(there.events().await, expected(&entries)[..150]);
    let letters = letters(&there).await;
    assert_eq!(letters.len(), 50);
    assert!(letters[0].reason.contains("violates check constraint \"no_large_values\""), "{}", letters[0].reason);
}

#[tokio::test]
async fn a_frame_that_ends_in_nonsense_leaves_no_row_and_its_neighbours_stay() {
    let there = There::new().await;
    let frames = |n| frame_entry(n, "s", Encoding::Json, (0..50).map(|i| sample("s", &format!("{n}.{i}"), secs(i), 1.0)).collect());
    let mut entries = [frames(1), frames(2), frames(3)];
    let cut = entries[1].body.len() - 20;
    entries[1].body = entries[1].body.slice(..cut);
    write(&there.raw(), &entries, 0, 3).await;
    assert_eq!(there.events().await, expected(&[entries[0].clone(), entries[2].clone()]));
    let letters = letters(&there).await;
    assert_eq!(letters.iter().map(|letter| letter.origin.as_str()).collect::<Vec<_>>(), ["entry 2 on floodmark.events.0.s"]);
}
