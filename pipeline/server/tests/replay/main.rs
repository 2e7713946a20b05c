//! The past again, by the program: replays, their differences, and whether what is stored is what the log gives. Each on
//! recorded inputs, and never with a byte of the live data changed.
#![cfg(test)]

#[path = "../stack/mod.rs"]
mod stack;

mod alerts;
mod bundle;
mod diff;
mod diff_scores;
mod explain;
mod explain_alert;
mod explain_layers;
mod layers;
mod same;
mod verify;
mod verify_layers;
mod world;
