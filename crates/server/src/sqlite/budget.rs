//! Estimates how much disk space writes need, so that they can be refused before anything is written.
//!
//! A page is written twice: to the WAL, and by a checkpoint to the database file. Both are counted for every write before its
//! transaction starts, except for the space in both files that can be reused.

use std::iter::Sum;

use super::connection;

/// The size of a page in bytes.
const PAGE: u64 = connection::PAGE_SIZE as u64;

/// Pages that any write may touch: the last pages of a few B-trees and those above them, counts, totals, and pages of the file's
/// own bookkeeping.
const BASE: u64 = 10 * PAGE;

/// An upper bound of the size of the pages that a write changes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost(u64);

impl Cost {
    /// The cost of a write of a few small rows.
    pub(super) const SMALL: Self = Self(BASE);

    /// The cost of inserting or replacing rows with large columns of `bytes` bytes in total.
    pub(super) const fn insert(rows: u64, bytes: u64) -> Self {
        // Long values fill their pages, except for the last one. Short rows share pages, but two of a bit more than half a page
        // do not fit into one.
        let partial = if bytes < rows * PAGE { bytes } else { rows * PAGE };
        Self(BASE + bytes + partial + rows * 256)
    }

    /// The cost of changing a number of pages that lie far apart, such as those of indexes.
    pub(super) const fn pages(count: u64) -> Self {
        Self(count * PAGE)
    }

    /// The cost of deleting rows that lie far apart. Deleting a row changes a page each in a table and its index, where it is counted,
    /// and where its pages are registered as free.
    pub(super) const fn delete(rows: u64) -> Self {
        Self(BASE + rows * 4 * PAGE)
    }

    pub(super) const fn bytes(self) -> u64 {
        self.0
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        Self(costs.map(|cost| cost.0).sum())
    }
}

/// The space that a transaction may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Bytes that can still be claimed.
    pub(super) unclaimed: u64,
    /// Bytes of the WAL file that will be overwritten.
    pub(super) reusable_wal: u64,
    /// Bytes of the database file that are free.
    pub(super) free_pages: u64,
}

impl Budget {
    /// Returns how many bytes a transaction that changes pages of `bytes` bytes adds to both files.
    pub(super) fn growth(&self, bytes: u64) -> u64 {
        // Every page in the WAL has a header.
        let wal = bytes + bytes / 256;
        wal.saturating_sub(self.reusable_wal).saturating_add(bytes.saturating_sub(self.free_pages))
    }

    /// Returns whether a transaction that changes pages of `bytes` bytes fits.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        self.growth(bytes) <= self.unclaimed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_counted_in_both_files() {
        let budget = Budget { unclaimed: 10_000, reusable_wal: 0, free_pages: 0 };
        assert!(budget.fits(4_900));
        assert!(!budget.fits(5_000));
        let reusing = Budget { reusable_wal: 3_000, free_pages: 2_000, ..budget };
        assert!(reusing.fits(7_400));
        assert!(!reusing.fits(7_600));
    }

    #[test]
    fn large_values_cost_little_more_than_their_size() {
        let overhead = |rows, bytes| Cost::insert(rows, bytes).bytes() - BASE - bytes;
        assert_eq!(overhead(1, 3 << 20), PAGE + 256);
        assert_eq!(overhead(100, 10_000), 10_000 + 25_600);
    }
}
