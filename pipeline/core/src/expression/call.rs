//! Calls of functions: how many arguments, of which types, and what becomes of them.

use std::ops::Range;

use super::check::{Check, Typed, of_series};
use super::fault::{Fault, Result, suggest};
use super::function::{FUNCTIONS, Function, Meaning};
use super::leaf::{Leaf, OfRow, OfSeries, Text};
use super::node::{Binary, Node, number};
use super::scope::Type;
use super::syntax::{Kind, Syntax};
use crate::window::Zone;

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
    let (least, most, found) = (function.meaning.takes().len(), function.meaning.most(), arguments.len());
    if found < least || most.is_some_and(|most| found > most) {
        let number = match most {
            Some(1) => "1 argument".to_owned(),
            Some(most) if most == least => format!("{most} arguments"),
            Some(most) => format!("{least} or {most} arguments"),
            None => format!("at least {least} arguments"),
        };
        return Err(Fault::new(&call.at, format!("`{name}` takes {number}, not {found}"), format!("write {}", function.signature)));
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
        Meaning::Time(part) => of_time(check, &arguments[0], OfRow::Time(part))?,
        Meaning::Clock(part) => {
            let zone = arguments.get(1).map(|zone| zone_of(check, zone)).transpose()?;
            of_time(check, &arguments[0], zone.map_or(OfRow::Time(part), |zone| OfRow::Clock(part, zone)))?
        }
    })
}

fn of_time(check: &Check<'_>, time: &Syntax, part: OfRow) -> Result<Typed> {
    match check.typed(time)? {
        Typed::Time => Ok(Typed::Number(Node::Leaf(Leaf::OfRow(part)))),
        other => Err(check.unexpected(time, Type::Time, &other)),
    }
}

fn zone_of(check: &Check<'_>, zone: &Syntax) -> Result<Zone> {
    let Text::Literal(name) = check.words(zone)? else {
        return Err(Fault::new(&zone.at, "a time zone must be fixed", "write it in quotes, for example \"Europe/Berlin\""));
    };
    Zone::named(&name).map_err(|_| {
        let help = match Zone::near(&name) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "write for example \"Europe/Berlin\" or \"UTC\"".to_owned(),
        };
        Fault::new(&zone.at, format!("there is no time zone {name:?}"), help)
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
