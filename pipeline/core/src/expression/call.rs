//! Calls of functions: how many arguments, of which types, and what becomes of them.

use std::ops::Range;

use super::check::{Check, Typed, of_series};
use super::fault::{Fault, Result, suggest};
use super::function::{FUNCTIONS, Function, Meaning};
use super::leaf::{Leaf, OfRow, OfSeries, Text};
use super::node::{Binary, Node, number};
use super::scope::Type;
use super::syntax::{Kind, Syntax};

/// The function of a name.
pub(super) fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// The type and the tree of a call.
pub(super) fn typed(check: &Check<'_>, call: &Syntax, name: &str, at: &Range<usize>, arguments: &[Syntax]) -> Result<Typed> {
    let Some(function) = function(name) else {
        let help = match name {
            "count" | "sum" | "avg" | "mean" | "rate" => {
                "expressions see one value at a time; aggregates are settings of the operator".to_owned()
            }
            _ => suggest(name, FUNCTIONS.iter().map(|function| function.name), "functions"),
        };
        return Err(Fault::new(at, format!("there is no function `{name}`"), help));
    };
    let takes = function.meaning.takes();
    let further = matches!(function.meaning, Meaning::Fold(_));
    if arguments.len() < takes.len() || (arguments.len() > takes.len() && !further) {
        let (least, found) = (takes.len(), arguments.len());
        let least = format!("{}{least} argument{}", if further { "at least " } else { "" }, if least == 1 { "" } else { "s" });
        return Err(Fault::new(&call.at, format!("`{name}` takes {least}, not {found}"), format!("write {}", function.signature)));
    }
    let numbers = || arguments.iter().map(|argument| check.number(argument));
    Ok(match function.meaning {
        Meaning::Number(of) => Typed::Number(Node::Unary(of, Box::new(check.number(&arguments[0])?))),
        Meaning::Finite => Typed::Boolean(Node::Unary(|of| number(of.is_finite()), Box::new(check.number(&arguments[0])?))),
        Meaning::Fold(binary) => {
            // A balanced tree: a long list is no deeper than its logarithm.
            let trees: Result<Vec<_>> = numbers().collect();
            Typed::Number(balanced(binary, trees?))
        }
        Meaning::Clamp => {
            let [of, low, high] = [check.number(&arguments[0])?, check.number(&arguments[1])?, check.number(&arguments[2])?];
            if let (Some(low), Some(high)) = (low.settled(&|_| None), high.settled(&|_| None))
                && low > high
            {
                let place = arguments[1].at.start..arguments[2].at.end;
                return Err(Fault::new(&place, "the lower bound is above the upper one", "swap them"));
            }
            let capped = Node::Binary(Binary::Least, Box::new([of, high]));
            Typed::Number(Node::Binary(Binary::Greatest, Box::new([capped, low])))
        }
        Meaning::If => choice(check, arguments)?,
        Meaning::Test(test) => Typed::Boolean(of_series(OfSeries::Test(test, check.words(&arguments[0])?, check.words(&arguments[1])?))),
        Meaning::Matches => Typed::Boolean(check.matches(&arguments[0], &arguments[1])?),
        Meaning::Has => match &arguments[0].kind {
            Kind::Label(name) => Typed::Boolean(of_series(OfSeries::Has(name.clone()))),
            _ => return Err(Fault::new(&arguments[0].at, "`has` asks for a label", "write for example has(labels.host)")),
        },
        Meaning::Parse => Typed::Number(of_series(OfSeries::Parsed(check.words(&arguments[0])?))),
        Meaning::Lower => Typed::Text(Text::Lower(Box::new(check.words(&arguments[0])?))),
        Meaning::Time(part) => match check.typed(&arguments[0])? {
            Typed::Time => Typed::Number(Node::Leaf(Leaf::OfRow(OfRow::Time(part)))),
            other => return Err(check.unexpected(&arguments[0], Type::Time, &other)),
        },
    })
}

fn balanced(binary: Binary, mut trees: Vec<Node<Leaf>>) -> Node<Leaf> {
    while trees.len() > 1 {
        let mut pairs = trees.into_iter();
        let mut joined = Vec::new();
        while let Some(first) = pairs.next() {
            joined.push(match pairs.next() {
                Some(second) => Node::Binary(binary, Box::new([first, second])),
                None => first,
            });
        }
        trees = joined;
    }
    // The arguments have been counted; of none at all it is no number.
    trees.pop().unwrap_or(Node::Literal(f64::NAN))
}

fn choice(check: &Check<'_>, arguments: &[Syntax]) -> Result<Typed> {
    let condition = check.boolean(&arguments[0])?;
    match (check.typed(&arguments[1])?, check.typed(&arguments[2])?) {
        (Typed::Number(a), Typed::Number(b)) => Ok(Typed::Number(Node::If(Box::new([condition, a, b])))),
        (Typed::Boolean(a), Typed::Boolean(b)) => Ok(Typed::Boolean(Node::If(Box::new([condition, a, b])))),
        (a @ (Typed::Text(_) | Typed::Time), _) => Err(check.unexpected(&arguments[1], Type::Number, &a)),
        (a, b) => Err(check.unexpected(&arguments[2], a.of(), &b)),
    }
}
