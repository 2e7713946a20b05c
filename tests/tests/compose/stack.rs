//! compose.yaml and what it includes, as one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::files::{folder, read, texts, yaml};

/// The first file.
pub const MAIN: &str = "compose/compose.yaml";

/// The texts of all compose files by their paths below the root.
pub type Texts = BTreeMap<PathBuf, String>;

/// What stands in the repository.
pub fn committed() -> Texts {
    let mut paths = folder("compose/services", "yaml");
    paths.push(MAIN.into());
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// One service and where it is written.
pub struct Service {
    pub name: String,
    pub file: PathBuf,
    pub says: Value,
}

/// The whole stack.
pub struct Stack {
    /// Every file with what it says.
    pub files: BTreeMap<PathBuf, Value>,
    /// The files that the first one includes.
    pub included: Vec<PathBuf>,
    pub services: Vec<Service>,
    /// Named volumes, each with the file that declares it.
    pub volumes: BTreeMap<String, PathBuf>,
    /// Secrets with their files as paths below the root.
    pub secrets: BTreeMap<String, PathBuf>,
}

impl Stack {
    pub fn of(texts_by_path: &Texts) -> Self {
        let files: BTreeMap<PathBuf, Value> = texts_by_path.iter().map(|(path, text)| (path.clone(), yaml(path, text))).collect();
        let main = &files[Path::new(MAIN)];
        let included = texts(&main["include"]).map(|path| Path::new("compose").join(path)).collect();
        let secret = |(name, says): (&str, &Value)| (name.to_owned(), Path::new("compose").join(says["file"].as_str().unwrap_or_default()));
        let secrets = entries(&main["secrets"]).map(secret).collect();
        let mut services = Vec::new();
        let mut volumes = BTreeMap::new();
        for (file, says) in &files {
            let service = |(name, says): (&str, &Value)| Service { name: name.to_owned(), file: file.clone(), says: says.clone() };
            services.extend(entries(&says["services"]).map(service));
            volumes.extend(entries(&says["volumes"]).map(|(name, _)| (name.to_owned(), file.clone())));
        }
        Self { files, included, services, volumes, secrets }
    }
}

/// What a service mounts from outside of its container.
pub enum Mount {
    /// A named volume.
    Volume(String),
    /// A file or folder of the repository, as a path below the root.
    Repository(PathBuf),
    /// A file of the machine.
    Machine(PathBuf),
}

impl Service {
    pub fn mounts(&self) -> Vec<Mount> {
        texts(&self.says["volumes"]).map(|text| self.mount(text.split(':').next().unwrap_or_default())).collect()
    }

    fn mount(&self, from: &str) -> Mount {
        if from.starts_with('/') {
            Mount::Machine(from.into())
        } else if from.starts_with('.') {
            Mount::Repository(plain(&self.file.with_file_name(from)))
        } else {
            Mount::Volume(from.to_owned())
        }
    }
}

/// A path without `.` and `..`.
pub fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => assert!(plain.pop(), "{} leaves the repository", path.display()),
            part => plain.push(part),
        }
    }
    plain
}

/// The entries of an object; none when there is no object.
pub fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}
