//! Settings of the right form that cannot work, and what must be said of each: `line:column message | hint`.

use super::check;

broken! {
    nothing_to_watch: r#"[sources.a]
type = "github"
repos = []
[sources.b]
type = "http_probe"
targets = []
[sources.c]
type = "open_meteo"
places = []
"# => [
        "3:9 nothing would be watched | write at least one, such as repos = [\"rust-lang/rust\"]",
        "6:11 nothing would be looked at | name at least one target",
        "9:10 0 places cannot be asked for | write 1 to 100, such as places = [{ name = \"Berlin\", latitude = 52.52, longitude = 13.41 }]",
    ],
    numbers_of_shards_that_are_not_possible: r#"[sources.a]
type = "tcp_probe"
shards = 0
targets = ["example.org:22"]
[sources.b]
type = "http_probe"
shards = 257
targets = ["https://example.org"]
"# => [
        "3:10 0 shards are not possible | choose 1 to 256",
        "7:10 257 shards are not possible | choose 1 to 256",
    ],
    repositories_that_are_none: r#"[sources.a]
type = "github"
repos = ["rust-lang/rust", "rust", "Rust-Lang/Rust"]
"# => [
        "3:28 \"rust\" is not a repository | write \"owner/name\"",
        "3:36 \"Rust-Lang/Rust\" is there twice | remove one of the two",
    ],
    more_requests_than_are_answered: r#"[sources.a]
type = "github"
repos = ["a/b", "a/c", "a/d"]
every = "2m"
[sources.b]
type = "github"
repos = ["a/b"]
every = "10s"
base_url = "https://api.github.com"
"# => [
        "4:9 3 repositories every 2m are 90 requests an hour, but without a token api.github.com answers only 60 | set `token`, or every = \"3m\" or more",
        "8:9 10s is too often | write \"1m\" or more",
    ],
    places_that_are_not_on_earth: r#"[sources.a]
type = "open_meteo"
places = [
  { name = "x", latitude = 52.5, longitude = 13.4 },
  { name = "x", latitude = 152.5, longitude = 213.4 },
]
forecast_hours = 0
"# => [
        "5:12 \"x\" is there twice | give each place its own name",
        "5:28 152.5 is not on earth | write -90 to 90",
        "5:47 213.4 is not on earth | write -180 to 180",
        "7:18 forecasts do not reach 0 hours | write 1 to 384",
    ],
    checks_that_outlast_their_interval: r#"[sources.a]
type = "http_probe"
every = "10s"
targets = [
  "https://example.org",
  { url = "https://example.com", every = "20s", retries = 1 },
  { url = "https://example.net", every = "1m", timeout = "0s" },
]
"# => [
        "6:42 a check of \"https://example.com\" may take 21s, with its retries and pauses, but the next one is due after 20s | lower `timeout` or `retries`, or raise `every`",
        "7:58 `timeout` of target \"https://example.net\" is 0s | write for example \"10s\"",
    ],
    one_target_twice: r#"[sources.a]
type = "tcp_probe"
targets = ["a:1", "b:1", { address = "c:1", name = "a:1" }]
"# => [
        "3:26 target \"a:1\" is there twice | remove one, or give it another `name`",
    ],
    targets_that_are_none: r#"[sources.a]
type = "http_probe"
targets = ["example.org", "ftp://a", { url = "https://u:hunter2@a" }, { name = "x" }]
[sources.b]
type = "tcp_probe"
targets = ["example.org", "https://example.org", "a:99999"]
"# => [
        "3:12 \"example.org\" has no scheme | write \"https://example.org\"",
        "3:27 \"ftp://a\": scheme \"ftp\" is not one of http and https",
        "3:46 a URL must not hold a user or a password | use bearer_token, or headers with a secret such as { env = \"..\" }",
        "3:71 the key `url` is missing here | add `url`",
        "6:12 \"example.org\" is not an address | write \"host:port\", such as \"example.org:22\" or \"[::1]:22\"",
        "6:27 \"https://example.org\" is a URL | use a source of type \"http_probe\", or write \"host:port\"",
        "6:50 \"a:99999\" is not an address | write \"host:port\", such as \"example.org:22\" or \"[::1]:22\"",
    ],
    headers_that_cannot_be_sent: r#"[sources.a]
type = "http_probe"
targets = ["https://a"]
headers = { "X Y" = "1", Connection = "keep-alive", Accept = "a\nb", Authorization = { env = "A" } }
expect_status = []
"# => [
        "4:21 \"X Y\" is not the name of a header | remove it",
        "4:39 Connection is set by the probe itself | remove it",
        "4:62 the value has characters that a header cannot have | write ASCII characters on one line",
        "5:17 no answer would be good | name a status, or remove `expect_status` for 200 to 299",
    ],
    a_table_file_without_columns: r#"[sources.a]
type = "file"
path = "a.csv"
delimiter = "é"
timezone = "Mars"
"# => [
        "1:1 the key `time` is missing | name the column that holds the time",
        "1:1 the key `values` is missing | name the columns that hold numbers, or set `check`",
        "4:13 'é' cannot part cells | write one ASCII character other than a quote or line end",
        "5:12 \"Mars\" is not a known time zone | write UTC or a name such as Europe/Berlin",
    ],
    a_file_of_unknown_form: r#"[sources.a]
type = "file"
path = "a.txt"
[sources.b]
type = "file"
path = "b.csv"
time = "t"
values = ["x", "y"]
metric = "m"
[sources.c]
type = "file"
path = "c.ndjson"
time = "t"
time_format = "iso"
values = [{ colum = "x" }, 3]
"# => [
        "3:8 the file's name does not say what it holds | set format = \"csv\" or format = \"ndjson\"",
        "8:10 with `metric` the file has one number a line | name one column",
        "14:15 \"iso\" is not a time format | write rfc3339, unix_s, unix_ms, unix_us, or a pattern such as \"%Y/%m/%d %H:%M\"",
        "15:11 the key `column` is missing here | add `column`",
        "15:13 unknown key `colum` | did you mean `column`?",
        "15:28 expected the name of a column, or a table such as { column = \"temp\", metric = \"temperature\", unit = \"Cel\" }, found the number 3",
    ],
    a_file_of_samples_and_checks: r#"[sources.a]
type = "file"
path = "a.csv"
time = "t"
values = ["x"]
check = { target = "t", up = "u" }
"# => [
        "6:9 `check` makes checks of the lines, `values` and `metric` samples | keep one, or read the file by two sources",
    ],
    limits_that_take_nothing: r#"[sources.a]
type = "push"
body_bytes_max = "0B"
requests_max = 0
timeout = "0s"
[sources.b]
type = "host"
every = "1ms"
"# => [
        "3:18 no request could be taken | write more than 0; 8MiB is usual",
        "4:16 no request could be taken | write more than 0; 16 is usual",
        "5:11 no request could be taken | write more than 0; 30s is usual",
        "8:9 1ms is too often | write \"200ms\" or more",
    ],
    two_that_listen_on_one_address: r#"[sources.a]
type = "push"
listen = "127.0.0.1:8320"
[sources.b]
type = "push"
[sources.c]
type = "push"
"# => [
        "3:10 the API listens on 127.0.0.1:8320 already | set another `listen`",
        "6:1 source `b` listens on 127.0.0.1:8321 already | set another `listen`",
    ],
    operators_that_read_others_wrongly: r#"[sources.host]
type = "host"
[operators.minute]
type = "tumbling"
size = "1m"
aggregates = ["mean"]
[operators.lost]
type = "tumbling"
size = "1h"
from = "minutes"
[operators.round]
type = "tumbling"
size = "1h"
from = "about"
[operators.about]
type = "tumbling"
size = "2h"
from = "round"
[operators.uneven]
type = "tumbling"
size = "90s"
from = "minute"
[operators.asking]
type = "tumbling"
size = "1h"
from = "minute"
aggregates = ["mean", "max"]
[operators.sharp]
type = "tumbling"
size = "1h"
from = "minute"
aggregates = ["mean"]
quantiles = [0.5]
[operators.together]
type = "calendar"
unit = "week"
timezone = "Europe/Madrid"
from = "madrid"
aggregates = ["mean"]
group_by = []
[operators.unusual]
type = "anomaly"
from = "minute"
aggregate = "max"
[operators.odd]
type = "tumbling"
size = "1h"
from = "unusual"
[operators.week]
type = "calendar"
unit = "week"
timezone = "Europe/Berlin"
from = "daily"
aggregates = ["mean"]
[operators.daily]
type = "calendar"
unit = "day"
timezone = "Europe/Madrid"
aggregates = ["mean"]
[operators.madrid]
type = "calendar"
unit = "day"
timezone = "Europe/Madrid"
from = "minute"
aggregates = ["mean"]
[operators.newest]
type = "tumbling"
size = "1h"
from = "newest_of_each"
aggregates = ["mean", "last"]
group_by = ["host"]
[operators.newest_of_each]
type = "tumbling"
size = "1m"
aggregates = ["mean", "last"]
"# => [
        "10:8 there is no operator \"minutes\" | did you mean `minute`?",
        "14:8 operator \"round\" would read itself | name an operator that reads events, or one that reads such a one",
        "18:8 operator \"about\" would read itself | name an operator that reads events, or one that reads such a one",
        "21:8 windows of 1m do not fill windows of 1m 30s | write a multiple of 1m",
        "27:14 `max` needs `max` of the shorter windows | add it to the operator that is read, or remove it here",
        "33:13 quantiles cannot be computed from shorter windows | remove them, or remove `from`",
        "40:12 the windows that are read are made of others, and spread over the partitions of the log | set `group_by` in the operator that is read",
        "44:13 the windows that are read have no \"max\" | they have mean; name one of them, or add it there",
        "48:8 an operator of type \"anomaly\" has no windows to read | name an operator with windows, or remove `from`",
        "53:8 its windows do not fill these | read days of the same time zone",
        "70:14 `last` of several series together needs the events | name `aggregates` without it, or remove `from`",
    ],
    a_name_that_no_expression_knows: r#"[operators.w]
type = "tumbling"
size = "1m"
where = 'metric == "a" and valu > 5'
"# => [
        "4:28 there is no `valu` here | did you mean `value`?",
    ],
    a_text_compared_with_a_number: r#"[operators.w]
type = "tumbling"
size = "1m"
where = "labels.host == \"ü\" or labels.core > 2"
"# => [
        "4:34 expected a number, found a text | if a number is written in it, write number(labels.core)",
    ],
    a_condition_of_several_lines_that_ends_early: r#"[operators.w]
type = "tumbling"
size = "1m"
where = """
  value > 5
  and ("""
"# => [
        "6:8 a value is missing at the end | complete the expression",
    ],
    a_condition_that_is_a_number: r#"[operators.w]
type = "tumbling"
size = "1m"
where = "value * 2"
"# => [
        "4:10 expected true or false, found a number | compare it, for example value * 2 > 0",
    ],
    a_condition_with_one_equals_sign: r#"[operators.w]
type = "tumbling"
size = "1m"
where = 'source = "a"'
"# => [
        "4:17 `=` compares nothing | write `==`",
    ],
    a_pattern_that_is_none: r#"[operators.w]
type = "tumbling"
size = "1m"
where = "metric =~ 'cpu_('"
"# => [
        "4:20 this is not a pattern: unclosed group | patterns are those of https://docs.rs/regex/latest/regex/#syntax",
    ],
    a_time_zone_that_there_is_not: r#"[operators.w]
type = "tumbling"
size = "1m"
where = "hour(time, 'Europe/Berln') < 8"
[operators.a]
type = "anomaly"
value = "weekday(time, unit)"
metric = "day"
"# => [
        "4:21 there is no time zone \"Europe/Berln\" | did you mean \"Europe/Berlin\"?",
        "7:24 a time zone must be fixed | write it in quotes, for example \"Europe/Berlin\"",
    ],
    a_condition_that_is_empty: r#"[operators.w]
type = "tumbling"
size = "1m"
where = ""
"# => [
        "4:10 the expression is empty | write for example value > 0, or remove the key",
    ],
    a_value_without_a_name: r#"[operators.w]
type = "tumbling"
size = "1m"
value = "value / 'a'"
"# => [
        "4:9 what it gives has no name | add `metric`, for example metric = \"wait_seconds\"",
        "4:18 expected a number, found a text | if a number is written in it, write number('a')",
    ],
    a_name_without_a_value: r#"[operators.w]
type = "tumbling"
size = "1m"
metric = "a"
metric_unit = "s"
"# => [
        "4:10 it names what `value` gives, and there is no `value` | add `value`, or remove this key",
        "5:15 it names what `value` gives, and there is no `value` | add `value`, or remove this key",
    ],
    a_value_of_metrics_in_several_partitions: r#"partitions = 2
[operators.w]
type = "tumbling"
size = "1m"
value = "value * 2"
metric = "doubled"
[operators.of_one]
type = "tumbling"
size = "1m"
metrics = ["load"]
value = "value * 2"
metric = "doubled"
[operators.grouped]
type = "tumbling"
size = "1m"
value = "value * 2"
metric = "doubled"
group_by = ["host"]
[operators.scores]
type = "anomaly"
metrics = ["load", "work"]
value = "value * 2"
metric = "doubled"
"# => [
        "5:9 what is derived of several metrics becomes one series, and they may lie in different partitions of the log | name one metric in `metrics`, or say in `group_by` which labels a series has",
        "22:9 what is derived of several metrics becomes one series, and they may lie in different partitions of the log | name one metric in `metrics`",
    ],
    a_condition_on_rollups: r#"[operators.w]
type = "tumbling"
size = "1m"
[operators.scores]
type = "anomaly"
from = "w"
where = "value > 0"
"# => [
        "7:9 `where` is about samples, and rollups are read here | write it at the operator \"w\", or remove `from`",
    ],
}
