//! The form of an expression, before anybody asks what it means.

use std::ops::Range;

/// One part of an expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Syntax {
    pub kind: Kind,
    pub at: Range<usize>,
    /// How many levels it has; a leaf has one.
    pub depth: usize,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    Text(String),
    Boolean(bool),
    Name(String),
    /// `labels.name` or `labels["name"]`.
    Label(String),
    /// `name(..)`, and where the name stands.
    Call(String, Range<usize>, Vec<Syntax>),
    Negative(Box<Syntax>),
    Not(Box<Syntax>),
    /// All of two or more.
    All(Vec<Syntax>),
    /// Any of two or more.
    Any(Vec<Syntax>),
    Binary(Operator, Box<[Syntax; 2]>),
    /// `a in [..]`.
    In(Box<Syntax>, Vec<Syntax>),
}

/// Operators with two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Matches,
    MatchesNot,
}

impl Operator {
    /// All that compare, of which no two stand side by side.
    pub const COMPARING: [Self; 8] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::AtMost, Self::Greater, Self::AtLeast, Self::Matches, Self::MatchesNot];
    /// Those of sums.
    pub const ADDING: [Self; 2] = [Self::Add, Self::Subtract];
    /// Those of products.
    pub const MULTIPLYING: [Self; 3] = [Self::Multiply, Self::Divide, Self::Remainder];

    /// How it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
        }
    }
}
