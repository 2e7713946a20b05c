//! What cannot work of coverage and connectivity.

use super::check;

broken! {
    a_line_without_ends: r#"[connectivity]
targets = []
every = "500ms"
timeout = "2s"
"# => [
        "2:11 without a target the monitor would always be offline | name two or more, such as \"1.1.1.1:443\"",
        "3:9 500ms is too often | write \"1s\" or more",
        "4:11 a test cannot take 2s | write more than 0s, and at most `every`",
    ],
    an_end_of_the_line_that_is_a_url: r#"[connectivity]
targets = ["https://example.org"]
"# => [
        "2:12 \"https://example.org\" is a URL | use a source of type \"http_probe\", or write \"host:port\"",
    ],
    reports_that_come_too_often: r#"[coverage]
every = "10ms"
"# => [
        "2:9 reports every 10ms are not possible | write \"1s\" to \"1h\", \"1m\" if in doubt",
    ],
    coverage_of_what_is_pushed: r#"[sources.web]
type = "http_probe"
targets = ["https://example.org"]
[sources.inbox]
type = "push"
[alerts.uncovered]
type = "coverage"
sources = ["web", "inbox"]
metrics = ["up"]
"# => [
        "8:19 source \"inbox\" has no schedule, so no poll of it can be missed | remove it; a rule with type = \"absence\" tells when nothing comes of it",
        "9:11 `metrics` means nothing here: the rule looks at the polls of sources | remove it",
    ],
    coverage_of_nothing: r#"[sources.inbox]
type = "push"
[alerts.uncovered]
type = "coverage"
"# => [
        "3:1 no source has a schedule, so no poll can be missed | add a source that polls, such as type = \"http_probe\", or remove the rule",
    ],
    a_source_with_the_name_of_the_program: r#"[sources.floodmark]
type = "host"
"# => [
        "1:10 the id `floodmark` of this source is reserved | choose another name: those that begin with `floodmark` are kept for the program itself",
    ],
}
