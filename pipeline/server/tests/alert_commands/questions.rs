//! `alerts ls`, `show` and `silences`.

use crate::world::World;

#[tokio::test]
async fn looks() {
    let world = World::new().await;
    let disk = world.incident("disk_full on db-1").await;
    for args in [
        &["alerts", "ls"][..],
        &["alerts", "ls", "--all"],
        &["alerts", "ls", "--alerts", "--all"],
        &["alerts", "ls", "--format", "json"],
        &["alerts", "ls", "--alerts", "--format", "json"],
        &["alerts", "show", &disk[..8]],
        &["alerts", "show", &disk[..8], "--format", "json"],
        &["alerts", "show", "d15c0001"],
        &["alerts", "show", "d15c000"],
        &["alerts", "show", "aaaaaaaaaaaaa"],
        &["alerts", "show", "xx"],
        &["alerts", "silences"],
        &["alerts", "mute-preview", "rule=disk_full"],
        &["alerts", "mute-preview", "--at", "2026-01-31T12:00:00Z"],
        &["alerts", "mute-preview", "rule"],
        &["alerts", "route-test", "--labels", "rule=web_down,team=db", "--source", "web-1", "--explain"],
        &["alerts", "ack", &disk[..8], "--wait", "0s"],
        &["alerts", "--help"],
        &["alerts", "ls", "--help"],
        &["alerts", "silence", "--help"],
    ] {
        let (code, stdout, stderr) = world.run(args).await;
        println!("$ {args:?}\n{stdout}--{code}\n{stderr}");
    }
}
