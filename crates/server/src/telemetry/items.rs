//! The spans or log records of a request, which are projected in parts to bound the memory that they take.

/// How many bytes the items of a request may take in the storage. They share resources and scopes that are stored with each, so that
/// a small request could fill the disk.
const MAX_STORED_BYTES: u64 = 256 << 20;

/// How many items are taken at once.
const MAX_ITEMS: usize = 500;

/// The items of a request that are not stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) count: i64,
    /// Why the first of them is not stored.
    pub(crate) reason: Option<&'static str>,
}

/// The items of a request that are not taken yet.
pub(crate) struct Items<T> {
    items: Box<dyn Iterator<Item = Result<T, &'static str>> + Send>,
    size: fn(&T) -> u64,
    stored: u64,
    rejected: Rejected,
}

impl<T> Items<T> {
    pub(super) fn new(
        items: impl Iterator<Item = Result<T, &'static str>> + Send + 'static,
        size: fn(&T) -> u64,
    ) -> Self {
        Self { items: Box::new(items), size, stored: 0, rejected: Rejected::default() }
    }

    /// Takes items up to the one that reaches `max_bytes`. Returns none once all are taken.
    pub(crate) fn take(&mut self, max_bytes: u64) -> Vec<T> {
        let (mut part, mut size) = (Vec::new(), 0);
        while size < max_bytes
            && part.len() < MAX_ITEMS
            && let Some(item) = self.items.next()
        {
            let item = item.and_then(|item| {
                let bytes = (self.size)(&item);
                if self.stored + bytes > MAX_STORED_BYTES {
                    return Err(
                        "the items of the request take too much space with their resources",
                    );
                }
                self.stored += bytes;
                size += bytes;
                Ok(item)
            });
            match item {
                Ok(item) => part.push(item),
                Err(reason) => {
                    self.rejected.count += 1;
                    self.rejected.reason.get_or_insert(reason);
                }
            }
        }
        part
    }

    /// Returns which of the items taken until now are not stored.
    pub(crate) fn rejected(&self) -> &Rejected {
        &self.rejected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_with_the_item_that_reaches_the_size() {
        let items = [Ok(1), Ok(10), Err("odd"), Ok(3), Ok(4), Ok(3)];
        let mut items = Items::new(items.into_iter(), |item| *item);
        let parts: Vec<_> =
            std::iter::from_fn(|| Some(items.take(10)).filter(|part| !part.is_empty())).collect();
        assert_eq!(parts, [vec![1, 10], vec![3, 4, 3]]);
        assert_eq!(*items.rejected(), Rejected { count: 1, reason: Some("odd") });
    }

    #[test]
    fn items_beyond_the_stored_size_are_rejected() {
        let half = MAX_STORED_BYTES / 2;
        let mut items = Items::new([Ok(half), Ok(half), Ok(1)].into_iter(), |item| *item);
        assert_eq!((items.take(u64::MAX).len(), items.rejected().count), (2, 1));
    }
}
