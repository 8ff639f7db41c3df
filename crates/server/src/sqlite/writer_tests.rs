//! Tests of the writer thread.

use std::path::{Path, PathBuf};

use futures::future::join_all;
use rusqlite::Connection;

use super::Synchronous;
use super::budget::Cost;
use super::wal::Wal;
use super::writer::{Durability, SpaceUse, Writer};
use crate::disk_space::DiskSpace;
use crate::storage::{Missing, Pending, StorageError};

fn start(mut connection: Connection) -> Writer {
    let path = PathBuf::from(connection.path().unwrap_or_default());
    let space = DiskSpace::without_reserve_file(path.parent().unwrap_or(Path::new(".")));
    let wal = Wal::start(&mut connection, path, Synchronous::Full, space).unwrap();
    Writer::start(connection, wal, Synchronous::Full).unwrap()
}

fn writer() -> Writer {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE numbers (number INTEGER)").unwrap();
    start(connection)
}

fn insert(writer: &Writer, number: i64, fail: bool) -> Pending<()> {
    writer.run(Durability::Full, SpaceUse::Consumes(Cost::SMALL), move |connection| {
        connection.execute("INSERT INTO numbers VALUES (?1)", [number])?;
        if fail { Err(Missing::Task.into()) } else { Ok(()) }
    })
}

async fn sum(writer: &Writer) -> i64 {
    let sum = writer.run(Durability::Full, SpaceUse::Consumes(Cost::SMALL), |connection| {
        Ok(connection
            .query_row("SELECT coalesce(sum(number), 0) FROM numbers", [], |row| row.get(0))?)
    });
    sum.await.unwrap()
}

#[tokio::test]
async fn a_failed_write_leaves_no_trace_and_does_not_affect_others() {
    let writer = writer();
    let results = join_all((0..100).map(|n| insert(&writer, 1, n % 10 == 0))).await;
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 10);
    assert_eq!(sum(&writer).await, 90);
}

#[tokio::test]
async fn a_panicking_write_fails_and_later_writes_succeed() {
    let writer = writer();
    let panicking =
        writer.run::<()>(Durability::Full, SpaceUse::Consumes(Cost::SMALL), |connection| {
            connection.execute("INSERT INTO numbers VALUES (1)", [])?;
            panic!("injected");
        });
    assert!(matches!(panicking.await, Err(StorageError::Failed(_))));
    insert(&writer, 2, false).await.unwrap();
    assert_eq!(sum(&writer).await, 2);
}

#[tokio::test]
async fn a_failed_commit_fails_every_write_of_the_batch() {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE parents (id INTEGER PRIMARY KEY);
             CREATE TABLE children (parent REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);",
        )
        .unwrap();
    let writer = start(connection);
    // A deferred constraint is only checked at commit.
    let orphan = writer.run(Durability::Full, SpaceUse::Consumes(Cost::SMALL), |connection| {
        connection.execute("INSERT INTO children VALUES (1)", [])?;
        Ok(())
    });
    assert!(matches!(orphan.await, Err(StorageError::Failed(_))));
    let count = writer.run(Durability::Full, SpaceUse::Consumes(Cost::SMALL), |connection| {
        let count: i64 =
            connection.query_row("SELECT count(*) FROM children", [], |row| row.get(0))?;
        Ok(count)
    });
    assert_eq!(count.await.unwrap(), 0);
}

#[tokio::test]
async fn pending_writes_are_committed_on_drop() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("numbers.sqlite3");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE numbers (number INTEGER)").unwrap();
    let writer = start(connection);
    let pending: Vec<_> = (0..50).map(|_| insert(&writer, 1, false)).collect();
    drop(writer);
    assert!(join_all(pending).await.iter().all(Result::is_ok));
    let count: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM numbers", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 50);
}
