//! Receivers that cannot work, and what must be said of each: `line:column message | hint`.

use super::check;

broken! {
    a_kind_of_receiver_that_there_is_not: r#"[receivers.a]
type = "mail"
[receivers.b]
host = "mail.example.org"
"# => [
        "2:8 unknown type \"mail\" | did you mean `email`?",
        "3:1 the key `type` is missing | add `type`, one of email, webhook, slack, pagerduty, alertmanager, command, nats",
    ],
    addresses_that_are_none: r#"[receivers.a]
type = "email"
host = "smtp://mail.example.org"
from = "floodmark"
to = ["a@example.org", "b b@example.org"]
"# => [
        "4:8 \"floodmark\" is not an address of mail | write \"name@example.org\" or \"Name <name@example.org>\"",
        "5:24 \"b b@example.org\" is not an address of mail | write \"name@example.org\" or \"Name <name@example.org>\"",
    ],
    a_mail_that_cannot_be_sent: r#"[receivers.a]
type = "email"
host = "smtp://mail.example.org"
from = "floodmark@example.org"
timezone = "Europe/Berlin"
timeout = "0s"
"# => [
        "1:1 nobody would get a mail | write for example to = [\"team@example.org\"]",
        "3:8 \"smtp://mail.example.org\" is not a host | write for example \"mail.example.org\"",
        "6:11 no receiver could answer in time | write for example \"30s\"",
    ],
    time_limits_that_nobody_waits_for: r#"[receivers.a]
type = "command"
argv = ["/usr/local/bin/notify"]
timeout = "60s"
[receivers.b]
type = "command"
argv = ["/usr/local/bin/notify"]
timeout = "61s"
[receivers.c]
type = "webhook"
url = "https://example.org"
timeout = "2m"
"# => [
        "8:11 one attempt may take 1m at most | write \"1m\" or less",
        "12:11 one attempt may take 1m at most | write \"1m\" or less",
    ],
    a_template_that_does_not_work: "[receivers.a]
type = \"webhook\"
url = \"https://example.org\"
body = '{\"text\": {{ headlin|tojson }}}'
" => [
        "4:21 this template does not work: line 1: there is no `headlin` | correct it",
    ],
    a_secret_in_the_configuration_is_not_repeated: r#"[receivers.a]
type = "slack"
url = "https://hooks.slack.com/services/T0/B0/hunter2"
[receivers.b]
type = "pagerduty"
routing_key = "hunter2"
"# => [
        "3:7 a secret does not stand in the configuration itself | write where to find it: { env = \"NAME\" } or { file = \"/path\" }",
        "6:15 a secret does not stand in the configuration itself | write where to find it: { env = \"NAME\" } or { file = \"/path\" }",
    ],
    nobody_to_publish_to: r#"[receivers.a]
type = "nats"
[receivers.b]
type = "command"
argv = [""]
[receivers.c]
type = "alertmanager"
resolve_after = "5s"
"# => [
        "1:1 there is no NATS server: the log has none, and this receiver neither | add for example servers = [\"nats://127.0.0.1:4222\"]",
        "5:8 there is no program to run | write for example argv = [\"/usr/local/bin/notify\", \"team\"]",
        "8:17 alerts would be over there after 5s | write for example \"24h\"",
    ],
    an_id_that_a_source_has: r#"[sources.a]
type = "host"
[receivers.a]
type = "slack"
url = { env = "X" }
"# => [
        "3:12 the id `a` is used twice | call it for example `a_receiver`",
    ],
}
