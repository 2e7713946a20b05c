//! Tests of configurations: what the guide shows is so, failures say what differs, and mistakes have their place.

#![cfg(test)]

mod alerts;
mod broken;
mod failures;
mod guide;
mod program;
