//! Alert rules: their steps are those of naive evaluations, and their state is all they need.

#![cfg(test)]

mod absence;
mod golden;
mod oracle;
mod recorded;
mod results;
mod stories;
mod threshold;
mod world;
