//! `alerts mute-preview`.

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::Clock;
use serde_json::{Value, json};

use crate::world::{NOON, World, alert};

#[tokio::test]
async fn a_preview_says_what_matchers_mean_now_and_in_the_past_week() {
    let mut world = World::new().await;
    let expected = "\
ID        STATE   SEVERITY  BEGAN                 RULE       SOURCE  SERIES           VALUE  LIMIT  INCIDENT
d15c0002  firing  warning   2026-01-31T12:00:00Z  disk_full  db-2    used{mount=\"/\"}  97.25     95  0f1d633a

Now: 1 of 3 open alerts would be silent.
The last 7 days: 0 of 0 alerts that fired, in 0 incidents.
";
    assert_eq!(world.stdout(&["alerts", "mute-preview", "rule=disk_full", "severity!=critical"]).await, expected);
    // One that fired an hour ago, by the clock of the program.
    let ago = SystemClock.now().micros() / 1_000_000 - 3600 - NOON;
    world.owner.take(ago, &[alert(0xb0b0_0001, "disk_full", "db-3", ago), alert(0xb0b0_0002, "other", "db-3", ago)]).await;
    let preview = world.stdout(&["alerts", "mute-preview", "rule=disk_full", "--format", "json"]).await;
    let sums: Value = serde_json::from_str(preview.lines().last().unwrap()).unwrap();
    let past = json!({ "alerts": 2, "matched": 1, "incidents": 1 });
    assert_eq!(sums, json!({ "open": 5, "matching": 3, "muted": 0, "past": past }));
    assert_eq!(preview.lines().count(), 4);
}

#[tokio::test]
async fn a_preview_of_a_time_says_what_is_silent_then() {
    let world = World::new().await;
    let text = world.stdout(&["alerts", "mute-preview", "--at", "2026-01-31T11:59:00Z"]).await;
    assert!(text.ends_with("\n2026-01-31T11:59:00Z: 1 of 3 open alerts would be silent.\n"), "{text}");
    assert!(text.contains("  60ba428f  silence d33b2d10 until 2100-01-01T00:00:00Z\n"), "{text}");
    let text = world.stdout(&["alerts", "mute-preview", "rule=web_down", "--at", "2026-01-31T11:58:59Z"]).await;
    assert!(text.ends_with("\n2026-01-31T11:58:59Z: 0 of 1 open alert would be silent.\n"), "{text}");
    let (code, _, said) = world.run(&["alerts", "mute-preview", "rule"]).await;
    assert!(code == 64 && said.starts_with("floodmark: reading matcher \"rule\": write name=value"), "{said}");
}

#[tokio::test]
async fn the_store_is_not_changed_by_looking_at_it() {
    let world = World::new().await;
    let before = world.owner.store.open().await.unwrap().stored;
    for args in [&["alerts", "ls"][..], &["alerts", "silences"], &["alerts", "mute-preview", "rule=disk_full"]] {
        world.stdout(args).await;
    }
    assert_eq!(world.owner.store.open().await.unwrap().stored, before);
}
