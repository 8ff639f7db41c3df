//! Counts deleted records, so that the nth record of a run is found quickly. The functions in `schema/1.sql` find it.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;

use super::params::params;
use crate::storage::StorageError;
pub(super) use crate::storage::positions::{CAPACITY, key, split};
use crate::storage::positions::{LEVELS, block_bits};

/// Counts the deletion of the records at these keys. Their datasets must be locked.
pub(super) async fn count_deletions(
    transaction: &Transaction<'_>,
    keys: &[i64],
) -> Result<(), StorageError> {
    let mut lost: BTreeMap<(i64, u32, u64), i64> = BTreeMap::new();
    for key in keys {
        let (run, position) = split(*key);
        for level in 0..LEVELS {
            *lost.entry((run, level, position >> block_bits(level))).or_default() += 1;
        }
    }
    let runs: Vec<i64> = lost.keys().map(|(run, ..)| *run).collect();
    let levels: Vec<i16> = lost.keys().map(|(_, level, _)| *level as i16).collect();
    let blocks: Vec<i64> = lost.keys().map(|(.., block)| *block as i64).collect();
    let counts: Vec<i64> = lost.into_values().collect();
    let sql = "INSERT INTO gaps (run, level, block, lost) \
               SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[]) \
               ON CONFLICT (run, level, block) DO UPDATE SET lost = gaps.lost + excluded.lost";
    transaction.execute_typed(sql, params![runs, levels, blocks, counts]).await?;
    Ok(())
}
