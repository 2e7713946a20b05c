//! The files of a configuration: `floodmark.toml`, then `conf.d/*.toml` beside it in order of their names.
//!
//! All texts stand behind each other in one space of byte offsets, so that a span names its file as well as its place.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::report::Report;

/// The most bytes of one file: configurations are written by people.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// One file.
#[derive(Clone, Debug)]
pub struct File {
    /// As it is shown to people.
    pub name: String,
    /// What it holds.
    pub text: String,
    /// Where its text begins in the space of all files.
    pub offset: usize,
    /// What it may hold.
    pub holds: Holds,
}

/// What a file may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A configuration, or a part of one.
    Config,
    /// Tests only.
    Tests,
}

/// All files, in the order they are merged.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<File>);

impl Files {
    /// Puts a file behind the others.
    pub fn add(&mut self, name: impl Into<String>, text: String) -> &File {
        // One byte between files: the end of one is then never the beginning of the next.
        let offset = self.0.last().map_or(0, |f| f.offset + f.text.len() + 1);
        self.0.push(File { name: name.into(), text, offset, holds: Holds::Config });
        &self.0[self.0.len() - 1]
    }

    /// Says what the files from this number on hold.
    fn hold(&mut self, from: usize, holds: Holds) {
        self.0[from..].iter_mut().for_each(|file| file.holds = holds);
    }

    /// The files.
    pub fn iter(&self) -> impl Iterator<Item = &File> {
        self.0.iter()
    }

    /// The file of a span, with the span within it.
    pub fn locate(&self, span: &Range<usize>) -> Option<(&File, Range<usize>)> {
        let file = self.0.iter().rev().find(|f| f.offset <= span.start)?;
        let within = |at: usize| floor_char(&file.text, at.saturating_sub(file.offset));
        let (start, end) = (within(span.start), within(span.end));
        Some((file, start..end.max(start)))
    }
}

/// The largest boundary of a character that is not after `at`.
fn floor_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

/// Reads `path` and `conf.d/*.toml` beside it; what cannot be read goes into the report.
pub fn read(path: &Path, report: &mut Report) {
    read_one(path, report);
    let beside = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for extra in fragments(&beside.join("conf.d"), report) {
        read_one(&extra, report);
    }
}

/// Reads the tests that stand beside the configuration at `path`: `<name>_test.toml`, and each other `*_test.toml` that
/// does not belong to another configuration of that name.
pub fn read_tests(path: &Path, report: &mut Report) {
    let before = report.files.0.len();
    let beside = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for tests in fragments(beside, report) {
        let Some(of) = tests.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix("_test.toml")) else { continue };
        let config = beside.join(format!("{of}.toml"));
        let is_own = config.file_name() == path.file_name() || !config.exists();
        if is_own && tests.file_name() != path.file_name() {
            // Named as the configuration is: without `./` when that has none.
            let name = path.with_file_name(tests.file_name().unwrap_or_default());
            read_one(&name, report);
        }
    }
    report.files.hold(before, Holds::Tests);
}

/// The TOML files of a directory in order of their names; none when there is no such directory.
fn fragments(dir: &Path, report: &mut Report) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(e) => {
            report.unread(dir, &format!("cannot be listed: {e}"), "make it readable, or remove it");
            return Vec::new();
        }
    };
    let visible = |p: &PathBuf| p.file_name().is_some_and(|n| !n.to_string_lossy().starts_with('.'));
    let mut paths: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")).filter(visible).collect();
    paths.sort();
    paths
}

fn read_one(path: &Path, report: &mut Report) {
    let size = std::fs::metadata(path).map(|m| m.len());
    let bytes = match size {
        Ok(size) if size > FILE_BYTES_MAX => {
            let hint = "a configuration is a few pages of text: is this the right file?";
            return report.unread(path, &format!("has {size} bytes; at most {FILE_BYTES_MAX} are read"), hint);
        }
        Ok(_) => std::fs::read(path),
        Err(e) => Err(e),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let hint = "`floodmark demo` needs no configuration; to write one, start from examples/quickstart.toml and name it with -c";
            return report.unread(path, "does not exist", hint);
        }
        Err(e) => return report.unread(path, &format!("cannot be read: {e}"), "check the path and its permissions"),
    };
    let name = path.display().to_string();
    match String::from_utf8(bytes) {
        Ok(text) => {
            report.files.add(name, text);
        }
        Err(e) => {
            let at = e.utf8_error().valid_up_to();
            let file = report.files.add(name, String::from_utf8_lossy(e.as_bytes()).into_owned());
            let at = file.offset + at;
            report.add(at..at + 1, "this byte is not UTF-8", Some("save the file as UTF-8".to_owned()));
            report.unreadable = true;
        }
    }
}
