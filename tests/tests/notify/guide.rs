//! What the guide of receivers shows works.

use floodmark::config::from_text;
use floodmark_connectors::notify::signature;
use floodmark_schemas::Timestamp;
use floodmark_tests::servers::python;

const GUIDE: &str = include_str!("../../../docs/guides/receivers.md");

fn blocks(language: &str) -> Vec<&'static str> {
    GUIDE.split(&format!("```{language}\n")).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_examples_of_the_guide_load_and_each_kind_has_one() {
    let config = from_text("receivers.md", &blocks("toml").concat()).unwrap_or_else(|report| panic!("{report}"));
    let kinds: Vec<_> = config.receivers.iter().map(|(id, receiver)| (id.as_str(), receiver.kind.type_name())).collect();
    assert_eq!(
        kinds,
        [
            ("bus", "nats"),
            ("chat", "slack"),
            ("chat_of_ours", "webhook"),
            ("hook", "webhook"),
            ("on_call", "pagerduty"),
            ("pager", "command"),
            ("prometheus", "alertmanager"),
            ("team_mail", "email"),
        ]
    );
}

#[tokio::test]
async fn the_check_of_a_signature_accepts_ours_and_no_other() {
    let [check] = blocks("python")[..] else { panic!("the guide shows one check") };
    let (now, body) = (Timestamp::from_secs(1_769_860_800), "{\"title\": \"ü\"}");
    let header = signature::sign("hunter2", now, body.as_bytes());
    let script = format!(
        "{check}\nimport sys\nheader, body = sys.argv[1], sys.argv[2].encode()\ntime.time = lambda: 1769860800.0 + float(sys.argv[3])\n\
         print(is_genuine(b'hunter2', header, body), is_genuine(b'other', header, body), is_genuine(b'hunter2', header, body + b' '))"
    );
    assert_eq!(python(&script, &[&header, body, "299"]).await, "True False False\n");
    assert_eq!(python(&script, &[&header, body, "301"]).await, "False False False\n");
}
