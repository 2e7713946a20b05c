//! A file that appears when it is whole: written under another name beside it, then renamed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;
use crate::cli::output::Pipe;

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// It is replaced when the new one is whole.
    Replace,
}

/// A file that is being written. Dropped before [`Self::keep`], it leaves nothing.
pub(super) struct Unfinished {
    file: File,
    unfinished: PathBuf,
    path: PathBuf,
    existing: Existing,
}

impl Unfinished {
    /// Begins to write the file at `path`.
    ///
    /// # Errors
    /// When it is there and is to stay, is no plain file, or cannot be made.
    pub(super) fn begin(path: &Path, existing: Existing) -> Result<(Pipe, Self), Failure> {
        refuse(path, existing)?;
        let name = path.file_name().ok_or_else(|| Failure::new(format!("{} is not the name of a file", path.display())))?;
        let hidden = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        let unfinished = path.with_file_name(hidden);
        let doing = |e| Failure::new(format!("making {}: {e}", unfinished.display()));
        let file = File::create(&unfinished).map_err(doing)?;
        let pipe = Pipe::to(file.try_clone().map_err(doing)?);
        Ok((pipe, Self { file, unfinished, path: path.to_owned(), existing }))
    }

    /// The file is whole: gives it its name.
    pub(super) fn keep(self) -> Result<PathBuf, Failure> {
        // Once more: writing may have taken long.
        refuse(&self.path, self.existing)?;
        let done = self.file.sync_all().and_then(|()| fs::rename(&self.unfinished, &self.path));
        done.map_err(|e| Failure::new(format!("writing {}: {e}", self.path.display())))?;
        Ok(self.path.clone())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After `keep` it is not there any more.
        drop(fs::remove_file(&self.unfinished));
    }
}

fn refuse(path: &Path, existing: Existing) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(Failure::new(format!("{} is there and is not a plain file", path.display()))),
        Ok(_) if existing == Existing::Keep => {
            Err(Failure::new(format!("{} is there already", path.display())).remedy("--force overwrites it"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let (mut pipe, unfinished) = Unfinished::begin(&path, Existing::Keep).ok().unwrap();
        pipe.text("half").ok().unwrap();
        pipe.flush().unwrap();
        assert_eq!(names(directory.path()), [format!(".out.{}.part", std::process::id())]);
        drop(unfinished);
        assert_eq!(names(directory.path()), Vec::<String>::new());
        let (mut pipe, unfinished) = Unfinished::begin(&path, Existing::Keep).ok().unwrap();
        pipe.text("whole").ok().unwrap();
        pipe.flush().unwrap();
        assert_eq!(unfinished.keep().ok().unwrap(), path);
        assert_eq!((names(directory.path()), fs::read_to_string(&path).unwrap()), (vec!["out".to_owned()], "whole".to_owned()));
    }

    #[test]
    fn a_file_that_came_meanwhile_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let (_, unfinished) = Unfinished::begin(&path, Existing::Keep).ok().unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(unfinished.keep().is_err());
        assert_eq!((names(directory.path()), fs::read_to_string(&path).unwrap()), (vec!["out".to_owned()], "mine".to_owned()));
    }
}
