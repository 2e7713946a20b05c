//! Tests of configurations: what the guide shows is so, failures say what differs, and mistakes have their place.

#![cfg(test)]
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

mod broken;
mod failures;
mod guide;
mod program;
