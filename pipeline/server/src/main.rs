//! The `floodmark` binary.

fn main() {}
