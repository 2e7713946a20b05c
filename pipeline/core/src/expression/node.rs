//! Typed trees that are evaluated. Booleans are 1 and 0: the check has made sure that nothing else takes their place.

/// How many levels evaluation may recurse is bounded by the parser.
#[derive(Clone, Debug)]
pub(super) enum Node<L> {
    Literal(f64),
    Leaf(L),
    Unary(fn(f64) -> f64, Box<Self>),
    Binary(Binary, Box<[Self; 2]>),
    /// Whether all hold.
    All(Box<[Self]>),
    /// Whether any holds.
    Any(Box<[Self]>),
    /// Condition, then, otherwise.
    If(Box<[Self; 3]>),
    /// Whether it is one of these.
    Among(Box<Self>, Box<[f64]>),
}

/// What takes two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
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
    Least,
    Greatest,
}

impl Binary {
    #[inline]
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Remainder => a % b,
            Self::Equal => number(a == b),
            Self::NotEqual => number(a != b),
            Self::Less => number(a < b),
            Self::AtMost => number(a <= b),
            Self::Greater => number(a > b),
            Self::AtLeast => number(a >= b),
            // Not f64::min, which may give either of 0 and -0 and hides what is no number.
            Self::Least if a.is_nan() || b < a => {
                if a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Self::Least => {
                if b.is_nan() {
                    b
                } else {
                    a
                }
            }
            Self::Greatest if a.is_nan() || b > a => {
                if a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Self::Greatest => {
                if b.is_nan() {
                    b
                } else {
                    a
                }
            }
        }
    }
}

/// A boolean as it is kept.
pub(super) fn number(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// Whether a boolean as it is kept is true.
#[inline]
pub(super) fn holds(number: f64) -> bool {
    number != 0.0
}

impl<L> Node<L> {
    /// The value, where `leaf` gives that of each leaf.
    pub fn value(&self, leaf: &impl Fn(&L) -> f64) -> f64 {
        match self {
            Self::Literal(number) => *number,
            Self::Leaf(of) => leaf(of),
            Self::Unary(function, of) => function(of.value(leaf)),
            Self::Binary(binary, sides) => binary.of(sides[0].value(leaf), sides[1].value(leaf)),
            Self::All(parts) => number(parts.iter().all(|part| holds(part.value(leaf)))),
            Self::Any(parts) => number(parts.iter().any(|part| holds(part.value(leaf)))),
            Self::If(parts) => parts[if holds(parts[0].value(leaf)) { 1 } else { 2 }].value(leaf),
            Self::Among(of, list) => {
                let value = of.value(leaf);
                number(list.contains(&value))
            }
        }
    }

    /// The value, if the leaves that are known (by Kleene's logic of three values) decide it.
    pub fn settled(&self, leaf: &impl Fn(&L) -> Option<f64>) -> Option<f64> {
        let joined = |parts: &[Self], deciding: bool| {
            let mut open = false;
            for part in parts {
                match part.settled(leaf) {
                    Some(value) if holds(value) == deciding => return Some(number(deciding)),
                    value => open |= value.is_none(),
                }
            }
            (!open).then_some(number(!deciding))
        };
        match self {
            Self::Literal(number) => Some(*number),
            Self::Leaf(of) => leaf(of),
            Self::Unary(function, of) => of.settled(leaf).map(function),
            Self::Binary(binary, sides) => Some(binary.of(sides[0].settled(leaf)?, sides[1].settled(leaf)?)),
            Self::All(parts) => joined(parts, false),
            Self::Any(parts) => joined(parts, true),
            Self::If(parts) => parts[if holds(parts[0].settled(leaf)?) { 1 } else { 2 }].settled(leaf),
            Self::Among(of, list) => of.settled(leaf).map(|value| number(list.contains(&value))),
        }
    }

    /// The same tree with other leaves; `None` when some leaf has no counterpart.
    pub fn with<M>(&self, leaf: &impl Fn(&L) -> Option<M>) -> Option<Node<M>> {
        let boxed = |of: &Self| of.with(leaf).map(Box::new);
        let all = |parts: &[Self]| parts.iter().map(|part| part.with(leaf)).collect::<Option<Box<[Node<M>]>>>();
        Some(match self {
            Self::Literal(number) => Node::Literal(*number),
            Self::Leaf(of) => Node::Leaf(leaf(of)?),
            Self::Unary(function, of) => Node::Unary(*function, boxed(of)?),
            Self::Binary(binary, sides) => Node::Binary(*binary, Box::new([sides[0].with(leaf)?, sides[1].with(leaf)?])),
            Self::All(parts) => Node::All(all(parts)?),
            Self::Any(parts) => Node::Any(all(parts)?),
            Self::If(parts) => Node::If(Box::new([parts[0].with(leaf)?, parts[1].with(leaf)?, parts[2].with(leaf)?])),
            Self::Among(of, list) => Node::Among(boxed(of)?, list.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_and_the_greatest_do_not_hide_what_is_no_number() {
        for (binary, a, b, expected) in [
            (Binary::Least, 1.0, 2.0, 1.0),
            (Binary::Least, 2.0, 1.0, 1.0),
            (Binary::Greatest, 1.0, 2.0, 2.0),
            (Binary::Greatest, 2.0, 1.0, 2.0),
        ] {
            assert_eq!(binary.of(a, b), expected);
            assert!(binary.of(f64::NAN, b).is_nan() && binary.of(a, f64::NAN).is_nan());
        }
        // Of equal ones it is the first, on every machine.
        assert!(Binary::Least.of(0.0, -0.0).is_sign_positive() && Binary::Greatest.of(-0.0, 0.0).is_sign_negative());
    }

    #[test]
    fn one_known_part_may_settle_the_whole() {
        let (yes, no, open) = (Node::Leaf(Some(1.0)), Node::Leaf(Some(0.0)), Node::Leaf(None));
        let check = |node: Node<Option<f64>>, expected| assert_eq!(node.settled(&|leaf| *leaf), expected, "{node:?}");
        check(Node::All(Box::new([open.clone(), no.clone()])), Some(0.0));
        check(Node::All(Box::new([open.clone(), yes.clone()])), None);
        check(Node::Any(Box::new([open.clone(), yes.clone()])), Some(1.0));
        check(Node::Any(Box::new([open.clone(), no.clone()])), None);
        check(Node::If(Box::new([yes.clone(), no.clone(), open.clone()])), Some(0.0));
        check(Node::If(Box::new([no, yes, open])), None);
    }
}
