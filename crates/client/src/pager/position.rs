//! Where a pager has read to in a listing from which items may be deleted.
//!
//! Pages are ranges of positions, so deleting an item moves all later items to an earlier position, possibly to a page that was
//! read already. The server's count, which every page contains, shows that: if it has fallen by `n` since the previous page, the
//! first unread item is at most `n` positions before the end of that page. The pager then goes back to the page with that
//! position, and drops the items that it has yielded.
//!
//! The count cannot show deletions that are outweighed by insertions between the same two pages.

use super::recent_ids;

/// How often in a row the pager goes back without finding an item before it gives up. Otherwise a count that falls with every
/// page would keep it busy forever.
const MAX_FRUITLESS_RETURNS: u32 = 16;

/// What to do with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Every item before the page has been read.
    Accept,
    /// Unread items may have moved to earlier pages. Continue with this page instead.
    GoBack(i64),
    /// Unread items may have moved out of reach. Continue with this page, or with the page itself, if that is acceptable.
    Lost(Option<i64>),
}

/// The position of a pager.
#[derive(Debug)]
pub(super) struct Position {
    page_size: i64,
    /// The position of the first item of the pager's first page.
    start: i64,
    /// All items before this position have been read.
    frontier: i64,
    /// Deletions cannot have left any item that was read at or after this position.
    read_end: i64,
    /// The server's count according to the last page.
    count: Option<i64>,
    fruitless_returns: u32,
}

impl Position {
    pub(super) fn new(first_page: i64, page_size: i64) -> Self {
        let start = first_page.saturating_sub(1).saturating_mul(page_size);
        Self {
            page_size,
            start,
            frontier: start,
            read_end: start,
            count: None,
            fruitless_returns: 0,
        }
    }

    /// Returns the server's count according to the last page.
    pub(super) fn count(&self) -> Option<i64> {
        self.count
    }

    /// Decides what to do with a page, given its number and the server's count when it sent the page.
    pub(super) fn step(&mut self, page: i64, count: i64) -> Step {
        let deleted = self.count.map_or(0, |before| before.saturating_sub(count).max(0));
        self.count = Some(count);
        if deleted == 0 {
            return Step::Accept;
        }
        self.frontier = self.frontier.saturating_sub(deleted).max(0);
        if self.page_start(page) <= self.frontier {
            return Step::Accept;
        }
        let is_in_range = self.frontier >= self.start;
        self.frontier = self.frontier.max(self.start);
        // Items before the remembered ones cannot be told from unread items.
        let earliest = self.read_end.saturating_sub(recent_ids::CAPACITY as i64);
        let target = self.page_of(self.frontier);
        if self.fruitless_returns >= MAX_FRUITLESS_RETURNS {
            self.frontier = self.page_start(page);
            return Step::Lost(None);
        }
        self.fruitless_returns += 1;
        if is_in_range && self.page_start(target) >= earliest {
            return Step::GoBack(target);
        }
        let reachable =
            self.page_of(earliest.max(self.frontier).saturating_add(self.page_size - 1));
        self.frontier = self.page_start(reachable);
        Step::Lost(Some(reachable).filter(|reachable| *reachable < page))
    }

    /// Moves the position to the end of a page that was accepted.
    pub(super) fn accept(&mut self, page: i64, has_new_items: bool) {
        self.frontier = self.page_start(page.saturating_add(1));
        self.read_end = self.read_end.max(self.frontier);
        if has_new_items {
            self.fruitless_returns = 0;
        }
    }

    /// Returns whether items on this page may have been read earlier because the pager went back.
    pub(super) fn is_reread(&self, page: i64) -> bool {
        self.page_start(page.saturating_add(1)) <= self.read_end
    }

    fn page_start(&self, page: i64) -> i64 {
        page.saturating_sub(1).saturating_mul(self.page_size)
    }

    fn page_of(&self, position: i64) -> i64 {
        position / self.page_size + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts the pages from 1 to `last`, all with the same count.
    fn after(last: i64, count: i64) -> Position {
        let mut position = Position::new(1, 100);
        for page in 1..=last {
            assert_eq!(position.step(page, count), Step::Accept);
            position.accept(page, true);
        }
        position
    }

    #[test]
    fn a_fallen_count_goes_back_to_the_page_of_the_first_unread_item() {
        assert_eq!(after(3, 2_500).step(4, 2_500), Step::Accept);
        assert_eq!(after(3, 2_500).step(4, 2_600), Step::Accept);
        assert_eq!(after(3, 2_500).step(4, 2_499), Step::GoBack(3));
        assert_eq!(after(3, 2_500).step(4, 2_400), Step::GoBack(3));
        assert_eq!(after(3, 2_500).step(4, 2_399), Step::GoBack(2));
        assert_eq!(after(3, 2_500).step(4, 2_200), Step::GoBack(1));
    }

    #[test]
    fn a_page_that_begins_before_the_first_unread_item_is_accepted() {
        let mut position = after(3, 2_500);
        assert_eq!(position.step(4, 2_450), Step::GoBack(3));
        assert!(position.is_reread(3) && !position.is_reread(4));
        // 50 more items may have moved before it is too late for this page.
        assert_eq!(position.step(3, 2_400), Step::Accept);
        position.accept(3, true);
        assert_eq!(position.step(4, 2_399), Step::GoBack(3));

        // Nothing is before the first page.
        let mut position = after(1, 2_500);
        assert_eq!(position.step(2, 2_400), Step::GoBack(1));
        assert_eq!(position.step(1, 2_300), Step::Accept);
    }

    #[test]
    fn deletions_beyond_the_remembered_items_are_out_of_reach() {
        let mut position = after(150, 20_000);
        assert_eq!(position.step(151, 10_000), Step::GoBack(51));
        let mut position = after(150, 20_000);
        assert_eq!(position.step(151, 9_999), Step::Lost(Some(51)));
        // A pager that started at a later page does not go back to earlier ones.
        let mut position = Position::new(3, 100);
        assert_eq!(position.step(3, 500), Step::Accept);
        position.accept(3, true);
        assert_eq!(position.step(4, 399), Step::Lost(Some(3)));
    }

    #[test]
    fn a_count_that_keeps_falling_does_not_go_back_forever() {
        let mut position = after(3, 2_500);
        let mut returns = 0;
        for count in (0..2_500).rev() {
            match position.step(4, count) {
                Step::GoBack(page) => {
                    position.step(page, count);
                    position.accept(3, false);
                    returns += 1;
                }
                step => {
                    assert_eq!(step, Step::Lost(None));
                    break;
                }
            }
        }
        assert_eq!(returns, MAX_FRUITLESS_RETURNS);
    }

    #[test]
    fn extreme_counts_do_not_overflow() {
        let mut position = Position::new(1, 100);
        assert_eq!(position.step(1, i64::MAX), Step::Accept);
        position.accept(1, true);
        assert_eq!(position.step(2, i64::MIN), Step::GoBack(1));
        position.accept(i64::MAX, true);
        assert_eq!(position.step(i64::MAX, i64::MAX), Step::Accept);
    }
}
