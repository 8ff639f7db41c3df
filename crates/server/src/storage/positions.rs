//! Positions of records in a run, and the blocks that count their deletions.
//!
//! Positions are assigned without gaps, so in a run without deletions the nth record is at position n. Each deletion is counted in
//! the blocks that contain its position: blocks of 64 positions, of 64², and of 64³. Finding the nth record sums at most about 64
//! counts per level and skips at most 63 records, independent of the size of the run and the number of deletions.

/// The number of blocks of one level in a block of the next, as a power of two.
pub(crate) const FAN_OUT_BITS: u32 = 6;

/// The number of block levels. The largest blocks have 64³ = 262,144 positions.
pub(crate) const LEVELS: u32 = 3;

/// The number of positions in a run. A position takes 32 bits of a key.
pub(crate) const CAPACITY: u64 = 1 << 32;

/// Returns the key of a position in a run.
pub(crate) fn key(run: i64, position: u64) -> i64 {
    run << 32 | position as i64
}

/// Returns the run and the position of a key.
pub(crate) fn split(key: i64) -> (i64, u64) {
    (key >> 32, key as u64 & 0xffff_ffff)
}

/// Returns the last possible key of a run.
pub(crate) fn last_key(run: i64) -> i64 {
    key(run, 0xffff_ffff)
}

/// Returns the block size of a level, as a power of two.
pub(crate) fn block_bits(level: u32) -> u32 {
    FAN_OUT_BITS * (level + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_contain_run_and_position() {
        for (run, position) in [(1, 0), (7, 262_144), (1 << 30, 0xffff_ffff)] {
            assert_eq!(split(key(run, position)), (run, position));
        }
    }
}
