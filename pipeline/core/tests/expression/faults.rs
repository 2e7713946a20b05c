//! What is said of expressions that mean nothing: `from-to message | help`.

use floodmark_core::expression::{Expression, Scope};

fn check(cases: &[(&str, &str)], compile: impl Fn(&str) -> Result<Expression, floodmark_core::expression::Fault>) {
    let found: Vec<(&str, String)> = cases
        .iter()
        .map(|(text, _)| match compile(text) {
            Ok(_) => (*text, "no fault".to_owned()),
            Err(fault) => (*text, format!("{}-{} {} | {}", fault.at.start, fault.at.end, fault.message, fault.help)),
        })
        .collect();
    let expected: Vec<(&str, String)> = cases.iter().map(|(text, expected)| (*text, (*expected).to_owned())).collect();
    let shown: String = found.iter().map(|case| format!("            {case:?},\n")).collect();
    assert!(found == expected, "found:\n{shown}");
}

#[test]
fn conditions_that_mean_nothing_are_told_with_their_place() {
    check(
        &[
            ("", "0-0 the expression is empty | write for example value > 0, or remove the key"),
            ("value", "0-5 expected true or false, found a number | compare it, for example value > 0"),
            ("labels.host", "0-11 expected true or false, found a text | compare it, for example labels.host == \"text\""),
            ("value > '5'", "8-11 expected a number, found a text | remove the quotes"),
            ("value > labels.limit", "8-20 expected a number, found a text | if a number is written in it, write number(labels.limit)"),
            ("labels.limit > value", "0-12 expected a number, found a text | if a number is written in it, write number(labels.limit)"),
            ("labels.host == 5", "15-16 expected a text, found a number | put it in quotes"),
            ("labels.core > 2", "0-11 expected a number, found a text | if a number is written in it, write number(labels.core)"),
            (
                "labels.host < 'b'",
                "0-17 texts have no order, so `<` means nothing | compare texts with `==` or `!=`, or the numbers written in them: number(..)",
            ),
            ("valu > 5", "0-4 there is no `valu` here | did you mean `value`?"),
            ("host == 'a'", "0-4 there is no `host` here | known names: value, time, metric, unit, source, labels; a label is labels.host"),
            ("value = 5", "6-7 `=` compares nothing | write `==`"),
            ("value > 5 value < 3", "10-15 expected an operator, found `value` | join two conditions with `and` or `or`"),
            ("1 < value < 5", "10-11 comparisons do not follow each other | join two of them with `and`: 1 < value and value < 5"),
            ("value >", "7-7 a value is missing at the end | complete the expression"),
            ("(value > 5", "0-1 this bracket is not closed | close it with `)`"),
            ("value > 5)", "9-10 expected an operator, found `)` | remove it, or add what is missing before it"),
            ("value in 5", "9-10 expected a list, found a number | write for example: in [\"a\", \"b\"]"),
            ("value in [5, 'a']", "13-16 expected a number, found a text | if a number is written in it, write number('a')"),
            ("value in [value]", "10-15 a list holds fixed numbers | compare with `==`, joined by `or`"),
            ("value in []", "9-11 the list is empty | name at least one value"),
            (
                "metric =~ 'a('",
                "10-14 this is not a pattern: unclosed group | patterns are those of https://docs.rs/regex/latest/regex/#syntax",
            ),
            ("metric =~ labels.pattern", "10-24 a pattern must be fixed | write it in quotes, for example '^web-\\d+$'"),
            ("metric =~ 5", "10-11 expected a text, found a number | put it in quotes"),
            ("abs(value, 2) > 1", "0-13 `abs` takes 1 argument, not 2 | write abs(number) -> number"),
            (
                "absolute(value) > 1",
                "0-8 there is no function `absolute` | known functions: abs, min, max, clamp, round, floor, ceil, sqrt, log10, log2, finite, number, if, contains, starts_with, ends_with, matches, lower, has, hour, weekday, unix",
            ),
            ("abs > 1", "0-3 there is no `abs` here | it is a function: abs(number) -> number"),
            (
                "avg(value) > 1",
                "0-3 there is no function `avg` | expressions see one value at a time; aggregates are settings of the operator",
            ),
            ("has(metric)", "4-10 `has` asks for a label | write for example has(labels.host)"),
            ("has('host')", "4-10 `has` asks for a label | write for example has(labels.host)"),
            ("time > 5", "0-4 expected a number, found a time | take a part of it: hour(time), weekday(time) or unix(time)"),
            ("hour(value) > 5", "5-10 expected a time, found a number | the only time is `time`"),
            ("hour(time, 'Berlin') > 5", "11-19 there is no time zone \"Berlin\" | did you mean \"Europe/Berlin\"?"),
            ("hour(time, 'Nowhere') > 5", "11-20 there is no time zone \"Nowhere\" | write for example \"Europe/Berlin\" or \"UTC\""),
            ("hour(time, labels.zone) > 5", "11-22 a time zone must be fixed | write it in quotes, for example \"Europe/Berlin\""),
            ("hour(time, 2) > 5", "11-12 expected a text, found a number | put it in quotes"),
            ("hour() > 5", "0-6 `hour` takes 1 or 2 arguments, not 0 | write hour(time, zone) -> number"),
            ("unix(time, 'UTC') > 5", "0-17 `unix` takes 1 argument, not 2 | write unix(time) -> number"),
            ("value and true", "0-5 expected true or false, found a number | compare it, for example value > 0"),
            ("not value", "4-9 expected true or false, found a number | compare it, for example value > 0"),
            ("if(value > 1, 2, true) == 2", "17-21 expected a number, found true or false | turn it into a number: if(true, 1, 0)"),
            ("labels == 'a'", "0-6 `labels` alone is no value | write labels.host, or labels[\"a name with spaces\"]"),
            ("labels. == 'a'", "0-7 the name of the label is missing | write labels.host, or labels[\"a name with spaces\"]"),
            ("metric == 'a", "10-12 this text is not closed | close it with `'`"),
            ("clamp(value, 5, 1) > 2", "13-17 the lower bound is above the upper one | swap them"),
            ("value > 5min", "8-12 `5min` is neither a number nor a duration | units are us, ms, s, m, h and d, as in `250ms` or `1h30m`"),
            ("[1, 2]", "0-1 a list stands only behind `in` | write for example: metric in [\"a\", \"b\"]"),
        ],
        |text| Expression::compile_bool(text, &Scope::sample()),
    );
}

#[test]
fn formulas_that_mean_nothing_are_told_with_their_place() {
    check(
        &[
            ("value > 5", "0-9 expected a number, found true or false | turn it into a number: if(value > 5, 1, 0)"),
            ("metric", "0-6 expected a number, found a text | if a number is written in it, write number(metric)"),
            ("value + '1'", "8-11 expected a number, found a text | remove the quotes"),
            ("value ^ 2", "6-7 there is no operator `^` | multiply instead: `value * value`"),
            ("p99 * 2", "0-3 there is no `p99` here | known names: value, time, metric, unit, source, labels; a label is labels.p99"),
            ("-labels.core", "1-12 expected a number, found a text | if a number is written in it, write number(labels.core)"),
        ],
        |text| Expression::compile_number(text, &Scope::sample()),
    );
}
