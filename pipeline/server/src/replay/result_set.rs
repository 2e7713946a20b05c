//! Result sets: what replays leave behind, by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use floodmark_connectors::clock::SystemClock;
use floodmark_connectors::logs::{self, embedded::Log};
use floodmark_connectors::stores::embedded::Store;
use floodmark_core::{Error, Result};
use floodmark_engine::replay::Period;
use floodmark_schemas::{Timestamp, series::fnv1a, subject};
use serde::{Deserialize, Serialize};

use crate::data_dir::DataDir;

/// The file that says what a result set is.
const MANIFEST: &str = "replay.json";
/// The version of that file that this code writes.
const SCHEMA: &str = "floodmark.replay.v1";

/// What was asked of a replay: the same question of the same log has the same results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Results from this time on; all when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Results before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Of these sources; of all when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<String>>,
    /// How many partitions the event log has.
    pub partitions: u32,
    /// The operators, with the hash of the definition of each.
    pub operators: BTreeMap<String, String>,
}

/// What a result set is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this file.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What was asked.
    pub question: Question,
    /// When the event log was created, by which it is recognised.
    pub log_created: Timestamp,
    /// The oldest position of the event log when the replay began.
    pub first: u64,
    /// The last position of the event log that was read.
    pub until: u64,
    /// When the replay began.
    pub begun: Timestamp,
    /// What came of it; absent until it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
}

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// How many results there are of each kind, by its name.
    pub results: BTreeMap<String, u64>,
    /// How many were not due yet when the log ended, by operator: their windows had begun and not ended.
    #[serde(default)]
    pub open: BTreeMap<String, u64>,
    /// The hash of all of them in their order (XXH3, 128 bits): the same for the same results.
    pub digest: String,
    /// How long it took; of one that was interrupted, the last part.
    pub seconds: f64,
}

impl Question {
    /// The time that is asked for.
    pub fn period(&self) -> Period {
        Period { from: self.from, to: self.to }
    }

    /// A name that the same question always gets.
    pub fn name(&self) -> String {
        let text = serde_json::to_string(self).expect("a question is plain data");
        format!("r{:08x}", fnv1a(text.as_bytes()))
    }
}

impl Manifest {
    /// Of a replay that begins.
    pub fn new(name: &str, question: Question, (log_created, first, until): (Timestamp, u64, u64), begun: Timestamp) -> Self {
        let (schema, name) = (SCHEMA.to_owned(), name.to_owned());
        Self { schema, name, question, log_created, first, until, begun, done: None }
    }
}

/// A result set, which may not be there yet.
#[derive(Clone, Debug)]
pub struct ResultSet {
    name: String,
    data: DataDir,
}

impl ResultSet {
    /// The one called `name` of a data directory.
    ///
    /// # Errors
    /// `Rejected` when nothing can be called so.
    pub fn of(live: &DataDir, name: &str) -> Result<Self> {
        let what = || Error::rejected(format!("{name:?} cannot be the name of a result set: use letters, digits, '_' and '-'"));
        subject::token(name).map_err(|e| what().because(e))?;
        Ok(Self { name: name.to_owned(), data: DataDir::new(live.replays().join(name)) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its directory, in which files are called as in the data directory itself.
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    fn file(&self) -> PathBuf {
        self.data.path().join(MANIFEST)
    }

    /// What it is; `None` when there is none of its name.
    ///
    /// # Errors
    /// `Broken` when its file cannot be read.
    pub fn manifest(&self) -> Result<Option<Manifest>> {
        let path = self.file();
        let doing = || Error::broken(format!("reading {}", path.display()));
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(doing().because(e)),
        };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| doing().because(e))?;
        if manifest.schema != SCHEMA {
            return Err(Error::broken(format!("{} is of version {:?}, this program reads {SCHEMA:?}", path.display(), manifest.schema)));
        }
        Ok(Some(manifest))
    }

    /// Writes down what it is.
    ///
    /// # Errors
    /// `Broken` when the directory or the file cannot be written.
    pub fn note(&self, manifest: &Manifest) -> Result<()> {
        let (path, new) = (self.file(), self.data.path().join(format!("{MANIFEST}.new")));
        let doing = || Error::broken(format!("writing {}", path.display()));
        let text = serde_json::to_string_pretty(manifest).expect("a manifest is plain data");
        std::fs::create_dir_all(self.data.path()).map_err(|e| doing().because(e))?;
        std::fs::write(&new, text + "\n").map_err(|e| doing().because(e))?;
        std::fs::rename(&new, &path).map_err(|e| doing().because(e))
    }

    /// Its output log, to read it.
    ///
    /// # Errors
    /// `Broken` when there is none.
    pub fn outputs(&self) -> Result<Log> {
        Log::open_read_only(&self.data.outputs())
    }

    /// Its store, to ask it.
    ///
    /// # Errors
    /// `Broken` when there is none.
    pub fn store(&self) -> Result<Store> {
        Store::open_read_only(self.data.store())
    }

    /// Deletes it; gives whether there was one.
    ///
    /// # Errors
    /// `Conflict` while a replay writes it; `Broken` when it cannot be deleted.
    pub fn remove(&self) -> Result<bool> {
        if !self.data.path().is_dir() {
            return Ok(false);
        }
        if self.data.outputs().exists() {
            // Whoever writes it has it locked.
            drop(Log::open(&self.data.outputs(), logs::Options::default(), Arc::new(SystemClock))?);
        }
        let doing = || Error::broken(format!("deleting result set {} in {}", self.name, self.data.path().display()));
        std::fs::remove_dir_all(self.data.path()).map_err(|e| doing().because(e))?;
        Ok(true)
    }

    /// All of a data directory, in order of their names.
    ///
    /// # Errors
    /// `Broken` when one of them cannot be read.
    pub fn all(live: &DataDir) -> Result<Vec<Manifest>> {
        let mut names = names(&live.replays())?;
        names.sort();
        let sets = names.iter().filter_map(|name| Self::of(live, name).ok());
        sets.filter_map(|set| set.manifest().transpose()).collect()
    }
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let doing = || Error::broken(format!("listing {}", directory.display()));
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(doing().because(e)),
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| Ok(entry.map_err(|e| doing().because(e))?.file_name().into_string().ok());
    entries.filter_map(|entry| name(entry).transpose()).collect()
}
