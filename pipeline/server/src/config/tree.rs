//! The merged tree of all files: values that know where they stand.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::files::File;
use super::report::{Found, Report};

/// A value and its place in the space of all files. The place of a table with a header is that header.
#[derive(Clone, Debug)]
pub struct Node {
    pub span: Range<usize>,
    pub value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Value {
    Text(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    /// A date or a time, as it was written.
    Time(String),
    List(Vec<Node>),
    Table(Table),
}

/// Keys with their places, and their values.
pub type Table = BTreeMap<String, (Range<usize>, Node)>;

impl Node {
    /// The value of a key of this table.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(table) => table.get(key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The place of what `path` leads to, or of the nearest thing around it that is there.
    pub fn place(&self, path: &[&str]) -> Range<usize> {
        let Some((first, rest)) = path.split_first() else { return self.span.clone() };
        match &self.value {
            Value::Table(table) => table.get(*first).map_or(self.span.clone(), |(_, node)| node.place(rest)),
            Value::List(items) => first.parse::<usize>().ok().and_then(|i| items.get(i)).map_or(self.span.clone(), |node| node.place(rest)),
            _ => self.span.clone(),
        }
    }

    /// What the value is, with the value if it is short: `integer 30`.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Text(text) if text.len() <= 40 => format!("the text {text:?}"),
            Value::Text(_) => "a text".to_owned(),
            Value::Integer(number) => format!("the number {number}"),
            Value::Float(number) => format!("the number {number:?}"),
            Value::Boolean(value) => format!("{value}"),
            Value::Time(text) => format!("the time {text}"),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

/// Parses a file; syntax errors go into the report, and what could be understood is returned.
pub fn parse(file: &File, report: &mut Report) -> Node {
    let (table, errors) = DeTable::parse_recoverable(&file.text);
    for error in &errors {
        let span = error.span().unwrap_or(file.text.len()..file.text.len());
        let (message, hint) = explain(error.message(), &file.text, &span);
        report.unreadable = true;
        report.add(moved(&span, file.offset), message, hint);
    }
    let mut own = Owning { offset: file.offset, report };
    Node { span: file.offset..file.offset, value: Value::Table(own.table(table.into_inner())) }
}

/// What a syntax error means to somebody who does not know the grammar.
fn explain(message: &str, text: &str, span: &Range<usize>) -> (String, Option<String>) {
    let word = text.get(span.clone()).unwrap_or_default().trim();
    let is_word = word.starts_with(|c: char| c.is_alphabetic());
    let (message, hint) = match message {
        m if m.starts_with("duplicate key") => (m, "each key and each table header stands once; remove one of the two".to_owned()),
        m if m.starts_with("string values must be quoted") && word.is_empty() => {
            ("a value is missing", "write it behind the `=`, texts in quotes".to_owned())
        }
        m if m.starts_with("string values must be quoted") || (m.starts_with("invalid float") && is_word) => {
            // The text itself is not repeated here: it may be a secret.
            ("text must stand in quotes", "put a `\"` before and after it".to_owned())
        }
        m if m.starts_with("unclosed table") => ("this header is not closed", "close it with `]`".to_owned()),
        m if m.starts_with("key with no value") => ("this key has no value", "write it as `key = value`".to_owned()),
        m if m.starts_with("invalid unquoted key") => {
            ("this key must stand in quotes", "use only letters, digits, `_` and `-`, or quotes".to_owned())
        }
        m if m.starts_with("invalid basic string") && m.ends_with("`\"`") => ("this text is not closed", "close it with `\"`".to_owned()),
        m => (m, "how TOML is written is described at https://toml.io".to_owned()),
    };
    (message.to_owned(), Some(hint))
}

fn moved(span: &Range<usize>, offset: usize) -> Range<usize> {
    span.start + offset..span.end + offset
}

/// Turns what borrows from a file into what owns its values.
struct Owning<'a> {
    offset: usize,
    report: &'a mut Report,
}

impl Owning<'_> {
    fn table(&mut self, table: DeTable<'_>) -> Table {
        let offset = self.offset;
        table.into_iter().map(|(key, value)| (key.get_ref().to_string(), (moved(&key.span(), offset), self.node(value)))).collect()
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>) -> Node {
        let span = moved(&value.span(), self.offset);
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Boolean(value) => Value::Boolean(value),
            DeValue::Datetime(time) => Value::Time(time.to_string()),
            DeValue::Array(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                // A syntax error has been reported for digits that are no number: this is one that is too large.
                Err(_) => {
                    self.report.unreadable = true;
                    self.report.add(span.clone(), "this number is too large", Some("write a smaller one".to_owned()));
                    Value::Integer(0)
                }
            },
        };
        Node { span, value }
    }
}

/// Merges `from` into `into`: tables merge key by key, anything else may be set once.
pub fn merge(into: &mut Node, from: Node, report: &mut Report) {
    let (Value::Table(into), Value::Table(from)) = (&mut into.value, from.value) else { return };
    merge_tables(into, from, "", report);
}

fn merge_tables(into: &mut Table, from: Table, path: &str, report: &mut Report) {
    for (key, (key_span, node)) in from {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match into.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert((key_span, node));
            }
            Entry::Occupied(mut entry) => {
                let (first_span, first) = entry.get_mut();
                match (&mut first.value, node.value) {
                    (Value::Table(into), Value::Table(from)) => merge_tables(into, from, &path, report),
                    _ => report.push(Found {
                        related: Some((first_span.clone(), "first set here".to_owned())),
                        ..Found::at(key_span, format!("`{path}` is set twice"), Some("remove one of the two".to_owned()))
                    }),
                }
            }
        }
    }
}
