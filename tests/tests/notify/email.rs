//! Mails to a real server: what arrives is read back by another program.

use floodmark_connectors::notify::email::{Config, Email};
use floodmark_core::Kind;
use floodmark_core::ports::Notifier;
use floodmark_schemas::{Acknowledgement, Notification, NotificationReason, Timestamp};
use floodmark_tests::servers::Smtp;
use serde_json::{Value, json};

use super::certificates::Certificates;
use super::{config, failed, opened};

fn email(server: &Smtp, more: Value) -> Email {
    let mut settings = json!({
        "host": "127.0.0.1", "port": server.port(), "tls": "never", "timeout": "20s", "timezone": "Europe/Berlin",
        "from": "Flöödmark <floodmark@example.org>", "to": ["Team A <team@example.org>"],
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Email::new(config(settings)).unwrap()
}

/// The incident of [`opened`] goes on: another notification of it.
fn next(number: u32, reason: NotificationReason) -> Notification {
    let time = Timestamp::parse("2026-01-31T12:30:00Z").unwrap();
    Notification { id: format!("{number:032x}"), number, reason, time, ..opened() }
}

const FIRST_ID: &str = "<7e57000000000000000649add4493000.team@example.org>";

#[tokio::test]
async fn a_mail_has_both_bodies_and_its_headers() {
    let server = Smtp::start().await;
    let more = json!({ "cc": ["cc@example.org"], "bcc": ["Secret <bcc@example.org>"], "reply_to": "answers@example.org",
        "link": "https://status.example.org/{id}" });
    let receipt = email(&server, more).deliver(&opened()).await.unwrap();
    assert_eq!(receipt.answer, "250 2.0.0 taken");
    let [mail] = &server.mails()[..] else { panic!("one mail") };
    assert_eq!((mail.from.as_str(), mail.hello.as_str()), ("floodmark@example.org", "example.org"));
    assert_eq!(mail.to, ["team@example.org", "cc@example.org", "bcc@example.org"]);
    let headers: Vec<(&str, &str)> = mail.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let incident = opened().incident.id;
    assert_eq!(
        headers,
        [
            ("From", "Flöödmark <floodmark@example.org>"),
            ("Date", "Sat, 31 Jan 2026 12:00:00 +0000"),
            ("Message-ID", FIRST_ID),
            ("Subject", "[FIRING 2 · critical] The disk of db-1 is nearly full"),
            ("To", "Team A <team@example.org>"),
            ("Cc", "cc@example.org"),
            ("Reply-To", "answers@example.org"),
            ("Auto-Submitted", "auto-generated"),
            ("X-Floodmark-Incident", &incident),
            ("X-Floodmark-Notification", &opened().id),
            ("X-Floodmark-Severity", "critical"),
            ("MIME-Version", "1.0"),
            ("Content-Type", &format!("multipart/alternative; boundary=\"floodmark-{}\"", opened().id)),
        ]
    );
    assert!(!mail.raw.contains("bcc@example.org"));
    let [(plain, text), (rich, html)] = &mail.parts[..] else { panic!("two parts") };
    assert_eq!((plain.as_str(), rich.as_str()), ("text/plain", "text/html"));
    assert_eq!(text, include_str!("golden/opened.txt"));
    assert_eq!(html, include_str!("golden/opened.html"));
    assert!(mail.raw.is_ascii() && mail.raw.lines().all(|line| line.len() <= 998));
}

#[tokio::test]
async fn mails_of_an_incident_form_a_thread() {
    let server = Smtp::start().await;
    let email = email(&server, json!({}));
    let by = Acknowledgement { owner: "ada".to_owned(), note: "on it".to_owned(), time: opened().time, useful: None };
    let mut acknowledged = next(2, NotificationReason::Acknowledged);
    acknowledged.incident.acknowledged = Some(by);
    let mut resolved = next(3, NotificationReason::Resolved);
    resolved.incident.resolved = Some(resolved.time);
    for notification in [opened(), next(1, NotificationReason::Repeated), acknowledged, resolved] {
        email.deliver(&notification).await.unwrap();
    }
    let threads: Vec<_> = server
        .mails()
        .iter()
        .map(|mail| ["message-id", "in-reply-to", "references", "subject"].map(|name| mail.header(name).map(str::to_owned)))
        .collect();
    let mail = |id: &str, first: Option<&str>, subject: &str| [Some(id), first, first, Some(subject)].map(|text| text.map(str::to_owned));
    let id = |number: u32| format!("<{number:032x}@example.org>");
    assert_eq!(
        threads,
        [
            mail(FIRST_ID, None, "[FIRING 2 · critical] The disk of db-1 is nearly full"),
            mail(&id(1), Some(FIRST_ID), "[FIRING 2 · critical] The disk of db-1 is nearly full"),
            mail(&id(2), Some(FIRST_ID), "[ACKNOWLEDGED · critical] The disk of db-1 is nearly full"),
            mail(&id(3), Some(FIRST_ID), "[RESOLVED] The disk of db-1 is nearly full"),
        ]
    );
    let said = server.mails()[2].parts[0].1.clone();
    assert!(said.contains("\nada looks after it: on it\n"), "{said}");
}

#[tokio::test]
async fn what_is_monitored_cannot_write_html_or_headers() {
    let server = Smtp::start().await;
    let mut evil = opened();
    evil.incident.title = "<script>alert(1)</script>\r\nBcc: eve@example.org".to_owned();
    let alert = &mut evil.alerts[0];
    alert.annotations.insert("summary".to_owned(), "<img src=\"https://evil.example\"> & \"more\"".to_owned());
    alert.annotations.insert("runbook".to_owned(), "javascript:alert(1)".to_owned());
    email(&server, json!({})).deliver(&evil).await.unwrap();
    let mail = server.mails().remove(0);
    assert_eq!(mail.header("subject"), Some("[FIRING 2 · critical] <script>alert(1)</script> Bcc: eve@example.org"));
    assert_eq!((mail.header("bcc"), &mail.to[..]), (None, &["team@example.org".to_owned()][..]));
    let html = &mail.parts[1].1;
    assert!(html.contains("&lt;script&gt;alert(1)&lt;"), "{html}");
    assert!(html.contains("&lt;img src=&quot;https:"), "{html}");
    for bad in ["<script", "<img", "href=\"javascript", "http-equiv", "src=\"", "@import", "url("] {
        assert!(!html.contains(bad), "{bad}: {html}");
    }
}

#[tokio::test]
async fn a_hundred_alerts_are_one_mail() {
    let server = Smtp::start().await;
    let mut storm = opened();
    let first = storm.alerts.remove(0);
    storm.alerts = (0..100).map(|n| floodmark_schemas::Alert { id: format!("{n:032x}"), ..first.clone() }).collect();
    storm.left_out = 400;
    email(&server, json!({})).deliver(&storm).await.unwrap();
    let mail = server.mails().remove(0);
    assert_eq!(mail.header("subject"), Some("[FIRING 100+ · critical] The disk of db-1 is nearly full"));
    for (_, body) in &mail.parts {
        assert_eq!(
            (body.matches(": The disk of db-1 is 96.4 % full").count() + body.matches(">The disk of db-1 is 96.4 % full").count()),
            100
        );
        assert!(body.contains("and 400 more"), "{body}");
    }
}

#[tokio::test]
async fn starttls_and_tls_need_the_right_certificate_and_password() {
    let certificates = Certificates::new();
    for implicit in [false, true] {
        let server = Smtp::encrypted(&certificates.certificate, &certificates.key, "hunter2", implicit).await;
        let secret = certificates.key.with_file_name("password");
        std::fs::write(&secret, "hunter2\n").unwrap();
        let tls = if implicit { "always" } else { "starttls" };
        let good = json!({ "tls": tls, "ca_file": certificates.authority, "user": "floodmark", "password": { "file": secret } });
        email(&server, good.clone()).deliver(&opened()).await.unwrap();
        let mail = server.mails().remove(0);
        assert_eq!((mail.user.as_deref(), mail.encrypted), (Some("floodmark"), true));

        let mut stranger = good.clone();
        stranger.as_object_mut().unwrap().remove("ca_file");
        let (kind, text, _) = failed(email(&server, stranger).deliver(&opened()).await);
        assert_eq!(kind, Kind::Unavailable, "{text}");
        assert!(text.contains("UnknownIssuer"), "{text}");

        std::fs::write(&secret, "wrong-password").unwrap();
        let mut nobody = good.clone();
        nobody.as_object_mut().unwrap().retain(|key, _| !["user", "password"].contains(&key.as_str()));
        let (kind, text, _) = failed(email(&server, nobody).deliver(&opened()).await);
        assert_eq!(kind, Kind::Unavailable, "{text}");
        assert!(text.contains("530 5.7.0"), "{text}");

        let (kind, text, _) = failed(email(&server, good).deliver(&opened()).await);
        assert_eq!(kind, Kind::Unavailable, "what is wrong is not the mail: {text}");
        assert!(text.contains("535") && !text.contains("wrong-password"), "{text}");
        assert_eq!(server.mails().len(), 1);
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_password() {
    let server = Smtp::start().await;
    let (kind, text, _) = failed(email(&server, json!({ "tls": "starttls" })).deliver(&opened()).await);
    assert_eq!(kind, Kind::Unavailable);
    assert!(text.contains("STARTTLS is not supported"), "{text}");
    assert_eq!(server.mails(), []);
}

#[tokio::test]
async fn templates_of_ones_own_replace_single_ones() {
    let server = Smtp::start().await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("subject.txt"), "{{ incident.title }}\nfor {{ receiver }} at {{ time|time('Asia/Tokyo') }}").unwrap();
    let more = json!({ "template_dir": dir.path(), "link": "https://status.example.org/{id}" });
    email(&server, more).deliver(&opened()).await.unwrap();
    let mail = server.mails().remove(0);
    assert_eq!(mail.header("subject"), Some("The disk of db-1 is nearly full for team at 2026-01-31 21:00:00 JST"));
    assert_eq!(mail.parts[1].1, include_str!("golden/opened.html"));
}

#[test]
fn what_cannot_work_is_told_with_its_place() {
    let check = |more: Value, expected: &[&str]| {
        let mut settings = json!({ "host": "mail.example.org", "from": "a@example.org", "to": ["b@example.org"] });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let config: Config = config(settings);
        assert_eq!(config.validate().iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    };
    check(json!({}), &[]);
    check(json!({ "to": [] }), &["`to`: nobody would get a mail (write for example to = [\"team@example.org\"])"]);
    check(
        json!({ "user": "u", "password": { "env": "P" }, "tls": "never" }),
        &["`tls`: the password would be readable on its way (use \"starttls\" or \"always\")"],
    );
    check(json!({ "host": "127.0.0.1", "user": "u", "password": { "env": "P" }, "tls": "never" }), &[]);
    check(json!({ "user": "u" }), &["`user`: its password is missing (set `password`)"]);
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let none = format!(
        "`template_dir`: {} has none of subject.txt, mail.txt and mail.html (put one there, or remove the key for the built-in templates)",
        dir.path().display()
    );
    check(json!({ "template_dir": dir.path() }), &[&none]);
    std::fs::write(dir.path().join("mail.txt"), "a\nb\n{% for alert in alerts %}").unwrap();
    std::fs::write(dir.path().join("mail.html"), "a\n{{ alerts[0].severitty }}").unwrap();
    let remedy = "(correct the file, or remove it for the built-in template)";
    check(
        json!({ "template_dir": dir.path() }),
        &[
            &format!("`template_dir`: {}:3: syntax error: unexpected end of input, expected end of block {remedy}", file("mail.txt")),
            &format!("`template_dir`: {}:2: undefined value: `alerts[0].severitty` is undefined {remedy}", file("mail.html")),
        ],
    );
}
