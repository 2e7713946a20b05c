//! Expressions: conditions and formulas over a value and its series, in configurations.
//!
//! A text is read ([`Expression::compile`]) once, when the configuration is loaded. What is wrong with it is told with
//! its place, and what can be loaded can be evaluated: for any input, without failing, in bounded time and memory, with
//! the same result on every machine. Numbers are 64-bit floating-point numbers by IEEE 754: dividing by zero gives
//! something that is not finite, and a comparison with what is no number does not hold (but `!=` does).
//! The language is described in `docs/guides/expressions.md`.

mod call;
mod check;
mod compiled;
mod document;
mod fault;
mod function;
mod leaf;
mod node;
mod parse;
mod scope;
mod syntax;
mod token;

pub use compiled::Expression;
pub use document::{example, functions_page};
pub use fault::Fault;
pub use function::{FUNCTIONS, Function};
pub use parse::{BYTES_MAX, DEPTH_MAX};
pub use scope::{Row, Scope, Subject, Type};
