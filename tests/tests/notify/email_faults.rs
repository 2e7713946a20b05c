//! Rows A1 and A3 of the fault matrix: a mail server that refuses, hangs and drops. Every mail arrives, or is refused for
//! good; what is sent again is the same mail, with the same Message-ID.

use std::collections::BTreeMap;

use floodmark_connectors::notify::email::Email;
use floodmark_core::Kind;
use floodmark_core::ports::{Notifier, Receipt, Refusal};
use floodmark_schemas::Notification;
use floodmark_tests::servers::Smtp;
use serde_json::json;

use super::{config, failed, opened, told};

fn email(server: &Smtp, to: &[&str], timeout: &str) -> Email {
    let settings = json!({
        "host": "127.0.0.1", "port": server.port(), "tls": "never", "timeout": timeout, "from": "floodmark@example.org", "to": to,
    });
    Email::new(config(settings)).unwrap()
}

fn notification(number: u32) -> Notification {
    Notification { id: format!("{number:032x}"), number, ..opened() }
}

/// Sends again as long as that is asked for; how often it was sent, and the end.
async fn until_done(email: &Email, notification: &Notification) -> (usize, Result<Receipt, Refusal>) {
    for attempt in 1..=10 {
        match email.deliver(notification).await {
            Err(refusal) if refusal.error.kind() == Kind::Unavailable => {}
            end => return (attempt, end),
        }
    }
    panic!("ten attempts were not enough");
}

/// Row A1: with counts.
#[tokio::test]
async fn each_mail_arrives_once_unless_it_is_refused_or_its_answer_is_lost() {
    let server = Smtp::start().await;
    let email = email(&server, &["team@example.org"], "1s");
    // What the server does, one turn for each connection; how many connections it takes, and how many copies arrive.
    let plans: [(&[&str], usize, usize); 10] = [
        (&["accept"], 1, 1),
        (&["greet-421", "greet-421"], 3, 1),
        (&["mail-421"], 2, 1),
        (&["rcpt-450", "rcpt-450", "rcpt-450"], 4, 1),
        (&["data-450"], 2, 1),
        (&["hang-after-data"], 2, 1),
        // It has the mail, but could not say so: one more copy.
        (&["drop-before-250"], 2, 2),
        // It has said so: that it hangs up without a farewell changes nothing.
        (&["drop-after-250"], 1, 1),
        (&["data-550"], 1, 0),
        (&["greet-421", "rcpt-550"], 2, 0),
    ];
    let mut sent = BTreeMap::new();
    let mut rejected = 0;
    for (number, (plan, connections, copies)) in (1..).zip(plans) {
        server.plan(plan);
        let notification = notification(number);
        let (attempts, end) = until_done(&email, &notification).await;
        assert_eq!(attempts, connections, "{plan:?}");
        match end {
            Ok(receipt) => assert_eq!((receipt.answer.as_str(), copies > 0), ("250 2.0.0 taken", true), "{plan:?}"),
            Err(refusal) => {
                let (kind, text, _) = told(refusal);
                assert_eq!((kind, copies), (Kind::Rejected, 0), "{plan:?}: {text}");
                assert!(text.contains("550 5."), "{text}");
                rejected += 1;
            }
        }
        sent.insert(format!("<{}@example.org>", notification.id), copies);
    }
    let mut arrived: BTreeMap<String, Vec<String>> = sent.keys().map(|id| (id.clone(), Vec::new())).collect();
    for mail in server.mails() {
        arrived.get_mut(mail.header("message-id").unwrap()).unwrap().push(mail.raw);
    }
    let counts: BTreeMap<String, usize> = arrived.iter().map(|(id, copies)| (id.clone(), copies.len())).collect();
    assert_eq!(counts, sent);
    assert!(arrived.values().all(|copies| copies.windows(2).all(|two| two[0] == two[1])), "copies differ");
    let repeated = arrived.values().map(|copies| copies.len().saturating_sub(1)).sum::<usize>();
    let delivered = arrived.values().filter(|copies| !copies.is_empty()).count();
    println!("of 10 notifications {delivered} arrived, {rejected} were refused for good, {repeated} came twice, none was lost");
    assert_eq!((delivered, rejected, repeated), (8, 2, 1));
}

/// Row A3: killed between sending and noting it.
#[tokio::test]
async fn a_sender_that_forgot_that_it_has_sent_sends_the_same_mail() {
    let server = Smtp::start().await;
    for _ in 0..2 {
        email(&server, &["team@example.org"], "20s").deliver(&opened()).await.unwrap();
    }
    let mails = server.mails();
    assert_eq!((mails.len(), &mails[0].raw), (2, &mails[1].raw));
}

#[tokio::test]
async fn nobody_there_is_to_be_tried_again() {
    let mut server = Smtp::start().await;
    let email = email(&server, &["team@example.org"], "20s");
    server.kill().await;
    let (kind, text, _) = failed(email.deliver(&opened()).await);
    assert_eq!(kind, Kind::Unavailable);
    assert!(text.contains("Connection refused"), "{text}");
    server.restart().await;
    email.deliver(&opened()).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn one_recipient_whom_nobody_knows_does_not_keep_the_mail_from_the_others() {
    let server = Smtp::start().await;
    let both = email(&server, &["a@example.org", "550@example.org"], "20s");
    assert_eq!(both.deliver(&opened()).await.unwrap().answer, "250 2.0.0 taken; not taken: <550@example.org> 550 5.1.1 no such user");
    assert_eq!(server.mails()[0].to, ["a@example.org"]);
    let (kind, text, _) = failed(email(&server, &["550@example.org"], "20s").deliver(&opened()).await);
    assert_eq!(kind, Kind::Rejected);
    assert!(text.ends_with(": <550@example.org> 550 5.1.1 no such user"), "{text}");
}

#[tokio::test]
async fn what_a_server_refuses_because_of_who_sends_is_tried_again() {
    let server = Smtp::start().await;
    let to = ["a@example.org", "b@example.org"];
    let both = email(&server, &to, "20s");
    for (turn, said) in [
        ("mail-535", "535 5.7.8 no longer logged in"),
        ("mail-550", "550 5.7.1 sender not allowed"),
        ("mail-553", "553 sorry, not your address"),
        ("rcpt-530", "<a@example.org> 530 log in first, <b@example.org> 530 log in first"),
        ("rcpt-554", "<a@example.org> 554 5.7.1 relay access denied, <b@example.org> 554 5.7.1 relay access denied"),
        ("data-530", "530 5.7.57 not authenticated"),
    ] {
        server.plan(&[turn]);
        let (kind, text, _) = failed(both.deliver(&opened()).await);
        assert_eq!(kind, Kind::Unavailable, "{turn}: {text}");
        assert!(text.ends_with(&format!(": {said}")), "{text}");
    }
    for (to, kind) in [("554@example.org", Kind::Unavailable), ("551@example.org", Kind::Unavailable), ("550@example.org", Kind::Rejected)]
    {
        let (found, text, _) = failed(email(&server, &["550@example.org", to], "20s").deliver(&opened()).await);
        assert_eq!(found, kind, "{text}");
    }
    assert_eq!(server.mails(), []);
    // It takes the mail for somebody, and what it says of the others is kept.
    let one = email(&server, &["a@example.org", "554@example.org"], "20s");
    assert_eq!(one.deliver(&opened()).await.unwrap().answer, "250 2.0.0 taken; not taken: <554@example.org> 554 5.7.1 relay access denied");
}

#[tokio::test]
async fn those_who_have_the_mail_are_left_out_while_others_are_tried_again() {
    let server = Smtp::start().await;
    let email = email(&server, &["a@example.org", "450@example.org"], "20s");
    for _ in 0..3 {
        let (kind, text, _) = failed(email.deliver(&opened()).await);
        assert_eq!(kind, Kind::Unavailable);
        assert!(text.ends_with(": <450@example.org> 450 4.2.1 try again later"), "{text}");
    }
    assert_eq!(server.mails().iter().map(|mail| mail.to.clone()).collect::<Vec<_>>(), [["a@example.org"]]);
}
