//! Tokens to form. From the weakest to the strongest: `or`, `and`, `not`, comparisons, `+ -`, `* / %`, `-` and `!`.

use std::ops::Range;

use super::fault::{Fault, Result};
use super::syntax::{Kind, Operator, Syntax};
use super::token::{Placed, Token, tokens};

/// The most bytes of an expression.
pub const BYTES_MAX: usize = 4_096;
/// The most levels of an expression: what walks it may recurse.
pub const DEPTH_MAX: usize = 64;

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Syntax> {
    if text.len() > BYTES_MAX {
        let end = (0..=BYTES_MAX).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let message = format!("an expression has at most {BYTES_MAX} bytes, this one has {}", text.len());
        return Err(Fault::new(&(end..text.len()), message, "split it over several operators, or shorten a list by a pattern"));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    if parser.tokens.len() == 1 {
        return Err(Fault::new(&(0..text.len()), "the expression is empty", "write for example value > 0, or remove the key"));
    }
    let syntax = parser.any()?;
    match parser.peek() {
        Token::End => Ok(syntax),
        _ => Err(parser.unexpected("an operator")),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        // The last token is the end, and it is never taken.
        &self.tokens[self.next].token
    }

    fn at(&self) -> Range<usize> {
        self.tokens[self.next].at.clone()
    }

    fn take(&mut self) -> Placed {
        let placed = self.tokens[self.next].clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        placed
    }

    /// Takes a symbol or a word if it comes next.
    fn takes(&mut self, written: &str) -> bool {
        let found = match self.peek() {
            Token::Symbol(symbol) => *symbol == written,
            Token::Word(word) => word == written,
            _ => false,
        };
        if found {
            self.take();
        }
        found
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let at = self.at();
        match self.peek() {
            Token::End => Fault::new(&at, format!("{expected} is missing at the end"), "complete the expression"),
            Token::Symbol(symbol) => {
                Fault::new(&at, format!("expected {expected}, found `{symbol}`"), "remove it, or add what is missing before it")
            }
            Token::Word(word) if word == "is" => Fault::new(&at, "there is no operator `is`", "write `==`"),
            Token::Word(word) => Fault::new(&at, format!("expected {expected}, found `{word}`"), "join two conditions with `and` or `or`"),
            Token::Text(_) => {
                Fault::new(&at, format!("expected {expected}, found a text"), "compare with `==`, or match a pattern with `=~`")
            }
            Token::Number(_) => Fault::new(&at, format!("expected {expected}, found a number"), "put an operator such as `>` before it"),
        }
    }

    fn close(&mut self, closing: &'static str, opened: &Range<usize>) -> Result<usize> {
        let end = self.at().end;
        if self.takes(closing) {
            return Ok(end);
        }
        match self.peek() {
            Token::End => Err(Fault::new(opened, "this bracket is not closed", format!("close it with `{closing}`"))),
            _ => Err(self.unexpected(&format!("`{closing}`"))),
        }
    }

    /// One level down; brackets and signs that never end must not overflow the stack.
    fn deeper(&mut self, inside: impl FnOnce(&mut Self) -> Result<Syntax>) -> Result<Syntax> {
        if self.depth == DEPTH_MAX {
            return Err(too_deep(&self.at()));
        }
        self.depth += 1;
        let syntax = inside(self);
        self.depth -= 1;
        syntax
    }

    fn any(&mut self) -> Result<Syntax> {
        self.deeper(|parser| parser.joined(["or", "||"], Self::all, Kind::Any))
    }

    fn all(&mut self) -> Result<Syntax> {
        self.joined(["and", "&&"], Self::not, Kind::All)
    }

    fn joined(&mut self, by: [&str; 2], part: fn(&mut Self) -> Result<Syntax>, kind: fn(Vec<Syntax>) -> Kind) -> Result<Syntax> {
        let first = part(self)?;
        let mut parts = vec![first];
        while by.iter().any(|word| self.takes(word)) {
            parts.push(part(self)?);
        }
        match (parts.pop(), parts.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                parts.extend(last);
                let at = parts[0].at.start..parts[parts.len() - 1].at.end;
                let depth = parts.iter().map(|part| part.depth).max().unwrap_or(0);
                node(kind(parts), at, depth)
            }
        }
    }

    fn not(&mut self) -> Result<Syntax> {
        let start = self.at().start;
        if !self.takes("not") {
            return self.comparison();
        }
        let of = self.deeper(Self::not)?;
        let (at, depth) = (start..of.at.end, of.depth);
        node(Kind::Not(Box::new(of)), at, depth)
    }

    fn comparison(&mut self) -> Result<Syntax> {
        let left = self.sum()?;
        let start = left.at.start;
        let syntax = if let Some(operator) = self.one_of(&Operator::COMPARING) {
            let right = self.sum()?;
            binary(operator, left, right)?
        } else {
            let not = matches!(self.peek(), Token::Word(word) if word == "not");
            let follows = self.tokens.get(self.next + 1).map(|placed| &placed.token);
            if not && matches!(follows, Some(Token::Word(word)) if word == "in") {
                self.take();
                self.take();
                let list = self.list(left)?;
                let (at, depth) = (start..list.at.end, list.depth);
                node(Kind::Not(Box::new(list)), at, depth)?
            } else if self.takes("in") {
                self.list(left)?
            } else {
                return Ok(left);
            }
        };
        let at = self.at();
        match self.one_of(&Operator::COMPARING) {
            None => Ok(syntax),
            Some(_) => Err(Fault::new(&at, "comparisons do not follow each other", "join two of them with `and`: 1 < value and value < 5")),
        }
    }

    fn list(&mut self, of: Syntax) -> Result<Syntax> {
        let opened = self.at();
        if !self.takes("[") {
            let fault = self.unexpected("a list");
            return Err(Fault { help: "write for example: in [\"a\", \"b\"]".to_owned(), ..fault });
        }
        let (items, end) = self.items("]", &opened)?;
        if items.is_empty() {
            return Err(Fault::new(&(opened.start..end), "the list is empty", "name at least one value"));
        }
        let depth = items.iter().map(|item| item.depth).fold(of.depth, usize::max);
        let at = of.at.start..end;
        node(Kind::In(Box::new(of), items), at, depth)
    }

    /// What stands between brackets, up to and with the closing one; a comma may stand at the end.
    fn items(&mut self, closing: &'static str, opened: &Range<usize>) -> Result<(Vec<Syntax>, usize)> {
        let mut items = Vec::new();
        loop {
            let end = self.at().end;
            if self.takes(closing) {
                return Ok((items, end));
            }
            items.push(self.any()?);
            if !self.takes(",") {
                return Ok((items, self.close(closing, opened)?));
            }
        }
    }

    fn sum(&mut self) -> Result<Syntax> {
        self.chain(&Operator::ADDING, Self::product)
    }

    fn product(&mut self) -> Result<Syntax> {
        self.chain(&Operator::MULTIPLYING, Self::signed)
    }

    fn chain(&mut self, operators: &[Operator], part: fn(&mut Self) -> Result<Syntax>) -> Result<Syntax> {
        let mut left = part(self)?;
        while let Some(operator) = self.one_of(operators) {
            let right = part(self)?;
            left = binary(operator, left, right)?;
        }
        Ok(left)
    }

    fn one_of(&mut self, operators: &[Operator]) -> Option<Operator> {
        operators.iter().copied().find(|operator| self.takes(operator.symbol()))
    }

    fn signed(&mut self) -> Result<Syntax> {
        let start = self.at().start;
        let kind: fn(Box<Syntax>) -> Kind = match self.peek() {
            Token::Symbol("-") => Kind::Negative,
            Token::Symbol("!") => Kind::Not,
            _ => return self.primary(),
        };
        self.take();
        let of = self.deeper(Self::signed)?;
        let (at, depth) = (start..of.at.end, of.depth);
        node(kind(Box::new(of)), at, depth)
    }

    fn primary(&mut self) -> Result<Syntax> {
        let fault = self.unexpected("a value");
        let Placed { token, at } = self.take();
        let kind = match token {
            Token::Number(number) => Kind::Number(number),
            Token::Text(text) => Kind::Text(text),
            Token::Symbol("(") => {
                let inside = self.any()?;
                let end = self.close(")", &at)?;
                return Ok(Syntax { at: at.start..end, ..inside });
            }
            Token::Symbol("[") => {
                return Err(Fault::new(&at, "a list stands only behind `in`", "write for example: metric in [\"a\", \"b\"]"));
            }
            Token::Word(word) => match word.as_str() {
                "true" | "false" => Kind::Boolean(word == "true"),
                "and" | "or" | "in" => return Err(Fault { help: "write a value or a condition before it".to_owned(), ..fault }),
                "not" => return Err(Fault { help: "put brackets around it: (not ..)".to_owned(), ..fault }),
                "labels" => return self.label(at),
                _ if self.takes("(") => {
                    let (arguments, end) = self.items(")", &at)?;
                    let depth = arguments.iter().map(|argument| argument.depth).max().unwrap_or(0);
                    return node(Kind::Call(word, at.clone(), arguments), at.start..end, depth);
                }
                _ => Kind::Name(word),
            },
            Token::Symbol(_) | Token::End => return Err(fault),
        };
        node(kind, at, 0)
    }

    fn label(&mut self, labels: Range<usize>) -> Result<Syntax> {
        let help = "write labels.host, or labels[\"a name with spaces\"]";
        let opened = self.at();
        if self.takes(".") {
            let Placed { token: Token::Word(name), at } = self.take() else {
                return Err(Fault::new(&(labels.start..opened.end), "the name of the label is missing", help));
            };
            return node(Kind::Label(name), labels.start..at.end, 0);
        }
        if !self.takes("[") {
            return Err(Fault::new(&labels, "`labels` alone is no value", help));
        }
        let Placed { token: Token::Text(name), .. } = self.take() else {
            return Err(Fault::new(&(labels.start..opened.end), "the name of the label is missing", help));
        };
        let end = self.close("]", &opened)?;
        node(Kind::Label(name), labels.start..end, 0)
    }
}

fn binary(operator: Operator, left: Syntax, right: Syntax) -> Result<Syntax> {
    let (at, depth) = (left.at.start..right.at.end, left.depth.max(right.depth));
    node(Kind::Binary(operator, Box::new([left, right])), at, depth)
}

/// A part one level above its deepest.
fn node(kind: Kind, at: Range<usize>, below: usize) -> Result<Syntax> {
    if below == DEPTH_MAX { Err(too_deep(&at)) } else { Ok(Syntax { kind, at, depth: below + 1 }) }
}

fn too_deep(at: &Range<usize>) -> Fault {
    Fault::new(at, format!("this is nested more than {DEPTH_MAX} levels deep"), "simplify it, or split it over several operators")
}
