//! `[[tests]]`: tests of the operators beside what they test. They are decoded and checked with everything else, and run
//! by `floodmark test` alone.
//!
//! Here what is written becomes a [`Test`]: entries that leave out what the one before said are filled in, names must
//! exist, and every place is kept for messages.

mod fields;
mod moment;
mod number;
mod resolve;
mod written;

use std::collections::BTreeMap;
use std::ops::Range;

use floodmark_connectors::settings::Span;
use floodmark_schemas::{Check, Record, Series, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::decode::decode;
use super::report::{Found, Place, Report};
use super::tree::{Node, Table, Value};

pub(crate) use fields::name_of;
pub use fields::{Field, Wanted};
pub use moment::{Moment, Moments};
pub use written::{Expect, ResultKind};

use resolve::Names;
use written::WrittenTest;

/// A test of the operators.
#[derive(Clone, Debug)]
pub struct Test {
    /// What is to be true.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The operator whose results are looked at.
    pub operator: Option<String>,
    /// When it starts.
    pub start: Timestamp,
    /// What comes in, in the order in which it is written.
    pub input: Vec<Input>,
    /// How long the clock goes on after the last input.
    pub advance: Span,
    /// What has to come out, each with its place.
    pub expect: Vec<(Place, Expect)>,
    /// Whether anything else may come out.
    pub others: Others,
}

/// Whether there may be results besides those expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// There may.
    Allowed,
    /// There may not.
    Refused,
}

/// What comes in from one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The source.
    pub source: String,
    /// Event times.
    pub at: Moments,
    /// When it arrives, if not at its event time.
    pub arrives: Option<Moment>,
    /// What it is.
    pub what: What,
}

/// What comes in.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Samples of a series; values one after another, and again from the first.
    Samples(Series, Vec<f64>),
    /// Checks; and when the certificate ends that they saw.
    Checks(Box<Check>, Option<Moment>),
    /// Records, and what they are about.
    Records(Record, Option<String>),
    /// The end of the source.
    End,
}

/// Takes `tests` out of the tree of one file: those of several files are all run.
pub(super) fn take(tree: &mut Node, report: &mut Report) -> Vec<Node> {
    let Value::Table(table) = &mut tree.value else { return Vec::new() };
    match table.remove("tests") {
        None => Vec::new(),
        Some((_, Node { value: Value::List(tests), .. })) => tests,
        Some((_, other)) => {
            let hint = "begin each test with [[tests]]".to_owned();
            report.add(other.span.clone(), format!("expected a list, found {}", other.describe()), Some(hint));
            Vec::new()
        }
    }
}

/// Decodes and checks all tests of a configuration with this tree.
pub(super) fn decode_all(tests: &[Node], root: &Node, report: &mut Report) -> Vec<Test> {
    let names = Names::of(root);
    let mut seen: BTreeMap<String, Range<usize>> = BTreeMap::new();
    tests.iter().filter_map(|node| one(node, &names, &mut seen, report)).collect()
}

fn one(node: &Node, names: &Names<'_>, seen: &mut BTreeMap<String, Range<usize>>, report: &mut Report) -> Option<Test> {
    let Value::Table(table) = &node.value else {
        let hint = "begin each test with [[tests]]".to_owned();
        report.add(node.span.clone(), format!("expected a table, found {}", node.describe()), Some(hint));
        return None;
    };
    let test: WrittenTest = decode(table, &node.span, &[], report)?;
    let before = report.found.len();
    if let Some(first) = seen.insert(test.name.clone(), node.place(&["name"])) {
        let message = format!("two tests are called {:?}", test.name);
        let found = Found::at(node.place(&["name"]), message, Some("give each its own name".to_owned()));
        report.push(Found { related: Some((first, "first used here".to_owned())), ..found });
    }
    resolve::check(&test, node, names, report);
    let input = resolve::input(&test, node, names, report);
    let place = |path: &[&str], report: &Report| report.place(&node.place(path));
    let expect = test.expect.iter().enumerate().map(|(i, expect)| (place(&["expect", &i.to_string()], report), expect.clone()));
    let (place, expect) = (place(&[], report), expect.collect());
    let others = if test.exact || test.expect_none { Others::Refused } else { Others::Allowed };
    let WrittenTest { name, operator, start, advance, .. } = test;
    (report.found.len() == before).then_some(Test { name, place, operator, start: start.0, input, advance, expect, others })
}

/// What a file of tests may not hold.
pub(super) fn nothing_else(table: &Table, report: &mut Report) {
    for (key, (span, _)) in table {
        let hint = "a file whose name ends in _test.toml holds [[tests]] only; move it into the configuration".to_owned();
        report.add(span.clone(), format!("`{key}` is no test"), Some(hint));
    }
}

/// The schema of one test.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    WrittenTest::json_schema(generator)
}
