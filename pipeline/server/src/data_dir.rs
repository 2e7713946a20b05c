//! The data directory: which file is where, and what is fixed for the life of the data.

use std::path::{Path, PathBuf};

use floodmark_core::{Error, Result};

/// A directory with the embedded logs and the embedded store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir(PathBuf);

/// Where the number of partitions is kept.
const PARTITIONS: &str = "partitions";

impl DataDir {
    /// The directory at `path`; it may not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The event log.
    pub fn events(&self) -> PathBuf {
        self.0.join("events.db")
    }

    /// The output log: commits, snapshots and dead letters.
    pub fn outputs(&self) -> PathBuf {
        self.0.join("outputs.db")
    }

    /// The store: rollups, series, dead letters.
    pub fn store(&self) -> PathBuf {
        self.0.join("store.db")
    }

    /// The result sets of replays, each in a directory of its name.
    pub fn replays(&self) -> PathBuf {
        self.0.join("replays")
    }

    /// Makes the directory, and holds it to the number of partitions it was made with.
    ///
    /// # Errors
    /// `Broken` when it cannot be made, or was made with another number.
    pub fn prepare(&self, partitions: u32) -> Result<()> {
        let doing = |what: &str| Error::broken(format!("{what} in data directory {}", self.0.display()));
        std::fs::create_dir_all(&self.0).map_err(|e| doing("making what is missing").because(e))?;
        let path = self.0.join(PARTITIONS);
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim() == partitions.to_string() => Ok(()),
            Ok(text) => Err(Error::broken(format!(
                "data directory {} was made with partitions = {}, the configuration says {partitions}: the number is fixed for the life \
                 of the data. Set it back, or choose another data_dir",
                self.0.display(),
                text.trim()
            ))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                std::fs::write(&path, format!("{partitions}\n")).map_err(|e| doing("writing the number of partitions").because(e))
            }
            Err(e) => Err(doing("reading the number of partitions").because(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_partitions_is_fixed_for_the_life_of_the_data() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path().join("data"));
        data.prepare(4).unwrap();
        data.prepare(4).unwrap();
        let error = data.prepare(8).unwrap_err().chain();
        assert!(error.contains("partitions = 4") && error.contains("says 8"), "{error}");
    }
}
