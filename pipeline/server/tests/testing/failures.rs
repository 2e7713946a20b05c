//! What a failure says.

use floodmark::config::from_text;

use crate::guide::{outcomes, shown};

const CONFIG: &str = "\
[sources.api]
type = \"push\"
[sources.web]
type = \"tcp_probe\"
targets = [\"a:1\"]
[operators.minute]
type = \"tumbling\"
size = \"1m\"
[operators.hour]
type = \"tumbling\"
size = \"1h\"
[[tests]]
name = \"n\"
operator = \"minute\"
input = [
  { at = \"0s\", source = \"api\", metric = \"load\", labels = { host = \"a\" }, value = 1.5 },
  { at = \"1s\", labels = { host = \"b\" }, value = 2 },
  { at = \"90s\", value = 3 },
]
";

/// Checks what a test with this end says.
async fn check(end: &str, expected: &str) {
    let config = from_text("t.toml", &format!("{CONFIG}{end}")).unwrap_or_else(|report| panic!("{report}"));
    let shown = shown(&outcomes(&config).await);
    let body = shown.strip_prefix("FAIL  n\n      t.toml:12:1\n\n").unwrap_or(&shown);
    assert_eq!(body.trim_end(), expected.trim_end(), "\n{shown}");
}

#[tokio::test]
async fn what_differs_is_shown_field_by_field() {
    check(
        "expect = [{ labels = { host = \"a\" }, window = \"0s..1m\", count = 2, mean = \"> 1.5\", stddev = 0, max = 1.5 }]",
        "    t.toml:20:11: what came out differs
      rollup labels.host=a window=0s..1m count=2 mean=> 1.5 max=1.5 stddev=0
        FIELD   EXPECTED  FOUND
        count   2         1
        mean    > 1.5     1.5
        stddev  0         (absent)",
    )
    .await;
}

#[tokio::test]
async fn of_several_expected_each_takes_its_own_result() {
    check(
        "expect = [\n  { window = \"0s..1m\" },\n  { window = \"0s..1m\", labels = { host = \"b\" } },\n  { window = \"0s..1m\", revision = 1 },\n]",
        "    t.toml:23:3: nothing like this came out
      rollup window=0s..1m revision=1
    nothing else came out either
    event time has come to: api 1m 25s (minute)",
    )
    .await;
}

#[tokio::test]
async fn when_nothing_is_like_it_what_came_out_is_listed() {
    check(
        "expect = [{ metric = \"latency\", window = \"1m..2m\" }]",
        "    t.toml:20:11: nothing like this came out
      rollup metric=latency window=1m..2m
    but this did
      rollup operator=minute source=api metric=load labels.host=a revision=0 window=0s..1m count=1 last=1.5 max=1.5 mean=1.5 min=1.5
      rollup operator=minute source=api metric=load labels.host=b revision=0 window=0s..1m count=1 last=2 max=2 mean=2 min=2
    event time has come to: api 1m 25s (minute)",
    )
    .await;
}

#[tokio::test]
async fn what_is_not_expected_is_an_error_when_it_is_to_be_exact() {
    check(
        "exact = true\nexpect = [{ labels = { host = \"a\" } }]",
        "    this came out and is not expected
      rollup operator=minute source=api metric=load labels.host=b revision=0 window=0s..1m count=1 last=2 max=2 mean=2 min=2",
    )
    .await;
    check("expect = [{ labels = { host = \"a\" } }]", "ok    n\n").await;
}

#[tokio::test]
async fn that_nothing_comes_out_can_be_expected() {
    check(
        "expect_none = true",
        "    this came out and is not expected
      rollup operator=minute source=api metric=load labels.host=a revision=0 window=0s..1m count=1 last=1.5 max=1.5 mean=1.5 min=1.5

    this came out and is not expected
      rollup operator=minute source=api metric=load labels.host=b revision=0 window=0s..1m count=1 last=2 max=2 mean=2 min=2",
    )
    .await;
}

#[tokio::test]
async fn dates_are_shown_as_dates() {
    check(
        "start = \"2026-01-31T12:00:00Z\"\nexpect = [{ window = \"1m..2m\", labels = { host = \"a\" } }]",
        "    t.toml:21:11: what came out differs
      rollup labels.host=a window=2026-01-31T12:01:00Z..2026-01-31T12:02:00Z
        FIELD   EXPECTED                                    FOUND
        window  2026-01-31T12:01:00Z..2026-01-31T12:02:00Z  2026-01-31T12:00:00Z..2026-01-31T12:01:00Z",
    )
    .await;
}
