//! `tcp_probe` against real sockets.

use floodmark_schemas::Reason;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::recorder::{phases, tcp_check};
use crate::server::{Server, closed, hang};

async fn check(target: Value, expected: (bool, Option<Reason>, &str)) {
    let check = tcp_check(json!({ "targets": [target] })).await;
    let found = (check.up.unwrap(), check.reason, phases(&check));
    assert_eq!(found, (expected.0, expected.1, expected.2.to_owned()), "{target}: {check:?}");
    assert_eq!((check.detail.is_some(), check.status), (check.reason.is_some(), None), "{check:?}");
}

#[tokio::test]
async fn a_connection_is_enough_unless_something_is_expected() {
    let silent = Server::listen(|stream, _| async move {
        let _open = stream;
        hang().await
    })
    .await;
    let ssh = Server::listen(|mut stream, _| async move { stream.write_all(b"SSH-2.0-Fake_1\r\n").await.unwrap() }).await;
    let echo = Server::listen(|mut stream, _| async move {
        let mut ping = [0; 4];
        stream.read_exact(&mut ping).await.unwrap();
        stream.write_all(&ping).await.unwrap();
        hang().await
    })
    .await;
    let mute = Server::listen(|stream, _| async move { drop(stream) }).await;
    let all = "connect processing transfer";
    check(json!(silent.address.to_string()), (true, None, "connect")).await;
    check(json!(closed().to_string()), (false, Some(Reason::ConnectRefused), "")).await;
    check(json!("floodmark.invalid:22"), (false, Some(Reason::Dns), "")).await;
    check(json!({ "address": ssh.address.to_string(), "expect": "^SSH-2\\.0-" }), (true, None, all)).await;
    check(json!({ "address": ssh.address.to_string(), "expect": "^220 " }), (false, Some(Reason::Body), all)).await;
    check(json!({ "address": echo.address.to_string(), "send": "ping", "expect": "^ping$" }), (true, None, all)).await;
    check(json!({ "address": mute.address.to_string(), "expect": "x" }), (false, Some(Reason::BadResponse), "connect")).await;
    let soon = json!({ "address": silent.address.to_string(), "expect": "x", "timeout": "200ms" });
    check(soon, (false, Some(Reason::FirstByteTimeout), "connect")).await;
    check(json!({ "address": silent.address.to_string(), "ip": "6" }), (false, Some(Reason::Dns), "")).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_cannot_be_made_is_not_a_refused_one() {
    // The queue of this listener is full: further attempts are swallowed.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let soon = std::time::Duration::from_millis(100);
    let mut queue = Vec::new();
    while let Ok(stream) = tokio::time::timeout(soon, tokio::net::TcpStream::connect(address)).await {
        queue.push(stream.unwrap());
    }
    check(json!({ "address": address.to_string(), "timeout": "200ms" }), (false, Some(Reason::ConnectTimeout), "")).await;
    // Nobody can connect to a group.
    check(json!("224.0.0.1:1"), (false, Some(Reason::ConnectFailed), "")).await;
}
