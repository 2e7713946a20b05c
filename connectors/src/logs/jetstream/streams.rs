//! The streams of an installation: what they should be, what they are, and making the one the other.

use async_nats::jetstream::stream::{Config as StreamConfig, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{Error as Refusal, ErrorCode};
use floodmark_core::ports::{Continuity, Position};
use floodmark_core::{Error, Result};
use floodmark_schemas::Timestamp;
use tracing::{info, warn};

use super::error::{Answer, refused};
use super::query::Held;
use super::wire::Subjects;
use super::{Config, Connection, Difference, Storage, difference};
use crate::settings::Size;

/// In the metadata: microseconds since 1970 UTC when the log was created, if it was copied from another one.
pub(super) const CREATED: &str = "floodmark.created";
/// In the metadata: how many partitions events have.
pub(super) const PARTITIONS: &str = "floodmark.partitions";

/// One stream: the end of its name, and the patterns of the subjects that go to it.
#[derive(Clone, Debug)]
pub struct Spec {
    suffix: String,
    subjects: Vec<String>,
}

impl Spec {
    /// Events.
    pub fn events() -> Self {
        Self::new("EVENTS", &["floodmark.events.>"])
    }

    /// Outputs, snapshots, dead letters.
    pub fn outputs() -> Self {
        Self::new("OUTPUTS", &["floodmark.outputs.>", "floodmark.snapshots.>", "floodmark.dead.>"])
    }

    /// Another one, of subjects that do not begin with `floodmark`.
    pub fn new(suffix: &str, subjects: &[&str]) -> Self {
        Self { suffix: suffix.to_owned(), subjects: subjects.iter().map(|subject| (*subject).to_owned()).collect() }
    }

    pub(super) fn suffix(&self) -> &str {
        &self.suffix
    }

    pub(super) fn subjects(&self) -> &[String] {
        &self.subjects
    }
}

/// What `apply` has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Streams that were not there.
    pub created: Vec<String>,
    /// What was changed.
    pub changed: Vec<Difference>,
    /// What cannot be changed: such a stream must be copied into a new one.
    pub left: Vec<Difference>,
}

/// What a stream holds and how it is set up.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    /// Its name.
    pub name: String,
    /// How many entries it holds.
    pub entries: u64,
    /// How much space they take.
    pub bytes: u64,
    /// The size at which it takes no more; `None` without limit.
    pub bytes_max: Option<u64>,
    /// The oldest and newest position.
    pub first: Position,
    /// The newest position ever given.
    pub tail: Position,
    /// On how many servers it is kept.
    pub replicas: usize,
    /// Where.
    pub storage: Storage,
    /// When it was created.
    pub created: Timestamp,
    /// How many readers it has now.
    pub readers: usize,
    /// How it differs from what is wanted.
    pub differences: Vec<Difference>,
}

/// The name of a stream or bucket.
pub(super) fn name(config: &Config, suffix: &str) -> String {
    format!("{}_{suffix}", config.prefix.to_ascii_uppercase())
}

pub(super) fn storage(config: &Config) -> StorageType {
    match config.storage {
        Storage::File => StorageType::File,
        Storage::Memory => StorageType::Memory,
    }
}

pub(super) fn wanted(config: &Config, spec: &Spec, partitions: u32) -> StreamConfig {
    let subjects = Subjects::new(&config.prefix);
    StreamConfig {
        name: name(config, &spec.suffix),
        subjects: spec.subjects.iter().map(|subject| subjects.to_wire(subject)).collect(),
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_bytes: i64::try_from(config.size_max().0).unwrap_or(i64::MAX),
        max_messages: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_consumers: -1,
        duplicate_window: config.duplicate_window.0,
        storage: storage(config),
        num_replicas: usize::from(config.replicas),
        allow_direct: true,
        description: Some("Floodmark: entries are deleted by Floodmark alone".to_owned()),
        metadata: [(PARTITIONS.to_owned(), partitions.to_string())].into(),
        ..StreamConfig::default()
    }
}

impl Connection {
    /// Makes the streams that are not there, and checks those that are.
    ///
    /// # Errors
    /// `Broken` when a stream is such that entries are not safe in it, with how; `Unavailable`.
    pub async fn ensure(&self, partitions: u32) -> Result<()> {
        for spec in [Spec::events(), Spec::outputs()] {
            self.ensure_stream(&spec, partitions).await?;
        }
        Ok(())
    }

    /// The same of one stream.
    ///
    /// # Errors
    /// As [`Self::ensure`].
    pub async fn ensure_stream(&self, spec: &Spec, partitions: u32) -> Result<()> {
        let wanted = wanted(&self.config, spec, partitions);
        let found = self.find_or_create(&wanted).await?.0;
        let (safe, unsafe_): (Vec<_>, Vec<_>) = difference::between(&found.config, &wanted).into_iter().partition(|d| d.safe);
        for Difference { stream, field, found, wanted, .. } in safe {
            warn!(%stream, %field, %found, %wanted, "a stream differs from the configuration, `floodmark streams apply` changes it");
        }
        if unsafe_.is_empty() {
            return Ok(());
        }
        let texts: Vec<String> = unsafe_.iter().map(Difference::to_string).collect();
        Err(Error::broken(format!("using a stream that would lose or mix up entries: {}; run `floodmark streams apply`", texts.join("; "))))
    }

    /// Makes the streams what they should be, as far as that can be done while they have entries.
    ///
    /// # Errors
    /// `Broken` when the server refuses a change; `Unavailable`. What was changed until then stays changed.
    pub async fn apply(&self, partitions: u32) -> Result<Applied> {
        let mut applied = Applied::default();
        for spec in [Spec::events(), Spec::outputs()] {
            let wanted = wanted(&self.config, &spec, partitions);
            let (found, created) = self.find_or_create(&wanted).await?;
            if created {
                applied.created.push(wanted.name);
                continue;
            }
            let (change, left): (Vec<_>, Vec<_>) =
                difference::between(&found.config, &wanted).into_iter().partition(|difference| difference.changeable);
            applied.left.extend(left);
            if !change.is_empty() {
                let doing = || format!("changing stream {}", wanted.name);
                let changed = difference::changed(&found.config, &wanted);
                let answer = self.ask::<Info>(doing, format!("STREAM.UPDATE.{}", wanted.name), &changed).await?;
                if let Answer::Refused(refusal) = answer {
                    return Err(unmade(doing(), &wanted, refusal));
                }
                info!(stream = %wanted.name, changes = change.len(), "a stream was changed");
                applied.changed.extend(change);
            }
        }
        Ok(applied)
    }

    /// The streams that are there.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn list(&self, partitions: u32) -> Result<Vec<StreamInfo>> {
        let mut infos = Vec::new();
        for spec in [Spec::events(), Spec::outputs()] {
            let wanted = wanted(&self.config, &spec, partitions);
            if let Some((info, readers)) = self.find_stream(&wanted.name).await? {
                infos.push(stream_info(&info, readers, difference::between(&info.config, &wanted)));
            }
        }
        Ok(infos)
    }

    /// Deletes what stands before `before` in the stream with this name, and says how many entries went.
    ///
    /// # Errors
    /// `Broken` when it is not a stream of this installation; `Unavailable`.
    pub async fn purge(&self, stream: &str, before: Position) -> Result<u64> {
        let spec = [Spec::events(), Spec::outputs()].into_iter().find(|spec| name(&self.config, &spec.suffix) == stream);
        let spec = spec.ok_or_else(|| Error::broken(format!("purging {stream}: it is not a stream of this installation")))?;
        self.log(&spec).delete(None, before).await
    }

    /// The stream, and whether it was made now.
    pub(super) async fn find_or_create(&self, wanted: &StreamConfig) -> Result<(Info, bool)> {
        // Two rounds: another process may make it at the same moment.
        for _ in 0..2 {
            if let Some((info, _)) = self.find_stream(&wanted.name).await? {
                return Ok((info, false));
            }
            match self.create(wanted).await? {
                Answer::Given(info) => return Ok((info, true)),
                Answer::Refused(refusal) if refusal.error_code() == ErrorCode::STREAM_NAME_EXIST => {}
                Answer::Refused(refusal) => return Err(unmade(format!("making stream {}", wanted.name), wanted, refusal)),
            }
        }
        Err(Error::unavailable(format!("making stream {}: it comes and goes", wanted.name)))
    }

    async fn create(&self, wanted: &StreamConfig) -> Result<Answer<Info>> {
        let doing = || format!("making stream {}", wanted.name);
        let answer = self.ask::<Info>(doing, format!("STREAM.CREATE.{}", wanted.name), wanted).await?;
        if let Answer::Given(_) = &answer {
            info!(stream = %wanted.name, "a stream was made");
        }
        Ok(answer)
    }

    /// The stream and how many consumers it has, if it is there.
    async fn find_stream(&self, name: &str) -> Result<Option<(Info, usize)>> {
        let doing = || format!("asking for stream {name}");
        match self.ask::<Info>(doing, format!("STREAM.INFO.{name}"), &()).await? {
            Answer::Refused(refusal) if refusal.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            answer => {
                let info = answer.given(doing)?;
                let readers = info.state.consumer_count;
                Ok(Some((info, readers)))
            }
        }
    }
}

/// A server sets aside what a stream may take, and refuses it when that is too much.
fn unmade(doing: String, wanted: &StreamConfig, refusal: Refusal) -> Error {
    match refusal.error_code() {
        ErrorCode::STORAGE_RESOURCES_EXCEEDED | ErrorCode::MEMORY_RESOURCES_EXCEEDED | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED => {
            let size = Size(u64::try_from(wanted.max_bytes).unwrap_or(u64::MAX));
            let limit = if wanted.storage == StorageType::File { "max_file_store" } else { "max_memory_store" };
            let text = format!(
                "{doing}: the server cannot set aside {size} for it; raise its `{limit}`, or lower `retention_size` and `size_max`"
            );
            Error::broken(text).because(refusal)
        }
        _ => refused(doing, refusal),
    }
}

fn stream_info(info: &Info, readers: usize, differences: Vec<Difference>) -> StreamInfo {
    let Held { continuity: Continuity { created, first, tail }, entries, bytes, bytes_max } = Held::from(info);
    StreamInfo {
        name: info.config.name.clone(),
        entries,
        bytes,
        bytes_max,
        first,
        tail,
        replicas: info.config.num_replicas,
        storage: match info.config.storage {
            StorageType::File => Storage::File,
            StorageType::Memory => Storage::Memory,
        },
        created,
        readers,
        differences,
    }
}
