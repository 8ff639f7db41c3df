//! Lists uploaded files, newest first.
//!
//! A page costs the same at any depth: its first file is found by position, and the total is a column. Only files that have expired
//! but are not deleted yet are counted one by one. A listing with a filter reads all files of the workspace.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::positions::{self, Sequence};
use super::{files, workspaces};
use crate::storage::{FileEntry, FileFilter, Listed, StorageError, Window, fold_case};
use crate::time::Timestamp;

/// The uploaded files of a workspace, in the order of their positions.
const FILES: Sequence = Sequence {
    deletions: "SELECT block, lost FROM file_gaps \
                WHERE workspace = ?1 AND level = ?2 AND block BETWEEN ?3 AND ?4 ORDER BY block",
    skip: "SELECT position FROM files INDEXED BY listed_files WHERE workspace = ?1 AND position >= ?2 \
           AND deleted_at IS NULL AND export = 0 ORDER BY position LIMIT 1 OFFSET ?3",
};

/// A query for the listed files of a workspace, newest first, with the columns that [`files::read`] expects.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT uuid, created_at, expires_at, name, bytes, purpose, mimetype, visibility, lines, signature ",
            "FROM files INDEXED BY listed_files WHERE workspace = ?1 AND deleted_at IS NULL AND export = 0 ",
            "AND (expires_at IS NULL OR expires_at > ?2) ",
            $condition
        )
    };
}

/// Returns a page of files and the number of all files.
pub(super) fn list(
    connection: &Connection,
    workspace: Uuid,
    filter: &FileFilter,
    window: Window,
) -> Result<Listed<FileEntry>, StorageError> {
    let Some(row) = workspaces::find(connection, workspace)? else {
        return Ok(Listed { count: 0, results: Vec::new() });
    };
    let now = Timestamp::now().micros();
    match (&filter.containing, &filter.purpose) {
        (None, None) => all(connection, row, now, window),
        _ => matching(connection, row, now, filter, window),
    }
}

fn all(
    connection: &Connection,
    workspace: i64,
    now: i64,
    window: Window,
) -> Result<Listed<FileEntry>, StorageError> {
    let stored: u64 = connection
        .prepare_cached("SELECT file_count FROM workspaces WHERE id = ?1")?
        .query_row([workspace], |row| row.get(0))?;
    let mut expired: Vec<u64> = connection
        .prepare_cached(
            "SELECT position FROM files INDEXED BY expired_files WHERE workspace = ?1 AND expires_at <= ?2 \
             AND deleted_at IS NULL AND export = 0 AND expires_at IS NOT NULL",
        )?
        .query_map([workspace, now], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    expired.sort_unstable();
    let count = stored.saturating_sub(expired.len() as u64);
    if window.offset >= count || window.limit == 0 {
        return Ok(Listed { count, results: Vec::new() });
    }
    // The newest file of the page has `offset` newer files, not counting those that have expired.
    let mut newer_expired = 0;
    let newest = loop {
        let newer = window.offset + newer_expired;
        let position = positions::nth_position(connection, &FILES, workspace, stored - 1 - newer)?;
        let found = (expired.len() - expired.partition_point(|other| *other <= position)) as u64;
        if found == newer_expired {
            break position;
        }
        newer_expired = found;
    };
    let mut statement =
        connection.prepare_cached(select!("AND position <= ?3 ORDER BY position DESC LIMIT ?4"))?;
    let results = statement
        .query_map(params![workspace, now, newest, window.limit], files::read)?
        .collect::<Result<_, _>>()?;
    Ok(Listed { count, results })
}

fn matching(
    connection: &Connection,
    workspace: i64,
    now: i64,
    filter: &FileFilter,
    window: Window,
) -> Result<Listed<FileEntry>, StorageError> {
    let mut statement = connection.prepare_cached(select!(
        "AND (?3 IS NULL OR instr(folded_name, ?3) > 0) AND (?4 IS NULL OR purpose = ?4) ORDER BY position DESC"
    ))?;
    let containing = filter.containing.as_deref().map(fold_case);
    let mut rows = statement.query(params![workspace, now, containing, filter.purpose])?;
    let mut listed = Listed { count: 0, results: Vec::new() };
    while let Some(row) = rows.next()? {
        if listed.count >= window.offset && listed.results.len() < window.limit as usize {
            listed.results.push(files::read(row)?);
        }
        listed.count += 1;
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::sqlite::schema;

    const WORKSPACE: Uuid = Uuid::from_u128(1);

    /// A database with a workspace and files, and the ids of the visible files, oldest first.
    struct Files {
        connection: Connection,
        workspace: i64,
        visible: Vec<Uuid>,
    }

    impl Files {
        fn new() -> Self {
            let mut connection = Connection::open_in_memory().unwrap();
            schema::migrate(&mut connection).unwrap();
            let workspace = workspaces::find_or_create(&connection, WORKSPACE).unwrap();
            // Positions are counted per workspace.
            workspaces::find_or_create(&connection, Uuid::nil()).unwrap();
            Self { connection, workspace, visible: Vec::new() }
        }

        fn add(&mut self, export: bool, expires_at: Option<i64>) {
            let id = Uuid::now_v7();
            for workspace in [self.workspace, self.workspace + 1] {
                let id = if workspace == self.workspace { id } else { Uuid::now_v7() };
                self.connection
                    .prepare_cached(
                        "INSERT INTO files (workspace, uuid, export, created_at, expires_at, name, folded_name, bytes, \
                         purpose, visibility, signature) VALUES (?1, ?2, ?3, 0, ?4, '', '', 0, '', '', '')",
                    )
                    .unwrap()
                    .execute(params![workspace, id, export, expires_at])
                    .unwrap();
            }
            if !export && expires_at.is_none() {
                self.visible.push(id);
            }
        }

        fn delete(&mut self, index: usize) {
            let id = self.visible.remove(index);
            self.connection
                .prepare_cached("UPDATE files SET deleted_at = 1 WHERE uuid = ?1")
                .unwrap()
                .execute([id])
                .unwrap();
        }

        /// Compares pages at every depth with the expected ones.
        fn check(&self, step: usize) {
            let total = self.visible.len();
            for offset in (0..=total).step_by(step).chain([total.saturating_sub(1), total + 1]) {
                let window = Window { offset: offset as u64, limit: 5 };
                let listed =
                    list(&self.connection, WORKSPACE, &FileFilter::default(), window).unwrap();
                let expected: Vec<_> =
                    self.visible.iter().rev().skip(offset).take(5).copied().collect();
                let found: Vec<_> = listed.results.iter().map(|file| file.id).collect();
                assert_eq!((listed.count, found), (total as u64, expected), "offset {offset}");
            }
        }
    }

    #[test]
    fn pages_are_exact_with_deleted_and_expired_files() {
        let mut files = Files::new();
        files.check(1);
        let mut random = StdRng::seed_from_u64(7);
        for round in 0..600 {
            match random.random_range(0..10) {
                0 => files.add(true, None),
                1 | 2 => files.add(false, Some(1)),
                3 if !files.visible.is_empty() => {
                    files.delete(random.random_range(0..files.visible.len()));
                }
                _ => files.add(false, None),
            }
            if round % 50 == 0 {
                files.check(7);
            }
        }
        // Whole blocks of files are deleted.
        for _ in 0..200 {
            files.delete(50);
        }
        files.check(1);
        files
            .connection
            .execute("UPDATE files SET deleted_at = 2 WHERE expires_at = 1", [])
            .unwrap();
        files.check(1);
        while !files.visible.is_empty() {
            files.delete(0);
        }
        files.check(1);
        files.add(false, None);
        files.check(1);
    }

    #[test]
    fn a_page_costs_the_same_at_any_depth() {
        let mut files = Files::new();
        files.connection.execute_batch("BEGIN").unwrap();
        for _ in 0..20_000 {
            files.add(false, None);
        }
        for index in (0..10_000).rev().step_by(3) {
            files.delete(index);
        }
        files.connection.execute_batch("COMMIT").unwrap();
        files.check(997);
        // The number of instructions of SQLite's virtual machine, in thousands.
        let mut cost = |offset| {
            let count = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
            let counter = std::sync::Arc::clone(&count);
            let handler = move || {
                counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                false
            };
            files.connection.progress_handler(100, Some(handler)).unwrap();
            let window = Window { offset, limit: 100 };
            let listed = list(&files.connection, WORKSPACE, &FileFilter::default(), window);
            assert_eq!(listed.unwrap().results.len(), 100);
            count.load(std::sync::atomic::Ordering::Relaxed)
        };
        let (first, middle, last) = (cost(0), cost(8_000), cost(16_000));
        assert!(middle <= 2 * first + 20 && last <= 2 * first + 20, "{first}, {middle}, {last}");
    }

    #[test]
    fn files_of_earlier_versions_get_positions() {
        let connection = Connection::open_in_memory().unwrap();
        schema::migrate_without_positions(&connection);
        connection
            .execute_batch(
                "INSERT INTO workspaces (id, uuid) VALUES (1, x'00000000000000000000000000000001'), (2, x'02');
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 100)
                 INSERT INTO files (workspace, uuid, export, created_at, deleted_at, name, folded_name, bytes, purpose,
                     visibility, signature)
                 SELECT 1 + n % 2, randomblob(16), n % 5 = 0, n, iif(n % 3 = 0, 1, NULL), n, n, 0, '', '', '' FROM n",
            )
            .unwrap();
        let mut files = Files { connection, workspace: 1, visible: Vec::new() };
        let expected = "SELECT uuid FROM files WHERE workspace = 1 AND export = 0 AND deleted_at IS NULL ORDER BY id";
        let mut statement = files.connection.prepare(expected).unwrap();
        let visible = statement.query_map([], |row| row.get(0)).unwrap();
        let visible: Vec<Uuid> = visible.collect::<Result<_, _>>().unwrap();
        drop(statement);
        files.visible = visible;
        schema::migrate(&mut files.connection).unwrap();
        assert!(files.visible.len() > 20);
        files.check(1);
        files.add(false, None);
        files.delete(3);
        files.check(1);
    }
}
