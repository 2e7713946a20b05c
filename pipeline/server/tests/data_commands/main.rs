//! The commands that read data, from outside: a data directory written by the real log and the real sinks, the program,
//! and what it prints where.

#![cfg(test)]

mod export;
mod lists;
mod tap;
mod world;
