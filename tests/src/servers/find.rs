//! Where the servers' programs are: what the environment says, what `make servers` found or installed, or what this
//! machine has.

use std::env;
use std::path::{Path, PathBuf};

/// The program that the environment variable names.
///
/// # Panics
/// When there is none: a test that needs a server never passes without it.
pub(super) fn program(what: &str, variable: &str, name: &str, usual: &[&str]) -> PathBuf {
    let here = usual.iter().map(PathBuf::from).chain(search_path()).map(|folder| folder.join(name));
    let installed = cache_folders().into_iter().map(|folder| folder.join("venv/bin").join(name));
    named(variable)
        .or_else(|| here.chain(installed).find(|file| file.is_file()))
        .unwrap_or_else(|| panic!("{what} is missing: {name} was not found and {variable} is not set; run `make servers`"))
}

/// What a variable says, in the environment or else in the file that `make servers` wrote.
pub(super) fn named(variable: &str) -> Option<PathBuf> {
    let set = env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    set.or_else(|| cache_folders().into_iter().find_map(|folder| in_file(&folder.join("env"), variable)))
}

/// Lines of `NAME=value`; a program that has gone since does not count.
fn in_file(file: &Path, variable: &str) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(variable)?.strip_prefix('='))?;
    Some(PathBuf::from(value)).filter(|path| path.exists())
}

/// The folders of the search path.
pub(super) fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").map(|paths| env::split_paths(&paths).collect()).unwrap_or_default()
}

/// Where `make servers` may have put things: beside what was built, unless it was told otherwise.
pub(super) fn cache_folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate of tests lies in the workspace");
    if let Some(told) = env::var_os("FLOODMARK_TEST_SERVERS").filter(|folder| !folder.is_empty()) {
        return vec![root.join(told)];
    }
    let target = env::var_os("CARGO_TARGET_DIR").map(|target| root.join(target));
    let running = env::current_exe().unwrap_or_default();
    let around = running.ancestors().skip(1).take(4).map(Path::to_owned);
    target.into_iter().chain(around).chain([root.join("target")]).map(|folder| folder.join("test-servers")).collect()
}
