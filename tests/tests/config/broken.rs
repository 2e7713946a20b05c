//! The broken configurations, and what must be said of each: `line:column message | hint`.

use super::check;

broken! {
    text_without_quotes: r#"[sources.a]
type = host
"# => [
        "2:8 text must stand in quotes | put a `\"` before and after it",
    ],
    a_header_that_is_not_closed: r#"[sources.a
type = "host"
"# => [
        "1:11 this header is not closed | close it with `]`",
    ],
    a_text_that_is_not_closed: r#"data_dir = "floodmark
partitions = 2
"# => [
        "1:22 this text is not closed | close it with `\"`",
    ],
    a_key_twice_in_one_table: r#"[log]
retention_age = "1d"
retention_age = "2d"
"# => [
        "3:1 duplicate key | each key and each table header stands once; remove one of the two",
    ],
    a_table_twice: r#"[sources.a]
type = "host"
[sources.a]
type = "host"
"# => [
        "3:10 duplicate key | each key and each table header stands once; remove one of the two",
        "4:1 duplicate key | each key and each table header stands once; remove one of the two",
    ],
    a_key_without_value: r#"[log]
retention_age
"# => [
        "2:14 this key has no value | write it as `key = value`",
    ],
    all_syntax_errors_at_once: r#"a = yes
b = no
[c
"# => [
        "1:5 text must stand in quotes | put a `\"` before and after it",
        "2:5 text must stand in quotes | put a `\"` before and after it",
        "3:3 this header is not closed | close it with `]`",
    ],
    a_number_beyond_all_bounds: r#"partitions = 999999999999999999999999999999999999999999
"# => [
        "1:14 this number is too large | write a smaller one",
    ],
    an_unknown_key_at_the_top: r#"data_directory = "x"
"# => [
        "1:1 unknown key `data_directory` | known keys: data_dir, partitions, log, api, telemetry, coverage, connectivity, sources, operators, alerts, sinks, receivers, route, incidents, inhibitions, maintenance, tests",
    ],
    a_misspelt_section: r#"[source.a]
type = "host"
"# => [
        "1:2 unknown key `source` | did you mean `sources`?",
    ],
    a_section_that_is_no_table: r#"sources = 3
"# => [
        "1:11 expected a table, found the number 3 | begin a table with [sources.<id>]",
    ],
    a_list_of_tables_as_section: r#"[[sources]]
type = "host"
"# => [
        "1:1 expected a table, found a list | begin a table with [sources.<id>]",
    ],
    a_component_that_is_no_table: r#"[sources]
a = "host"
"# => [
        "2:5 expected a table, found the text \"host\" | begin a table with [sources.a]",
    ],
    too_many_partitions: r#"partitions = 1025
"# => [
        "1:14 1025 partitions are not possible | choose 1 to 1024, and 1 if in doubt",
    ],
    a_negative_number_of_partitions: r#"partitions = -1
"# => [
        "1:14 -1 partitions are not possible | choose 1 to 1024, and 1 if in doubt",
    ],
    partitions_with_a_fraction: r#"partitions = 1.5
"# => [
        "1:14 expected a whole number, found the number 1.5 | write it without a fraction",
    ],
    partitions_in_quotes: r#"partitions = "4"
"# => [
        "1:14 expected a whole number, found the text \"4\" | remove the quotes: 4",
    ],
    a_duration_without_unit: r#"[log]
retention_age = 30
"# => [
        "2:17 expected a duration as text, such as \"30s\", found the number 30 | write it as text with a unit: \"30s\"",
    ],
    a_duration_with_an_unknown_unit: r#"[log]
retention_age = "3 fortnights"
"# => [
        "2:17 \"3 fortnights\" is not a duration | write a number with a unit, such as \"30s\", \"5m\", \"1h 30m\" or \"2d\"",
    ],
    a_negative_duration: r#"[log]
duplicate_window = "-1h"
"# => [
        "2:20 \"-1h\" is negative | write it without the minus",
    ],
    a_duration_beyond_all_bounds: r#"[log]
duplicate_window = "99999999999999999999d"
"# => [
        "2:20 \"99999999999999999999d\" is not a duration | write a number with a unit, such as \"30s\", \"5m\", \"1h 30m\" or \"2d\"",
    ],
    a_size_without_unit: r#"[log]
retention_size = 100
"# => [
        "2:18 expected a size as text, such as \"256MiB\", found the number 100 | write it as text with a unit: \"100MiB\"",
    ],
    a_size_with_a_fraction: r#"[log]
retention_size = "1.5GiB"
"# => [
        "2:18 \"1.5GiB\" is not a size | write a whole number with a unit, such as \"256MiB\" or \"10GB\"",
    ],
    a_log_that_is_too_small: r#"[log]
retention_size = "1kB"
"# => [
        "2:18 1000B is too little for a log | give it 1MiB or more",
    ],
    nothing_is_kept: r#"[log]
retention_age = "0s"
"# => [
        "2:17 nothing would be kept | write for example \"7d\"",
    ],
    duplicates_for_longer_than_events: r#"[log]
retention_age = "1h"
duplicate_window = "2h"
"# => [
        "3:20 duplicates cannot be recognised for 2h when events are kept for 1h | make it at most `retention_age`",
    ],
    an_unknown_log: r#"[log]
type = "embeded"
"# => [
        "2:8 unknown type \"embeded\" | did you mean `embedded`?",
    ],
    a_port_without_address: r#"[api]
listen = "8320"
"# => [
        "2:10 \"8320\" is not an address and a port | write for example \"127.0.0.1:8320\"",
    ],
    a_switch_in_quotes: r#"[api]
enabled = "true"
"# => [
        "2:11 expected true or false, found the text \"true\" | remove the quotes: true",
    ],
    a_source_without_type: r#"[sources.a]
every = "1s"
"# => [
        "1:1 the key `type` is missing | add `type`, one of host, http_probe, tcp_probe, github, open_meteo, file, push",
    ],
    a_type_that_is_no_text: r#"[sources.a]
type = 1
"# => [
        "2:8 expected a text, found the number 1 | known types: host, http_probe, tcp_probe, github, open_meteo, file, push",
    ],
    a_misspelt_type: r#"[sources.a]
type = "http_prob"
"# => [
        "2:8 unknown type \"http_prob\" | did you mean `http_probe`?",
    ],
    an_unknown_type: r#"[sources.a]
type = "kafka"
"# => [
        "2:8 unknown type \"kafka\" | known types: host, http_probe, tcp_probe, github, open_meteo, file, push",
    ],
    an_unknown_key_of_a_source: r#"[sources.a]
type = "host"
evry = "1s"
"# => [
        "3:1 unknown key `evry` | did you mean `every`?",
    ],
    a_misspelt_common_key: r#"[sources.a]
type = "host"
encodin = "json"
"# => [
        "3:1 unknown key `encodin` | did you mean `encoding`?",
    ],
    an_unknown_encoding: r#"[sources.a]
type = "host"
encoding = "jsom"
"# => [
        "3:12 \"jsom\" is not a value of `encoding` | did you mean `json`?",
    ],
    compression_of_json: r#"[sources.a]
type = "host"
compression = "zstd"
"# => [
        "3:15 only Arrow frames can be compressed | add encoding = \"arrow\", or remove `compression`",
    ],
    an_id_with_a_space: r#"[sources."my host"]
type = "host"
"# => [
        "1:10 the id of this source: \"my host\" holds ' '; letters, digits, '_' and '-' are allowed | call it `my_host`",
    ],
    an_empty_id: r#"[sources.""]
type = "host"
"# => [
        "1:10 the id of this source: \"\" must have 1 to 64 characters | give it a name",
    ],
    a_reserved_id: r#"[sources.floodmark-host]
type = "host"
"# => [
        "1:10 the id `floodmark-host` of this source is reserved | choose another name: those that begin with `floodmark` are kept for the program itself",
    ],
    an_id_of_two_components: r#"[sources.a]
type = "host"
[operators.a]
type = "tumbling"
size = "1m"
"# => [
        "3:12 the id `a` is used twice | call it for example `a_operator`",
    ],
    a_secret_as_text: r#"[sources.a]
type = "push"
token = "hunter2"
"# => [
        "3:9 a secret does not stand in the configuration itself | write where to find it: { env = \"NAME\" } or { file = \"/path\" }",
    ],
    a_secret_as_number: r#"[sources.a]
type = "push"
token = 12345
"# => [
        "3:9 a secret does not stand in the configuration itself | write where to find it: { env = \"NAME\" } or { file = \"/path\" }",
    ],
    a_secret_with_two_places: r#"[sources.a]
type = "push"
token = { env = "A", file = "b" }
"# => [
        "3:9 a secret has one place | write either { env = \"NAME\" } or { file = \"/path\" }",
    ],
    a_secret_with_an_unknown_place: r#"[sources.a]
type = "push"
token = { envv = "A" }
"# => [
        "3:11 unknown key `envv` | did you mean `env`?",
    ],
    a_misspelt_key_of_a_table_in_a_list: r#"[sources.a]
type = "open_meteo"
places = [{ name = "Berlin", latitud = 52.5 }]
evry = "1h"
"# => [
        "3:11 the key `latitude` is missing here | add `latitude`",
        "3:30 unknown key `latitud` | did you mean `latitude`?",
        "4:1 unknown key `evry` | did you mean `every`?",
    ],
    each_wrong_item_of_a_list: r#"[sources.a]
type = "github"
repos = [1, "a/b", true]
"# => [
        "3:10 expected a text, found the number 1 | put it in quotes: \"1\"",
        "3:20 expected a text, found true | put it in quotes: \"true\"",
    ],
    a_text_in_place_of_a_list: r#"[sources.a]
type = "github"
repos = "a/b"
"# => [
        "3:9 expected a list, found the text \"a/b\" | put it in brackets: [\"a/b\"]",
    ],
    an_operator_without_size: r#"[sources.a]
type = "host"
[operators.w]
type = "tumbling"
"# => [
        "3:1 the key `size` is missing | add `size`: How long a window is.",
    ],
    a_window_without_length: r#"[sources.a]
type = "host"
[operators.w]
type = "tumbling"
size = "0s"
"# => [
        "5:8 a window must be 1ms or longer | write for example \"1m\"",
    ],
    a_window_longer_than_the_log: r#"[sources.a]
type = "host"
[operators.w]
type = "tumbling"
size = "7d"
"# => [
        "5:8 a window stays open for 7d 10m 2s (size, allowed lateness and disorder), but the log keeps events for 7d | raise `retention_age` in [log], or make the window shorter",
    ],
    a_misspelt_aggregate: r#"[sources.a]
type = "host"
[operators.w]
type = "tumbling"
size = "1m"
aggregates = ["count", "mena", "medium"]
"# => [
        "6:24 \"mena\" is not a value of `aggregates` | did you mean `mean`?",
        "6:32 \"medium\" is not a value of `aggregates` | known values: count, sum, mean, min, max, stddev, first, last, delta, increase, rate",
    ],
    a_quantile_that_is_a_percentile: r#"[sources.a]
type = "host"
[operators.w]
type = "tumbling"
size = "1m"
quantiles = [0.5, 99]
"# => [
        "6:19 a quantile lies between 0 and 1, not at 99.0 | for the percentile write 0.99",
    ],
    aggregates_that_cannot_be_computed: r#"[sources.a]
type = "host"
[operators.w]
type = "tumbling"
size = "1m"
histogram = [0.5, 0.5, inf]
distinct = "host"
top = { k = 0, by = "value" }
availability = { hold = "0s" }
[operators.v]
type = "tumbling"
size = "1m"
top = { by = "zone", of = "max" }
availability = "5m"
"# => [
        "6:19 the bounds do not rise | write each bound once, the least first",
        "6:24 inf is not a bound | leave it out: `count` is the bucket of all values",
        "7:12 every series has one `host` only | write \"value\", or group by other labels: group_by = [..]",
        "8:13 the 0 greatest cannot be named | write a number from 1 to 100",
        "9:25 a check cannot speak for so long a time, or so short a one | write a little more than the time between checks, for example \"2m\"",
        "13:27 \"max\" is not a value of `of` | known values: count, sum",
        "14:16 expected a table, found the text \"5m\" | write a table: { key = value }",
    ],
    an_aggregate_twice: r#"[sources.a]
type = "host"
[operators.w]
type = "tumbling"
size = "1m"
aggregates = ["max", "min", "max"]
"# => [
        "6:29 `max` is listed twice | remove one of the two",
    ],
    a_source_that_is_not_there: r#"[sources.machine]
type = "host"
[operators.w]
type = "tumbling"
size = "1m"
sources = ["machin", "weather"]
"# => [
        "6:12 there is no source \"machin\" | did you mean `machine`?",
        "6:22 there is no source \"weather\" | known sources: machine, floodmark",
    ],
    lists_that_select_nothing: r#"[sources.a]
type = "host"
[operators.w]
type = "tumbling"
size = "1m"
sources = []
metrics = []
aggregates = []
"# => [
        "6:11 an empty list selects nothing | remove `sources` to select all",
        "7:11 an empty list selects nothing | remove `metrics` to select all",
        "8:14 nothing would be computed | remove `aggregates` for the usual ones",
    ],
    limits_of_zero: r#"[sources.a]
type = "host"
[operators.w]
type = "tumbling"
size = "1m"
idle_timeout = "0s"
series_max = 0
"# => [
        "6:16 every source would always be idle | write for example \"30s\"",
        "7:14 no series could be aggregated | write 1 or more",
    ],
    windows_that_leave_events_out: r#"[sources.a]
type = "host"
[operators.w]
type = "hopping"
size = "1m"
slide = "2m"
[operators.v]
type = "hopping"
size = "1d"
slide = "7ms"
"# => [
        "6:9 windows of 1m every 2m would leave events out | make it at most as long as `size`",
        "10:9 a window would have 86400000 parts, more than 100000 | make it longer, or such that it divides `size`",
    ],
    a_session_with_a_size: r#"[sources.a]
type = "host"
[operators.w]
type = "session"
size = "1m"
"# => [
        "3:1 the key `gap` is missing | add `gap`: The pause that ends a session.",
        "5:1 unknown key `size` | known keys: gap, allowed_lateness, idle_timeout, sources, metrics, where, value, metric, metric_unit, aggregates, quantiles, histogram, distinct, top, availability, series_max, group_by, type",
    ],
    a_time_zone_that_is_not_there: r#"[sources.a]
type = "host"
[operators.w]
type = "calendar"
unit = "dya"
timezone = "Europe/Brelin"
"# => [
        "5:8 \"dya\" is not a value of `unit` | did you mean `day`?",
        "6:12 there is no time zone \"Europe/Brelin\" | did you mean \"Europe/Berlin\"?",
    ],
    a_month_longer_than_the_log: r#"[sources.a]
type = "host"
[operators.w]
type = "calendar"
unit = "month"
timezone = "utc"
"# => [
        "5:8 a window stays open for 31d 1h 10m 2s (unit, allowed lateness and disorder), but the log keeps events for 7d | raise `retention_age` in [log], or make the window shorter",
    ],
    an_unknown_sink: r#"[sinks.s]
type = "redis"
"# => [
        "2:8 unknown type \"redis\" | known types: embedded, mongodb, postgres",
    ],
    a_key_that_a_sink_does_not_have: r#"[sinks.s]
type = "embedded"
path = "x"
"# => [
        "3:1 unknown key `path` | known keys: type",
    ],
    everything_at_once: r#"partitions = 0
[log]
retention_agee = "1d"
[sources.a]
type = "host"
every = 1
disorder = 2
x = 3
[operators.w]
type = "tumbling"
sources = ["b"]
"# => [
        "1:14 0 partitions are not possible | choose 1 to 1024, and 1 if in doubt",
        "3:1 unknown key `retention_agee` | did you mean `retention_age`?",
        "6:9 expected a duration as text, such as \"30s\", found the number 1 | write it as text with a unit: \"1s\"",
        "7:12 expected a duration as text, such as \"30s\", found the number 2 | write it as text with a unit: \"2s\"",
        "8:1 unknown key `x` | known keys: every, host, per_core, loopback, encoding, compression, disorder, type",
        "9:1 the key `size` is missing | add `size`: How long a window is.",
        "11:12 there is no source \"b\" | known sources: a, floodmark",
    ],
    columns_are_counted_in_characters: r#"[sources]
a = { type = "höst", "ü" = "ö", encoding = 1 }
"# => [
        "2:14 unknown type \"höst\" | did you mean `host`?",
        "2:44 expected one of json, arrow, found the number 1 | write one of them, in quotes",
    ],
}
