//! Files of the repository that are not Rust, for the tests that judge them.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The root of the repository.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate of tests lies in the workspace").to_owned()
}

/// The text of a file, by its path below the root.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files of a folder with this extension, as paths below the root, sorted; never none.
pub fn folder(path: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let names = entries.map(|entry| Path::new(path).join(entry.expect("the folder can be read").file_name()));
    let mut files: Vec<PathBuf> = names.filter(|file| file.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    assert!(!files.is_empty(), "{path} has no *.{extension}");
    files
}

/// A YAML document; a key that stands there twice is an error.
pub fn yaml(name: impl AsRef<Path>, text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{}: {e}", name.as_ref().display()))
}

/// The texts of a list; none when there is no list.
pub fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}
