//! Rows O1, O3, U2: the program is killed, its snapshots are damaged, its server is too old.

use std::time::Duration;

use floodmark_schemas::subject;
use floodmark_tests::support::jetstream;
use floodmark_tests::support::program::Installation;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::servers::Own;
use crate::stack::{OUTPUTS, Settings, Stack, kills};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o1_a_program_that_is_killed_loses_nothing() {
    let mut stack = Stack::new("O1", Own::default(), &Settings::default()).await;
    let work = async |stack: &mut Stack| {
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
    };
    stack.under_load(work).await;
    stack.settle().await;
}

/// The newest snapshot of one job goes, that of another is damaged, a third one loses all.
async fn spoil_snapshots(stack: &Stack) {
    let url = stack.servers.nats.url();
    let entries = jetstream::entries(url, OUTPUTS).await;
    let stream = jetstream::stream(url, OUTPUTS).await;
    let newest = |subject: &str| entries.iter().rfind(|entry| entry.subject == subject).unwrap_or_else(|| panic!("{subject} has one"));
    let (gone, damaged, all) = (subject::snapshots("seconds", 0), subject::snapshots("seconds", 1), subject::snapshots("tens", 0));
    assert!(stream.delete_message(newest(&gone).position.0).await.expect("the server answers"));
    let of_damaged = newest(&damaged);
    let mut headers = async_nats::HeaderMap::new();
    of_damaged.headers.iter().for_each(|(name, value)| headers.insert(name, value));
    let mut body = of_damaged.body.to_vec();
    let middle = body.len() / 2;
    body[middle] ^= 1;
    let client = async_nats::connect(url).await.expect("the server runs");
    let context = async_nats::jetstream::new(client);
    let sent = context.publish_with_headers(damaged, headers, body.into()).await.expect("the server takes it");
    sent.await.expect("the server stores it");
    newest(&all);
    stream.purge().filter(all).await.expect("the server deletes them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o3_state_without_sound_snapshots_is_computed_again() {
    let mut stack = Stack::new("O3", Own::default(), &Settings::default()).await;
    let work = async |stack: &mut Stack| {
        for _ in 0..3 {
            stack.start().await;
            stack.works_a_while().await;
            stack.works_a_while().await;
            stack.stop().await;
        }
        spoil_snapshots(stack).await;
        stack.faults += 3;
        stack.start().await;
        let program = stack.program();
        program.while_it_runs("a warning", program.says("snapshot is incomplete or damaged, passed over", 1)).await;
    };
    stack.under_load(work).await;
    stack.settle().await;
}

/// Greets as a server of this version and answers pings.
async fn greet(stream: TcpStream, version: &str) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let info = format!(
        "INFO {{\"server_id\":\"A\",\"server_name\":\"A\",\"version\":\"{version}\",\"proto\":1,\"go\":\"go1\",\"host\":\"127.0.0.1\",\"port\":1,\
         \"headers\":true,\"max_payload\":1048576,\"jetstream\":true,\"client_id\":1}}\r\n"
    );
    write.write_all(info.as_bytes()).await?;
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        if line.starts_with("PING") {
            write.write_all(b"PONG\r\n").await?;
        }
    }
    Ok(())
}

async fn greet_all(listener: TcpListener) {
    let mut greeting = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        greeting.spawn(greet(stream, "2.9.10"));
    }
}

#[tokio::test]
async fn u2_an_old_server_is_refused_by_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let mut serving = JoinSet::new();
    serving.spawn(greet_all(listener));
    let installation = Installation::new(env!("CARGO_BIN_EXE_floodmark"));
    let text = format!(
        "[api]\nenabled = false\n[log]\ntype = \"jetstream\"\nservers = [\"nats://127.0.0.1:{port}\"]\n[sources.in]\ntype = \"host\"\n"
    );
    installation.write("floodmark.toml", text);
    let (code, said) = installation.run().ends().await;
    assert!([1, 69].contains(&code), "{code}: {said}");
    for part in ["NATS 2.9.10", "2.12.12 or newer is needed"] {
        assert!(said.contains(part), "{said}");
    }
    println!("U2: exit code {code}: {said}");
}
