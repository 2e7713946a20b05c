//! `floodmark alerts` from outside: a store that a desk has filled, the program, and what it prints where.

#![cfg(test)]

mod asking;
mod postgres;
mod previews;
mod questions;
mod routes;
mod running;
mod world;
