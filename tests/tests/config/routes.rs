//! Routes, receivers, inhibitions and maintenance that cannot work, and what must be said of each: `line:column message | hint`.

use super::check;

broken! {
    receivers_that_are_not_there: r#"[receivers.team_mail]
type = "slack"
url = { env = "X" }
[route]
receivers = ["team_mial", "team_mail"]
escalation = [{ after = "30m", receiver = "boss" }]
[[route.routes]]
id = "db"
match = ["team=db"]
receivers = ["dba"]
"# => [
        "5:14 there is no receiver \"team_mial\" | did you mean `team_mail`?",
        "6:43 there is no receiver \"boss\" | known receivers: team_mail",
        "10:14 there is no receiver \"dba\" | known receivers: team_mail",
    ],
    matchers_that_are_none: r#"[[route.routes]]
id = "db"
match = ["team=db", "team", "severity>=grave", "host=~("]
[inhibitions.i]
source = ["level>=3"]
target = []
"# => [
        "3:21 \"team\" is no matcher: write name=value, name!=value, name=~pattern or name!~pattern | write for example \"team=db\", \"host=~web-.*\" or \"severity>=error\"",
        "3:29 \"severity>=grave\" is no matcher: the severities are info, warning, error and critical | write for example \"team=db\", \"host=~web-.*\" or \"severity>=error\"",
        "3:48 \"host=~(\" is no matcher: the pattern cannot be read | write for example \"team=db\", \"host=~web-.*\" or \"severity>=error\"",
        "5:11 \"level>=3\" is no matcher: only severity has an order: write severity>=error | write for example \"team=db\", \"host=~web-.*\" or \"severity>=error\"",
    ],
    matchers_of_what_is_not_there: r#"[sources.machine]
type = "host"
[alerts.host_down]
type = "state"
depends_on = ["rule=hots_down"]
[alerts.hot]
type = "threshold"
metrics = ["cpu_usage"]
above = 90
depends_on = ["severity!=info", "rule=host_dwon"]
[[route.routes]]
id = "a"
match = ["severity=grave", "team=db"]
[maintenance.m]
match = ["source=machin"]
begins = "0 2 * * *"
lasts = "1h"
[maintenance.of_what_the_program_tells_of_itself]
match = ["source=floodmark"]
begins = "0 2 * * *"
lasts = "1h"
"# => [
        "5:15 there is no rule \"hots_down\" | did you mean `host_down`?",
        "10:33 there is no rule \"host_dwon\" | did you mean `host_down`?",
        "13:10 there is no severity \"grave\" | the severities are info, warning, error and critical",
        "15:10 there is no source \"machin\" | did you mean `machine`?",
    ],
    rules_that_depend_on_each_other: r#"[sources.machine]
type = "host"
[alerts.a]
type = "state"
depends_on = ["rule=b"]
[alerts.b]
type = "state"
depends_on = ["rule=c"]
[alerts.c]
type = "state"
depends_on = ["rule=a"]
[alerts.d]
type = "state"
depends_on = ["rule=a"]
"# => [
        "5:14 rules that depend on each other are silent when all of them fire: a on b on c on a | let one of them depend on none of the others",
    ],
    two_routes_of_one_name: r#"[[route.routes]]
id = "a"
match = ["team=x"]
[[route.routes]]
id = "a"
match = ["team=y"]
"# => [
        "5:6 two routes beside each other are called `a` | choose another name",
    ],
    routes_that_no_alert_comes_to: r#"[[route.routes]]
id = "db"
match = ["team=db"]
[[route.routes]]
id = "grave_db"
match = ["severity>=error", "team = db"]
[[route.routes]]
id = "all"
[[route.routes]]
id = "rest"
match = ["team=web"]
"# => [
        "4:1 no alert comes to the route `grave_db`: one before it takes them all | put it before `db`, or add continue = true to `db`",
        "9:1 no alert comes to the route `rest`: one before it takes them all | put it before `all`, or add continue = true to `all`",
    ],
    a_route_without_name: r#"[route]
id = "root"
[[route.routes]]
matches = ["team=db"]
"# => [
        "2:1 unknown key `id` | known keys: receivers, group_by, group_wait, group_interval, repeat_interval, escalation, routes",
        "3:1 the key `id` is missing here | add `id`",
        "4:1 unknown key `matches` | did you mean `match`?",
    ],
    groups_and_times_that_make_no_sense: r#"[receivers.r]
type = "slack"
url = { env = "X" }
rate = { count = 0, per = "0s" }
[route]
group_by = "rule"
group_interval = "0s"
"# => [
        "4:18 nothing would ever be told | write 1 or more",
        "4:27 0s is no span to count in | write 1s or more, for example \"1h\"",
        "6:12 expected a list of labels, or \"each\", found \"rule\" | write [\"rule\"] or \"each\"",
    ],
    waits_of_no_length: r#"[receivers.r]
type = "slack"
url = { env = "X" }
[route]
group_interval = "0s"
escalation = [{ after = "0s", receiver = "r" }]
[[route.routes]]
id = "a/b"
repeat_interval = "10ms"
group_by = [""]
[incidents]
retention = "1m"
give_up = "0s"
alerts_max = 0
"# => [
        "5:18 this is shorter than a second | write 1s or more, for example \"5m\"",
        "6:25 nobody can be told 0s later | write for example \"30m\"; who is to be told at once stands in `receivers`",
        "8:6 \"a/b\" is no name of a route | write for example \"database\", without `/`",
        "9:19 this is shorter than a second | write 1s or more, for example \"5m\"",
        "10:13 a label has a name | write for example \"host\"",
        "12:13 incidents would be gone before anybody looks | write 1h or more",
        "13:11 nothing would be tried twice | write 1s or more, for example \"24h\"",
        "14:14 0 alerts cannot be listed | write 1 to 1000",
    ],
    maintenance_that_never_is: r#"[maintenance.a]
begins = "0 25 * * *"
lasts = "1h"
zone = "Europe/Brelin"
[maintenance.b]
begins = "0 2 * *"
[maintenance.c]
begins = "0 2 * * *"
lasts = "32d"
"# => [
        "2:10 hour \"25\" is none: it is 0 to 23, *, a-b, a,b or */n | write minute, hour, day of month, month and day of week, for example \"0 2 * * sun\"",
        "4:8 there is no time zone \"Europe/Brelin\" | did you mean \"Europe/Berlin\"?",
        "5:1 the key `lasts` is missing | add `lasts`: How long it lasts, up to 31 days.",
        "6:10 there are five fields: minute hour day-of-month month day-of-week, for example \"0 2 * * sun\" | write minute, hour, day of month, month and day of week, for example \"0 2 * * sun\"",
        "9:9 a window cannot last 32d | write up to 31d, for example \"2h\"",
    ],
    silence_without_a_reason: r#"[sources.machine]
type = "host"
[alerts.hot]
type = "threshold"
metrics = ["cpu_usage"]
above = 90
depends_equal = ["host"]
[inhibitions.i]
source = []
target = ["rule=hot"]
equal = [""]
"# => [
        "7:17 the rule depends on nothing | add `depends_on`, or remove this key",
        "9:10 every alert would be meant by `source`, and none would keep another silent | write for example source = [\"rule=host_down\"]",
        "11:10 a label has a name | write for example \"host\"",
    ],
}

#[test]
fn what_works_and_is_most_likely_not_meant_is_told() {
    let notices = |text: &str| {
        let config = floodmark::config::from_text("floodmark.toml", text).unwrap();
        config.notices.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let rule = "[sources.a]\ntype = \"host\"\n[alerts.r]\ntype = \"state\"\n";
    assert_eq!(
        notices(rule),
        ["floodmark.toml:3:1: nobody is told of alerts: there is no receiver\n  Help: add a receiver, for example [receivers.team] with \
          type = \"email\"; incidents can be read in any case"]
    );
    let receivers = "[receivers.x]\ntype = \"slack\"\nurl = { env = \"X\" }\n[receivers.y]\ntype = \"slack\"\nurl = { env = \"X\" }\n";
    assert_eq!(notices(&format!("{rule}{receivers}")), Vec::<String>::new());
    let escalation = "[[route.routes]]\nid = \"a\"\nescalation = [{ after = \"1m\", receiver = \"y\" }]\n";
    assert_eq!(notices(&format!("{rule}{receivers}[route]\nreceivers = [\"x\"]\n{escalation}")), Vec::<String>::new());
    assert_eq!(
        notices(&format!("{rule}{receivers}[route]\nreceivers = [\"x\"]\n")),
        [
            "floodmark.toml:8:1: the receiver `y` is told of nothing: no route names it\n  Help: name it in `receivers` of a route, or remove it"
        ]
    );
}
