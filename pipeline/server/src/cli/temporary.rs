//! A directory for as long as a command runs.

use std::path::{Path, PathBuf};

use super::exit::Failure;

/// A directory that goes when this is dropped.
pub struct TemporaryDir(PathBuf);

impl TemporaryDir {
    /// A new directory among the system's temporary files, named after its purpose and this process.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(purpose: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("floodmark-{purpose}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|e| Failure::new(format!("making the directory {}: {e}", path.display())))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // What cannot be deleted stays among the system's temporary files, which are cleaned in time.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
