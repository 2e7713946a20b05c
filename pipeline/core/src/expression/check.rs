//! Form to typed tree: every name has a meaning, every part the type that its place asks for.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::call;
use super::fault::{Fault, Result, suggest};
use super::leaf::{Leaf, OfRow, OfSeries, Text};
use super::node::{Binary, Node, number};
use super::scope::{Scope, Type};
use super::syntax::{Kind, Operator, Syntax};

/// The memory that one pattern may take when it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A tree whose leaves may still be of series and rows.
pub(super) type Tree = Node<Leaf>;

/// A part with its type.
pub(super) enum Typed {
    Boolean(Tree),
    Number(Tree),
    Text(Text),
    Time,
}

impl Typed {
    pub fn of(&self) -> Type {
        match self {
            Self::Boolean(_) => Type::Boolean,
            Self::Number(_) => Type::Number,
            Self::Text(_) => Type::Text,
            Self::Time => Type::Time,
        }
    }
}

/// The check of one text.
pub(super) struct Check<'a> {
    pub text: &'a str,
    pub scope: &'a Scope,
}

impl Check<'_> {
    /// The type and the tree of a part.
    pub fn typed(&self, syntax: &Syntax) -> Result<Typed> {
        let trees = |parts: &[Syntax]| parts.iter().map(|part| self.boolean(part)).collect::<Result<Box<[Tree]>>>();
        Ok(match &syntax.kind {
            Kind::Number(number) => Typed::Number(Node::Literal(*number)),
            Kind::Boolean(value) => Typed::Boolean(Node::Literal(number(*value))),
            Kind::Text(text) => Typed::Text(Text::Literal(text.clone())),
            Kind::Label(name) => Typed::Text(Text::Label(name.clone())),
            Kind::Name(name) => self.name(name, &syntax.at)?,
            Kind::Call(name, at, arguments) => return call::typed(self, syntax, name, at, arguments),
            Kind::Negative(of) => Typed::Number(Node::Unary(|number| -number, Box::new(self.number(of)?))),
            Kind::Not(of) => Typed::Boolean(not(self.boolean(of)?)),
            Kind::All(parts) => Typed::Boolean(Node::All(trees(parts)?)),
            Kind::Any(parts) => Typed::Boolean(Node::Any(trees(parts)?)),
            Kind::In(of, list) => Typed::Boolean(self.among(of, list)?),
            Kind::Binary(operator, sides) => self.binary(*operator, sides)?,
        })
    }

    pub fn boolean(&self, syntax: &Syntax) -> Result<Tree> {
        match self.typed(syntax)? {
            Typed::Boolean(tree) => Ok(tree),
            other => Err(self.unexpected(syntax, Type::Boolean, &other)),
        }
    }

    pub fn number(&self, syntax: &Syntax) -> Result<Tree> {
        match self.typed(syntax)? {
            Typed::Number(tree) => Ok(tree),
            other => Err(self.unexpected(syntax, Type::Number, &other)),
        }
    }

    pub fn words(&self, syntax: &Syntax) -> Result<Text> {
        match self.typed(syntax)? {
            Typed::Text(text) => Ok(text),
            other => Err(self.unexpected(syntax, Type::Text, &other)),
        }
    }

    /// The fault of a part that has another type than its place asks for.
    pub fn unexpected(&self, syntax: &Syntax, expected: Type, found: &Typed) -> Fault {
        let part = &self.text[syntax.at.clone()];
        let part = if part.len() <= 40 { part } else { ".." };
        let help = match (expected, found) {
            (Type::Boolean, Typed::Number(_)) => format!("compare it, for example {part} > 0"),
            (Type::Boolean, Typed::Text(_)) => format!("compare it, for example {part} == \"text\""),
            (Type::Number, Typed::Text(Text::Literal(text))) if text.parse::<f64>().is_ok() => "remove the quotes".to_owned(),
            (Type::Number, Typed::Text(_)) => format!("if a number is written in it, write number({part})"),
            (Type::Number, Typed::Boolean(_)) => format!("turn it into a number: if({part}, 1, 0)"),
            (Type::Text, Typed::Number(_)) if matches!(syntax.kind, Kind::Number(_)) => "put it in quotes".to_owned(),
            (_, Typed::Time) => "take a part of it: hour(time), weekday(time) or unix(time)".to_owned(),
            (Type::Time, _) => "the only time is `time`".to_owned(),
            _ => format!("put {} here", expected.words()),
        };
        Fault::new(&syntax.at, format!("expected {}, found {}", expected.words(), found.of().words()), help)
    }

    fn name(&self, name: &str, at: &Range<usize>) -> Result<Typed> {
        if let Some(number) = self.scope.number(name) {
            return Ok(Typed::Number(Node::Leaf(Leaf::OfRow(OfRow::Number(number)))));
        }
        Ok(match name {
            "metric" => Typed::Text(Text::Metric),
            "unit" => Typed::Text(Text::Unit),
            "source" => Typed::Text(Text::Source),
            "time" => Typed::Time,
            _ => {
                let help = match call::function(name) {
                    Some(function) => format!("it is a function: {}", function.signature),
                    None => {
                        let nearest = suggest(name, self.scope.names(), "names");
                        if nearest.starts_with("known") { format!("{nearest}; a label is labels.{name}") } else { nearest }
                    }
                };
                return Err(Fault::new(at, format!("there is no `{name}` here"), help));
            }
        })
    }

    fn among(&self, of: &Syntax, list: &[Syntax]) -> Result<Tree> {
        match self.typed(of)? {
            Typed::Number(tree) => {
                let fixed = |item: &Syntax| match self.number(item)?.settled(&|_| None) {
                    Some(number) => Ok(number),
                    None => Err(Fault::new(&item.at, "a list holds fixed numbers", "compare with `==`, joined by `or`")),
                };
                let list: Result<Box<[f64]>> = list.iter().map(fixed).collect();
                Ok(Node::Among(Box::new(tree), list?))
            }
            Typed::Text(text) => {
                let fixed = |item: &Syntax| match self.words(item)? {
                    Text::Literal(text) => Ok(text),
                    _ => Err(Fault::new(&item.at, "a list holds fixed texts", "compare with `==`, joined by `or`")),
                };
                let list: Result<Vec<String>> = list.iter().map(fixed).collect();
                Ok(of_series(OfSeries::Among(text, list?)))
            }
            other => Err(Fault::new(&of.at, format!("{} is in no list", other.of().words()), "`in` takes a number or a text before it")),
        }
    }

    fn binary(&self, operator: Operator, sides: &[Syntax; 2]) -> Result<Typed> {
        let [left, right] = sides;
        let arithmetic = match operator {
            Operator::Add => Binary::Add,
            Operator::Subtract => Binary::Subtract,
            Operator::Multiply => Binary::Multiply,
            Operator::Divide => Binary::Divide,
            Operator::Remainder => Binary::Remainder,
            Operator::Matches => return Ok(Typed::Boolean(self.matches(left, right)?)),
            Operator::MatchesNot => return Ok(Typed::Boolean(not(self.matches(left, right)?))),
            _ => return self.comparison(operator, sides).map(Typed::Boolean),
        };
        Ok(Typed::Number(Node::Binary(arithmetic, Box::new([self.number(left)?, self.number(right)?]))))
    }

    fn comparison(&self, operator: Operator, [left, right]: &[Syntax; 2]) -> Result<Tree> {
        let (a, b) = (self.typed(left)?, self.typed(right)?);
        let symbol = operator.symbol();
        let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        match (a, b) {
            (Typed::Number(a), Typed::Number(b)) => {
                let comparison = match operator {
                    Operator::Equal => Binary::Equal,
                    Operator::NotEqual => Binary::NotEqual,
                    Operator::Less => Binary::Less,
                    Operator::AtMost => Binary::AtMost,
                    Operator::Greater => Binary::Greater,
                    _ => Binary::AtLeast,
                };
                Ok(Node::Binary(comparison, Box::new([a, b])))
            }
            (Typed::Text(a), Typed::Text(b)) => match operator {
                Operator::Equal => Ok(of_series(OfSeries::Same(a, b))),
                Operator::NotEqual => Ok(not(of_series(OfSeries::Same(a, b)))),
                _ => {
                    let help = "compare texts with `==` or `!=`, or the numbers written in them: number(..)";
                    Err(Fault::new(&(left.at.start..right.at.end), format!("texts have no order, so `{symbol}` means nothing"), help))
                }
            },
            (Typed::Boolean(a), Typed::Boolean(b)) => match operator {
                Operator::Equal => Ok(Node::Binary(Binary::Equal, Box::new([a, b]))),
                Operator::NotEqual => Ok(Node::Binary(Binary::NotEqual, Box::new([a, b]))),
                _ => {
                    let message = format!("true and false have no order, so `{symbol}` means nothing");
                    Err(Fault::new(&(left.at.start..right.at.end), message, "join conditions with `and` or `or`"))
                }
            },
            (Typed::Time, other) => Err(self.unexpected(left, other.of(), &Typed::Time)),
            (other, Typed::Time) => Err(self.unexpected(right, other.of(), &Typed::Time)),
            // Whoever asks for more or less means the number that is written in the text.
            (a @ Typed::Text(_), Typed::Number(_)) if !is_equality || !matches!(right.kind, Kind::Number(_)) => {
                Err(self.unexpected(left, Type::Number, &a))
            }
            (a, b) => Err(self.unexpected(right, a.of(), &b)),
        }
    }

    /// Whether the pattern, which is fixed, occurs in a text.
    pub fn matches(&self, text: &Syntax, pattern: &Syntax) -> Result<Tree> {
        let text = self.words(text)?;
        let Text::Literal(of) = self.words(pattern)? else {
            return Err(Fault::new(&pattern.at, "a pattern must be fixed", "write it in quotes, for example '^web-\\d+$'"));
        };
        let compiled: std::result::Result<Regex, _> = RegexBuilder::new(&of).size_limit(PATTERN_BYTES_MAX).build();
        let wrong = |e: regex::Error| {
            let message = match &e {
                regex::Error::CompiledTooBig(_) => "this pattern needs too much memory".to_owned(),
                // The last line says what is wrong; those before draw it.
                e => {
                    let text = e.to_string();
                    let last = text.lines().last().unwrap_or_default();
                    format!("this is not a pattern: {}", last.trim_start_matches("error: "))
                }
            };
            Fault::new(&pattern.at, message, "patterns are those of https://docs.rs/regex/latest/regex/#syntax")
        };
        Ok(of_series(OfSeries::Matches(text, compiled.map_err(wrong)?)))
    }
}

pub(super) fn of_series(leaf: OfSeries) -> Tree {
    Node::Leaf(Leaf::OfSeries(leaf))
}

fn not(of: Tree) -> Tree {
    Node::Unary(|holds| 1.0 - holds, Box::new(of))
}
