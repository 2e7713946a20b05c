//! A configuration with other rules, or with other values in its rules: what tests on the past try out.

use std::path::Path;
use std::str::FromStr;

use super::files;
use super::load::build_with;
use super::model::Config;
use super::report::Report;
use super::tree::{self, Node, Table, Value};

/// A key of a rule, and the value that it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// From `alerts` on.
    pub key: Vec<String>,
    /// A number, or a text.
    pub value: String,
}

/// Reads a configuration whose `[alerts]` come from another file, when one is given; what else stands in that file is in the place of what
/// has the same name. Then the settings are made.
///
/// # Errors
/// All that is wrong, at once.
pub fn load_varied(path: &Path, rules: Option<&Path>, settings: &[Setting]) -> Result<Config, Report> {
    let mut report = Report::default();
    files::read(path, &mut report);
    let text = rules.map(|rules| (rules, std::fs::read_to_string(rules)));
    build_with(report, |root, report| {
        match text {
            None => {}
            Some((rules, Ok(text))) => {
                let file = report.files.add(rules.display().to_string(), text).clone();
                let tree = tree::parse(&file, report);
                replace(root, tree);
            }
            Some((rules, Err(e))) => report.unread(rules, &format!("it cannot be read: {e}"), "name a file with [alerts.<id>] tables"),
        }
        make(root, settings, report);
    })
}

/// The same of a text, without other rules.
///
/// # Errors
/// As [`load_varied`].
pub fn with(name: &str, text: &str, settings: &[Setting]) -> Result<Config, Report> {
    let mut report = Report::default();
    report.files.add(name, text.to_owned());
    build_with(report, |root, report| make(root, settings, report))
}

fn make(root: &mut Node, settings: &[Setting], report: &mut Report) {
    for Setting { key, value } in settings {
        if let Err(missing) = set(root, key, value) {
            let known = known(root, &key[..missing]);
            report.add(root.span.clone(), format!("there is no {:?} in `{}`", key[missing], key[..missing].join(".")), known);
        }
    }
}

fn replace(root: &mut Node, tree: Node) {
    let (Value::Table(root), Value::Table(tree)) = (&mut root.value, tree.value) else { return };
    for (section, (span, node)) in tree.into_iter().filter(|(section, _)| section != "tests") {
        match (root.get_mut(&section), node) {
            (Some((_, Node { value: Value::Table(known), .. })), Node { value: Value::Table(table), .. }) if section != "alerts" => {
                known.extend(table);
            }
            (_, node) => drop(root.insert(section, (span, node))),
        }
    }
}

/// Sets a key; gives the part of it that is not there when it leads nowhere. The last part may be new.
fn set(root: &mut Node, key: &[String], value: &str) -> Result<(), usize> {
    let Some((last, path)) = key.split_last() else { return Ok(()) };
    let mut node = root;
    for (at, part) in path.iter().enumerate() {
        node = match &mut node.value {
            Value::Table(table) => table.get_mut(part).map(|(_, node)| node).ok_or(at)?,
            _ => return Err(at),
        };
    }
    let span = node.span.clone();
    let Value::Table(table) = &mut node.value else { return Err(path.len()) };
    table.insert(last.clone(), (span.clone(), Node { span, value: read(value) }));
    Ok(())
}

fn read(text: &str) -> Value {
    let integer = i128::from_str(text).map(Value::Integer).ok();
    let number = || f64::from_str(text).ok().filter(|number| number.is_finite()).map(Value::Float);
    integer.or_else(number).unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn known(root: &Node, path: &[String]) -> Option<String> {
    let node = path.iter().try_fold(root, |node, part| node.get(part))?;
    let Value::Table(table) = &node.value else { return None };
    let names: Vec<&str> = Table::keys(table).map(String::as_str).collect();
    Some(format!("known: {}", names.join(", ")))
}
