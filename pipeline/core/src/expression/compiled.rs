//! An expression that is ready: what it needs of a series is computed once for each, what it needs of a row for each row.

use std::sync::Arc;

use super::check::{Check, Tree, Typed};
use super::fault::Result;
use super::leaf::{Leaf, OfRow, OfSeries};
use super::node::{Node, holds};
use super::parse::parse;
use super::scope::{Row, Scope, Subject, Type};

/// A typed expression. Evaluating it cannot fail, allocates nothing for a row, and depends on its arguments alone.
///
/// It has two halves. [`Self::know`] computes once for a series what depends on the series alone; with that,
/// [`Self::settled`] may already know the result, and [`Self::number`] or [`Self::holds`] give it for a row.
#[derive(Clone, Debug)]
pub struct Expression {
    text: Arc<str>,
    scope: Scope,
    gives: Type,
    halves: Arc<Halves>,
}

#[derive(Debug)]
struct Halves {
    known: Vec<Node<OfSeries>>,
    row: Node<OfRow>,
}

/// Of one text in one scope there is only one.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.scope) == (&other.text, &other.scope)
    }
}

impl Expression {
    /// Compiles a text that gives a number or a boolean.
    ///
    /// # Errors
    /// What is wrong with it first, and where.
    pub fn compile(text: &str, scope: &Scope) -> Result<Self> {
        let check = Check { text, scope };
        let syntax = parse(text)?;
        let (gives, tree) = match check.typed(&syntax)? {
            Typed::Boolean(tree) => (Type::Boolean, tree),
            Typed::Number(tree) => (Type::Number, tree),
            other => return Err(check.unexpected(&syntax, Type::Number, &other)),
        };
        Ok(Self::of(text, scope, gives, tree))
    }

    /// Compiles a condition.
    ///
    /// # Errors
    /// As [`Self::compile`], also when the text gives something else.
    pub fn compile_bool(text: &str, scope: &Scope) -> Result<Self> {
        let tree = Check { text, scope }.boolean(&parse(text)?)?;
        Ok(Self::of(text, scope, Type::Boolean, tree))
    }

    /// Compiles a formula.
    ///
    /// # Errors
    /// As [`Self::compile`], also when the text gives something else.
    pub fn compile_number(text: &str, scope: &Scope) -> Result<Self> {
        let tree = Check { text, scope }.number(&parse(text)?)?;
        Ok(Self::of(text, scope, Type::Number, tree))
    }

    fn of(text: &str, scope: &Scope, gives: Type, tree: Tree) -> Self {
        let mut known = Vec::new();
        let row = split(&tree, &mut known);
        Self { text: text.into(), scope: scope.clone(), gives, halves: Arc::new(Halves { known, row }) }
    }

    /// The text it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it gives: a number or a boolean.
    pub fn gives(&self) -> Type {
        self.gives
    }

    /// Whether the result depends on the rules of a time zone.
    pub fn asks_zones(&self) -> bool {
        let others = |leaf: &OfRow| (!matches!(leaf, OfRow::Clock(..))).then_some(());
        self.halves.row.with(&others).is_none()
    }

    /// How many numbers [`Self::know`] finds.
    pub fn parts(&self) -> usize {
        self.halves.known.len()
    }

    /// Adds to `known` what depends on the series alone.
    pub fn know(&self, subject: &Subject<'_>, known: &mut Vec<f64>) {
        known.extend(self.halves.known.iter().map(|node| node.value(&|leaf: &OfSeries| leaf.value(subject))));
    }

    /// The result, if it is the same for all rows of the series; a boolean as 1 or 0.
    pub fn settled(&self, known: &[f64]) -> Option<f64> {
        let of_series = |leaf: &OfRow| match leaf {
            OfRow::Known(i) => known.get(*i).copied(),
            OfRow::Number(_) | OfRow::Time(_) | OfRow::Clock(..) => None,
        };
        self.halves.row.settled(&of_series)
    }

    /// The number for one row; a boolean as 1 or 0. It may be infinite or [`f64::NAN`].
    #[inline]
    pub fn number(&self, known: &[f64], row: &Row<'_>) -> f64 {
        self.halves.row.value(&|leaf: &OfRow| leaf.value(known, row))
    }

    /// Whether the condition holds for one row.
    #[inline]
    pub fn holds(&self, known: &[f64], row: &Row<'_>) -> bool {
        holds(self.number(known, row))
    }

    /// Both halves at once, for a single value.
    pub fn evaluate(&self, subject: &Subject<'_>, row: &Row<'_>) -> f64 {
        let mut known = Vec::with_capacity(self.parts());
        self.know(subject, &mut known);
        self.number(&known, row)
    }
}

/// Parts a tree: what depends on series alone goes to `known`, in the greatest pieces that can be found.
fn split(tree: &Tree, known: &mut Vec<Node<OfSeries>>) -> Node<OfRow> {
    if let Some(number) = tree.settled(&|_| None) {
        return Node::Literal(number);
    }
    let of_series = |leaf: &Leaf| match leaf {
        Leaf::OfSeries(leaf) => Some(leaf.clone()),
        Leaf::OfRow(_) => None,
    };
    if let Some(node) = tree.with(&of_series) {
        known.push(node);
        return Node::Leaf(OfRow::Known(known.len() - 1));
    }
    match tree {
        Node::Literal(number) => Node::Literal(*number),
        Node::Leaf(Leaf::OfRow(leaf)) => Node::Leaf(leaf.clone()),
        // A leaf of a series is a piece, and was taken above.
        Node::Leaf(Leaf::OfSeries(leaf)) => {
            known.push(Node::Leaf(leaf.clone()));
            Node::Leaf(OfRow::Known(known.len() - 1))
        }
        Node::Unary(function, of) => Node::Unary(*function, Box::new(split(of, known))),
        Node::Binary(binary, sides) => Node::Binary(*binary, Box::new([split(&sides[0], known), split(&sides[1], known)])),
        Node::All(parts) => Node::All(split_joined(parts, Node::All, known)),
        Node::Any(parts) => Node::Any(split_joined(parts, Node::Any, known)),
        Node::If(parts) => Node::If(Box::new([split(&parts[0], known), split(&parts[1], known), split(&parts[2], known)])),
        Node::Among(of, list) => Node::Among(Box::new(split(of, known)), list.clone()),
    }
}

/// Of what is joined, all parts of the series become one piece. It comes first: a look at it costs least.
fn split_joined(parts: &[Tree], join: fn(Box<[Tree]>) -> Tree, known: &mut Vec<Node<OfSeries>>) -> Box<[Node<OfRow>]> {
    let is_of_series = |part: &&Tree| part.with(&|leaf: &Leaf| matches!(leaf, Leaf::OfSeries(_)).then_some(())).is_some();
    let (series, rows): (Vec<&Tree>, Vec<&Tree>) = parts.iter().partition(is_of_series);
    let piece = (!series.is_empty()).then(|| split(&join(series.into_iter().cloned().collect()), known));
    let rows: Vec<Node<OfRow>> = rows.into_iter().map(|part| split(part, known)).collect();
    piece.into_iter().chain(rows).collect()
}
