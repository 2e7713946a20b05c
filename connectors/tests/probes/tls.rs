//! Both probes with TLS: the end of the certificate is known whether or not it is accepted.

use floodmark_schemas::Reason;
use serde_json::json;

use crate::certificates::{Authority, Issued, self_signed};
use crate::recorder::{http_check, phases, tcp_check};
use crate::server::{Server, hang};

const ALL: &str = "resolve connect tls processing transfer";
const SHAKEN: &str = "resolve connect tls";
const NOT_SHAKEN: &str = "resolve connect";

/// Looks at a server with this certificate through both probes.
async fn check(issued: Issued, ca: &Authority, verify: bool, expected: Option<Reason>) {
    let expires = issued.expires;
    let server = Server::https(issued.config).await;
    let port = server.address.port();
    let settings = |target: String| json!({ "targets": [target], "ca_file": ca.ca_file, "tls_verify": verify, "tls": true });
    let tcp = tcp_check(settings(format!("localhost:{port}"))).await;
    let mut http = settings(format!("https://localhost:{port}/ok"));
    http.as_object_mut().unwrap().remove("tls");
    let http = http_check(http).await;
    let up = expected.is_none();
    let found = |check: &floodmark_schemas::Check| (check.up, check.reason, check.certificate_expires, phases(check));
    let (http_phases, tcp_phases) = if up { (ALL, SHAKEN) } else { (NOT_SHAKEN, NOT_SHAKEN) };
    assert_eq!(found(&http), (Some(up), expected, Some(expires), http_phases.to_owned()), "{http:?}");
    assert_eq!(found(&tcp), (Some(up), expected, Some(expires), tcp_phases.to_owned()), "{tcp:?}");
    assert_eq!(http.status, up.then_some(200));
}

#[tokio::test]
async fn the_end_of_a_certificate_is_reported_also_when_it_is_not_accepted() {
    let (ca, other, impostor) = (Authority::new("a"), Authority::new("b"), Authority::new("a"));
    let all = rustls::ALL_VERSIONS;
    check(ca.issue("localhost", 45 * 24, all), &ca, true, None).await;
    check(ca.issue("localhost", 45 * 24, &[&rustls::version::TLS12]), &ca, true, None).await;
    check(ca.issue("localhost", 3 * 24, all), &ca, true, None).await;
    check(ca.issue("localhost", -24, all), &ca, true, Some(Reason::TlsExpired)).await;
    check(ca.issue("other.test", 24, all), &ca, true, Some(Reason::TlsHostname)).await;
    check(other.issue("localhost", 24, all), &ca, true, Some(Reason::TlsUntrusted)).await;
    check(impostor.issue("localhost", 24, all), &ca, true, Some(Reason::TlsUntrusted)).await;
    check(self_signed("localhost"), &ca, true, Some(Reason::TlsUntrusted)).await;
    check(ca.issue("localhost", -24, all), &ca, false, None).await;
    check(other.issue("other.test", 24, all), &ca, false, None).await;
}

#[tokio::test]
async fn an_address_can_be_in_a_certificate_too() {
    let ca = Authority::new("a");
    let server = Server::https(ca.issue("127.0.0.1", 24, rustls::ALL_VERSIONS).config).await;
    let check = http_check(json!({ "targets": [format!("https://{}/ok", server.address)], "ca_file": ca.ca_file })).await;
    assert_eq!((check.up, phases(&check).as_str()), (Some(true), "connect tls processing transfer"), "{check:?}");
}

#[tokio::test]
async fn the_authorities_of_this_machine_do_not_know_a_new_one() {
    let server = Server::https(Authority::new("a").issue("localhost", 24, rustls::ALL_VERSIONS).config).await;
    let check = http_check(json!({ "targets": [format!("https://localhost:{}/ok", server.address.port())] })).await;
    // A machine without any authorities says so.
    assert!(matches!(check.reason, Some(Reason::TlsUntrusted | Reason::Local)), "{check:?}");
}

#[tokio::test]
async fn tls_where_there_is_none_and_the_other_way_round() {
    let ca = Authority::new("a");
    let tls = Server::https(ca.issue("127.0.0.1", 24, rustls::ALL_VERSIONS).config).await;
    let plain = Server::listen(|mut stream, _| async move {
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        hang().await
    })
    .await;
    let silent = Server::listen(|stream, _| async move {
        let _open = stream;
        hang().await
    })
    .await;
    for (url, reason, phases_expected, hint) in [
        (tls.url("/ok"), Reason::BadResponse, "connect processing", "does this port want https?"),
        (format!("https://{}/", plain.address), Reason::TlsOther, "connect", "does this port speak TLS?"),
        (format!("https://{}/", silent.address), Reason::TlsOther, "connect", "does this port speak TLS?"),
    ] {
        let check = http_check(json!({ "targets": [url], "timeout": "300ms" })).await;
        assert_eq!((check.up, check.reason, phases(&check).as_str()), (Some(false), Some(reason), phases_expected), "{check:?}");
        assert!(check.detail.as_ref().unwrap().contains(hint), "{check:?}");
        assert_eq!(check.certificate_expires, None);
    }
}
