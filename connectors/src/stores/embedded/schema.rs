//! The version of the file and the way from one version to the next.
//!
//! Migrations are numbered and only go forward; `PRAGMA user_version` says how many have been applied, and
//! `PRAGMA application_id` that the file is a store at all.

use std::path::Path;

use floodmark_core::{Error, Result};
use rusqlite::{Connection, TransactionBehavior};

use super::error::Doing;

/// `FLMS` in ASCII: says that a SQLite file is an embedded store.
const APPLICATION_ID: i32 = 0x464C_4D53;

/// What makes version n + 1 of version n. Never edit one that was released: add the next.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001_first.sql"),
    include_str!("schema/0002_marks.sql"),
    include_str!("schema/0003_scores.sql"),
    include_str!("schema/0004_aggregates.sql"),
    include_str!("schema/0005_result_sets.sql"),
    include_str!("schema/0006_alerts.sql"),
    include_str!("schema/0007_alert_indexes.sql"),
];

/// Brings the file to the newest version.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    if version(connection, path)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).doing("beginning to migrate the store")?;
    // Read again: another process may have migrated while this one waited for its turn.
    for (n, migration) in MIGRATIONS.iter().enumerate().skip(version(&transaction, path)?) {
        transaction.execute_batch(migration).doing(&format!("migrating the store to version {}", n + 1))?;
    }
    let newest = i64::try_from(MIGRATIONS.len()).expect("there are few migrations");
    transaction.pragma_update(None, "user_version", newest).doing("migrating the store")?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).doing("migrating the store")?;
    transaction.commit().doing("committing the migration of the store")
}

/// Checks that the file is of the newest version.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<()> {
    match version(connection, path)? {
        n if n == MIGRATIONS.len() => Ok(()),
        n => Err(Error::broken(format!(
            "the store {} is of version {n}, this program reads version {}; `floodmark run` brings it up to date",
            path.display(),
            MIGRATIONS.len()
        ))),
    }
}

/// The version of the file; 0 for an empty one.
fn version(connection: &Connection, path: &Path) -> Result<usize> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).doing("reading the store's version");
    let tables = "SELECT count(*) FROM sqlite_schema";
    let path = path.display();
    match (pragma("application_id")?, pragma("user_version")?) {
        (id, n) if id == i64::from(APPLICATION_ID) => match usize::try_from(n) {
            Ok(n) if n <= MIGRATIONS.len() => Ok(n),
            _ => Err(Error::broken(format!(
                "the store {path} is of version {n}, newer than version {} of this program; use the newer program or another path",
                MIGRATIONS.len()
            ))),
        },
        (0, 0) if connection.query_row(tables, [], |row| row.get::<_, i64>(0)).doing("reading the store")? == 0 => Ok(0),
        _ => Err(Error::broken(format!("{path} is a SQLite file of something else; give the store a path of its own"))),
    }
}

#[cfg(test)]
mod tests {
    use floodmark_core::Kind;

    use crate::stores::embedded::Store;

    /// Opens a store after `sql` was run on a fresh one, or on an empty file.
    fn open_after(fresh: bool, sql: &str) -> Option<(Kind, String)> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        if fresh {
            drop(Store::open(&path).unwrap());
        }
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let shown = |e: floodmark_core::Error| (e.kind(), e.to_string().replace(&path.display().to_string(), "PATH"));
        let read_only = Store::open_read_only(&path).err().map(shown);
        let writer = Store::open(&path).err().map(shown);
        assert!(writer.is_none() || writer == read_only, "{writer:?} {read_only:?}");
        writer
    }

    #[test]
    fn a_store_of_this_version_opens_again() {
        assert_eq!(open_after(true, ""), None);
    }

    #[test]
    fn a_newer_store_is_refused() {
        let newest = super::MIGRATIONS.len();
        let newer = newest + 1;
        let text = format!(
            "the store PATH is of version {newer}, newer than version {newest} of this program; use the newer program or another path"
        );
        assert_eq!(open_after(true, &format!("PRAGMA user_version = {newer}")), Some((Kind::Broken, text)));
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let text = "PATH is a SQLite file of something else; give the store a path of its own";
        assert_eq!(open_after(false, "CREATE TABLE t(a)"), Some((Kind::Broken, text.to_owned())));
    }

    #[test]
    fn reading_where_there_is_no_store_says_what_makes_one() {
        let directory = tempfile::tempdir().unwrap();
        let error = Store::open_read_only(directory.path().join("none.db")).err().unwrap();
        assert_eq!(error.kind(), Kind::Broken);
        assert!(error.to_string().ends_with("none.db; `floodmark run` makes it"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_sqlite_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        std::fs::write(&path, "a,b\n".repeat(300)).unwrap();
        assert_eq!(Store::open(&path).err().unwrap().kind(), Kind::Broken);
    }
}
