//! The recorded inputs, where they are.

use std::path::PathBuf;

/// A recorded input; says that the test is skipped when there are none.
///
/// # Panics
/// When inputs are named but this one is not among them.
#[expect(clippy::print_stdout, reason = "the one place where a test says that it was skipped")]
pub fn input(path: &str) -> Option<PathBuf> {
    let Some(inputs) = std::env::var_os("FLOODMARK_INPUTS") else {
        println!("skipped: FLOODMARK_INPUTS not set");
        return None;
    };
    let found = PathBuf::from(inputs).join(path);
    assert!(found.is_file(), "{} is not among the recorded inputs", found.display());
    Some(found)
}
