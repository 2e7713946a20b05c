//! Decodes one table into its type and finds all its errors: what is refused is reported, taken out, and the rest
//! decoded again, until only missing keys are left to tell.

use std::ops::Range;

use floodmark_connectors::settings::{SECRET_EXPECTED, SECRET_IN_TEXT};
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::deserializer::{Step, What};
use super::report::{Found, Report};
use super::scrub::is_secret_name;
use super::suggest;
use super::tree::{Node, Table, Value};

/// The most errors that are told of one table.
const ERRORS_MAX: usize = 100;

/// Decodes `table`, whose header stands at `header`. `None` means that problems were reported. Keys of `also` are known
/// too, because somebody else reads them.
pub fn decode<T: DeserializeOwned + JsonSchema>(table: &Table, header: &Range<usize>, also: &[&str], report: &mut Report) -> Option<T> {
    let mut root = Node { span: header.clone(), value: Value::Table(table.clone()) };
    let mut removed: Vec<Vec<Step>> = Vec::new();
    while removed.len() < ERRORS_MAX {
        let (what, span, way) = match T::deserialize(root.clone()) {
            Ok(value) => return removed.is_empty().then_some(value),
            Err(fault) => fault.into_parts(),
        };
        let span = span.unwrap_or_else(|| header.clone());
        match what {
            What::MissingKey(key) if way.is_empty() => {
                report_missing::<T>(key, table, header, report);
                return None;
            }
            What::MissingKey(key) => {
                let mut missing = way.clone();
                missing.push(Step::Key(key.to_owned()));
                if !removed.contains(&missing) {
                    report.add(span, format!("the key `{key}` is missing here"), Some(format!("add `{key}`")));
                }
            }
            // What stands around something that was taken out may only fail for the lack of it.
            _ if removed.iter().any(|r| r.starts_with(&way)) => {}
            what => {
                let found = find(&root, &way);
                report.push(explain(what, span, found, &way, also));
            }
        }
        if way.is_empty() || !remove(&mut root, &way) {
            return None;
        }
        removed.push(way);
    }
    None
}

fn report_missing<T: JsonSchema>(key: &str, table: &Table, header: &Range<usize>, report: &mut Report) {
    let schema = T::json_schema(&mut SchemaGenerator::default());
    let required: Vec<&str> = schema.get("required").and_then(|r| r.as_array()).into_iter().flatten().filter_map(|k| k.as_str()).collect();
    let others = required.iter().filter(|k| **k != key);
    for key in std::iter::once(&key).chain(others).filter(|k| !table.contains_key(**k)) {
        let about = schema.pointer(&format!("/properties/{key}/description")).and_then(|d| d.as_str());
        let hint = match about.and_then(|text| text.lines().next()) {
            Some(about) => format!("add `{key}`: {about}"),
            None => format!("add `{key}`"),
        };
        report.add(header.clone(), format!("the key `{key}` is missing"), Some(hint));
    }
}

fn find<'a>(root: &'a Node, way: &[Step]) -> Option<&'a Node> {
    way.iter().try_fold(root, |node, step| match (step, &node.value) {
        (Step::Key(key), Value::Table(table)) => table.get(key).map(|(_, node)| node),
        (Step::Item(start), Value::List(items)) => items.iter().find(|item| item.span.start == *start),
        _ => None,
    })
}

fn remove(root: &mut Node, way: &[Step]) -> bool {
    let Some((last, before)) = way.split_last() else { return false };
    let parent = before.iter().try_fold(root, |node, step| match (step, &mut node.value) {
        (Step::Key(key), Value::Table(table)) => table.get_mut(key).map(|(_, node)| node),
        (Step::Item(start), Value::List(items)) => items.iter_mut().find(|item| item.span.start == *start),
        _ => None,
    });
    match (parent.map(|node| &mut node.value), last) {
        (Some(Value::Table(table)), Step::Key(key)) => table.remove(key).is_some(),
        (Some(Value::List(items)), Step::Item(start)) => {
            let before = items.len();
            items.retain(|item| item.span.start != *start);
            items.len() < before
        }
        _ => false,
    }
}

fn explain(what: What, span: Range<usize>, found: Option<&Node>, way: &[Step], also: &[&str]) -> Found {
    let hidden = way.iter().any(|step| matches!(step, Step::Key(key) if is_secret_name(key)));
    let described = found.filter(|_| !hidden).map_or_else(|| "something else".to_owned(), Node::describe);
    let (message, hint) = match what {
        What::UnknownKey(key, known) => {
            let also = if way.len() == 1 { also } else { &[] };
            (format!("unknown key `{key}`"), Some(suggest::hint(&key, known.iter().chain(also).copied(), "key")))
        }
        // Of a value that is told apart by its key, such as { env = ".." }, the key is the name.
        What::UnknownName(name, known) if way.last() == Some(&Step::Key(name.clone())) => {
            (format!("unknown key `{name}`"), Some(suggest::hint(&name, known.iter().copied(), "key")))
        }
        What::UnknownName(name, known) => {
            let key = way.iter().rev().find_map(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None });
            let hint = suggest::hint(&name, known.iter().copied(), "value");
            (format!("{name:?} is not a value of `{}`", key.unwrap_or_default()), Some(hint))
        }
        What::MissingKey(key) => (format!("the key `{key}` is missing"), None),
        // Whatever stands in the place of a secret may be one.
        What::Type(expected) if expected == SECRET_EXPECTED => split(&format!("{SECRET_IN_TEXT}; write {SECRET_EXPECTED}")),
        What::Type(expected) => {
            let hint = found.filter(|_| !hidden).and_then(|node| repair(&expected, node));
            (format!("expected {}, found {described}", plain(&expected)), hint)
        }
        What::Range(expected) => (format!("{described} does not fit: expected {}", plain(&expected)), None),
        What::Other(text) => split(&text),
    };
    let secret = message == SECRET_IN_TEXT;
    Found { secret, ..Found::at(span, message, hint) }
}

/// Types speak in one sentence, `what is wrong; what to do`.
pub fn split(text: &str) -> (String, Option<String>) {
    match text.split_once("; ") {
        Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
        None => (text.to_owned(), None),
    }
}

/// The names of Rust types in the words of people.
fn plain(expected: &str) -> String {
    let range = |min: i128, max: u64| format!("a whole number from {min} to {max}");
    match expected {
        "u8" => range(0, u8::MAX.into()),
        "u16" => range(0, u16::MAX.into()),
        "u32" => range(0, u32::MAX.into()),
        "u64" | "usize" => "a whole number that is not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "string" | "a borrowed string" | "path string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        _ if expected.starts_with("a nonzero ") => "a whole number from 1".to_owned(),
        _ if expected.starts_with("struct ") || expected.starts_with("enum ") => "a table".to_owned(),
        _ => expected.to_owned(),
    }
}

/// How to write what was most likely meant.
fn repair(expected: &str, found: &Node) -> Option<String> {
    let wanted = plain(expected);
    match &found.value {
        Value::Integer(n) if wanted.starts_with("a duration") => Some(format!("write it as text with a unit: \"{n}s\"")),
        Value::Integer(n) if wanted.starts_with("a size") => Some(format!("write it as text with a unit: \"{n}MiB\"")),
        Value::Integer(n) if wanted == "a text" => Some(format!("put it in quotes: \"{n}\"")),
        Value::Boolean(b) if wanted == "a text" => Some(format!("put it in quotes: \"{b}\"")),
        Value::Text(text) if wanted == "true or false" && matches!(text.as_str(), "true" | "false") => {
            Some(format!("remove the quotes: {text}"))
        }
        Value::Text(text) if wanted.contains("number") && text.parse::<f64>().is_ok() => Some(format!("remove the quotes: {text}")),
        Value::Text(text) if wanted == "a list" && text.len() <= 60 => Some(format!("put it in brackets: [{text:?}]")),
        Value::Float(_) if wanted.starts_with("a whole number") => Some("write it without a fraction".to_owned()),
        _ if expected.starts_with("one of ") => Some("write one of them, in quotes".to_owned()),
        _ if wanted == "a table" => Some("write a table: { key = value }".to_owned()),
        _ => None,
    }
}
