//! Questions over a log in memory pass the suite of all stores of dead letters.

use async_trait::async_trait;
use floodmark_core::conformance::store::{Fixture, Stores};
use floodmark_core::ports::{Entry, Expect, NewEntry, Sink, Standing};
use floodmark_schemas::Headers;

use super::*;
use crate::clock::TokioClock;
use crate::logs::memory;
use crate::stores::embedded;

fn new_entry(subject: &str, body: impl Into<bytes::Bytes>) -> NewEntry {
    NewEntry { subject: subject.to_owned(), id: None, headers: Headers::default(), body: body.into() }
}

fn log() -> memory::Log {
    memory::Log::new(crate::logs::Options::default(), Arc::new(TokioClock::starting_at(Timestamp::from_secs(1_000))))
}

/// Puts entries into the log where the suite says that they stand.
struct InLog(Arc<dyn Log>);

impl InLog {
    async fn tail(&self) -> Position {
        self.0.continuity().await.unwrap().tail
    }
}

#[async_trait]
impl Sink for InLog {
    async fn standing(&self) -> Result<Standing> {
        Ok(Standing { position: self.tail().await, mark: None })
    }

    async fn write(&self, entries: &[Entry], from: Position, to: Position) -> Result<()> {
        if self.tail().await != from {
            return Err(Error::conflict("the log has other entries"));
        }
        for entry in entries {
            while self.tail().await.0 + 1 < entry.position.0 {
                self.0.append(vec![new_entry("floodmark.other", "")], Expect::Anything).await?;
            }
            self.0.append(vec![new_entry(&entry.subject, entry.body.clone())], Expect::Anything).await?;
        }
        assert_eq!(self.tail().await, to);
        Ok(())
    }
}

struct OverALog {
    log: Arc<dyn Log>,
    directory: tempfile::TempDir,
}

#[async_trait]
impl Fixture for OverALog {
    async fn open(&self) -> Stores {
        let store = embedded::Store::open(self.directory.path().join("store.db")).unwrap();
        let letters = Arc::new(LogLetters::new(self.log.clone()));
        let others = Arc::new(store.clone());
        Stores {
            rollups: Arc::new(embedded::Rollups::new(store.clone(), "rollups")),
            scores: Arc::new(embedded::Scores::new(store.clone(), "scores")),
            dead_letters: Arc::new(InLog(self.log.clone())),
            catalog: Arc::new(embedded::Catalog::new(store, "catalog")),
            result_sets: others.clone(),
            query: Arc::new(floodmark_core::ports::query::Answers {
                rollups: others.clone(),
                scores: others.clone(),
                series: others,
                dead_letters: letters,
            }),
        }
    }
}

async fn make() -> OverALog {
    OverALog { log: Arc::new(log()), directory: tempfile::tempdir().unwrap() }
}

floodmark_core::dead_letter_conformance_tests!(
    #[tokio::test]
    make
);

#[tokio::test]
async fn the_page_after_a_letter_that_is_gone_is_refused() {
    let log: Arc<dyn Log> = Arc::new(log());
    let letters = LogLetters::new(log.clone());
    for n in 0..3 {
        let letter = DeadLetter::new("file", n.to_string(), "a:1", "bad", Timestamp::from_secs(n), b"x");
        log.append(vec![floodmark_core::ports::log::dead_letter_entry(&letter).unwrap()], Expect::Anything).await.unwrap();
    }
    let token = letters.dead_letters(None, None, 1).await.unwrap().next.unwrap();
    assert_eq!(letters.dead_letters(None, Some(&token), 1).await.unwrap().items[0].id, "1");
    log.purge("floodmark.dead.file", Position(9)).await.unwrap();
    let error = letters.dead_letters(None, Some(&token), 1).await.unwrap_err();
    assert_eq!(error.kind(), floodmark_core::Kind::Rejected);
    assert_eq!(letters.dead_letter("file", "0").await.unwrap(), None);
}
