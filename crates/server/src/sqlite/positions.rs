//! Finds the nth live record of a run, and the nth live file of a workspace.

use rusqlite::{Connection, params};

use crate::storage::StorageError;
use crate::storage::positions::FAN_OUT_BITS;
pub(super) use crate::storage::positions::{CAPACITY, LEVELS, block_bits, key, last_key, split};

/// The queries for a sequence of positions, such as the records of a run.
pub(super) struct Sequence {
    /// Returns the deletions per block. Its parameters are the sequence, the level, and the first and last block.
    pub(super) deletions: &'static str,
    /// Returns a live position. Its parameters are the sequence, a position, and how many live positions to skip from there.
    pub(super) skip: &'static str,
}

/// The records of a run.
const RECORDS: Sequence = Sequence {
    deletions: "SELECT block, lost FROM gaps \
                WHERE run = ?1 AND level = ?2 AND block BETWEEN ?3 AND ?4 ORDER BY block",
    skip: "SELECT key & 4294967295 FROM records WHERE key >= (?1 << 32 | ?2) ORDER BY key LIMIT 1 OFFSET ?3",
};

/// Counts the deletion of the record at a key.
pub(super) fn count_deletion(connection: &Connection, key: i64) -> Result<(), StorageError> {
    let (run, position) = split(key);
    let mut statement = connection.prepare_cached(
        "INSERT INTO gaps (run, level, block, lost) VALUES (?1, ?2, ?3, 1) \
         ON CONFLICT DO UPDATE SET lost = lost + 1",
    )?;
    for level in 0..LEVELS {
        statement.execute(params![run, level, position >> block_bits(level)])?;
    }
    Ok(())
}

/// Returns the key of the nth live record of a run, counted from 0. The run must have more than n live records.
pub(super) fn nth(connection: &Connection, run: i64, n: u64) -> Result<i64, StorageError> {
    nth_position(connection, &RECORDS, run, n).map(|position| key(run, position))
}

/// Returns the nth live position of a sequence, counted from 0. It must have more than n live positions.
pub(super) fn nth_position(
    connection: &Connection,
    sequence: &Sequence,
    id: i64,
    n: u64,
) -> Result<u64, StorageError> {
    let mut deletions = connection.prepare_cached(sequence.deletions)?;
    // The range of blocks to search, and the number of deletions before it.
    let (mut first, mut last, mut deleted_before) = (0, u64::from(u32::MAX), 0);
    for level in (0..LEVELS).rev() {
        let bits = block_bits(level);
        let mut rows = deletions.query(params![id, level, first, last])?;
        let found = loop {
            let Some(row) = rows.next()? else { break None };
            let (block, deleted): (u64, u64) = (row.get(0)?, row.get(1)?);
            let live_before = (block << bits) - deleted_before;
            if live_before > n {
                break None;
            }
            if live_before + (1 << bits) - deleted > n {
                break Some(block);
            }
            deleted_before += deleted;
        };
        let Some(block) = found else {
            // The block of the record has no deletions: only earlier ones shift its position.
            return Ok(n + deleted_before);
        };
        if level == 0 {
            let start = block << bits;
            let skip = n - (start - deleted_before);
            let found = connection
                .prepare_cached(sequence.skip)?
                .query_row(params![id, start, skip], |row| row.get(0))?;
            return Ok(found);
        }
        first = block << FAN_OUT_BITS;
        last = first + (1 << FAN_OUT_BITS) - 1;
    }
    unreachable!("the lowest level always returns")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::seq::{IteratorRandom, SliceRandom};
    use rand::{Rng, SeedableRng};

    use super::*;

    const RUN: i64 = 7;

    /// A run of records, and the positions of the live ones.
    struct Run {
        connection: Connection,
        live: BTreeSet<u64>,
    }

    impl Run {
        fn of(size: u64) -> Self {
            let connection = Connection::open_in_memory().unwrap();
            connection
                .execute_batch(
                    "CREATE TABLE records (key INTEGER PRIMARY KEY);
                     CREATE TABLE gaps (run INTEGER, level INTEGER, block INTEGER, lost INTEGER,
                                        PRIMARY KEY (run, level, block));
                     BEGIN",
                )
                .unwrap();
            let run = Self { connection, live: (0..size).collect() };
            for position in 0..size {
                run.execute("INSERT INTO records VALUES (?1)", position);
            }
            run
        }

        fn execute(&self, sql: &str, position: u64) {
            self.connection.prepare_cached(sql).unwrap().execute([key(RUN, position)]).unwrap();
        }

        fn delete(&mut self, position: u64) {
            if self.live.remove(&position) {
                self.execute("DELETE FROM records WHERE key = ?1", position);
                count_deletion(&self.connection, key(RUN, position)).unwrap();
            }
        }

        /// Compares every `step`th record with the expected position.
        fn check(&self, step: usize) {
            for (n, position) in self.live.iter().enumerate().step_by(step) {
                assert_eq!(
                    split(nth(&self.connection, RUN, n as u64).unwrap()),
                    (RUN, *position),
                    "n = {n}"
                );
            }
        }
    }

    #[test]
    fn without_deletions_the_nth_record_is_at_position_n() {
        Run::of(1_000).check(1);
    }

    #[test]
    fn deleted_ranges_and_blocks_are_skipped() {
        let mut run = Run::of(20_000);
        for range in [0..5_000, 8_191..8_193, 12_288..16_384, 19_990..20_000] {
            range.for_each(|position| run.delete(position));
        }
        run.check(1);
    }

    #[test]
    fn random_deletions_are_counted() {
        let mut random = StdRng::seed_from_u64(1);
        let mut run = Run::of(5_000);
        let mut positions: Vec<u64> = (0..5_000).collect();
        positions.shuffle(&mut random);
        for (count, position) in positions.into_iter().enumerate() {
            run.delete(position);
            if count % 500 == 0 {
                run.check(7);
            }
        }
        assert!(run.live.is_empty());
    }

    #[test]
    fn deletions_in_several_of_the_largest_blocks_are_counted() {
        let mut random = StdRng::seed_from_u64(2);
        let mut run = Run::of(600_000);
        for _ in 0..2_000 {
            let from = random.random_range(0..600_000);
            let length = (1..40).choose(&mut random).unwrap();
            (from..(from + length).min(600_000)).for_each(|position| run.delete(position));
        }
        run.check(997);
    }
}
