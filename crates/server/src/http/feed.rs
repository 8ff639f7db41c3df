//! Pagination of feeds: cursors in queries and responses.
//!
//! A cursor names the position after the last item of a page, so items that are inserted meanwhile neither shift nor repeat others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{ApiError, Query};
use crate::json::Object;

/// The page that a query for a feed asks for.
pub(crate) struct FeedQuery {
    pub(crate) size: u32,
    /// The numbers of the position that the page follows, or `None` for the first page.
    pub(crate) after: Option<Vec<i64>>,
}

impl FeedQuery {
    /// Reads the parameters `page_size` and `cursor`. A cursor consists of `numbers` numbers.
    pub(crate) fn read(query: &Query, numbers: usize) -> Result<Self, ApiError> {
        let size = query.integer("page_size", 0..=100, 50)?;
        let cursor = query.text("cursor")?.filter(|cursor| !cursor.is_empty());
        let after = cursor
            .map(|cursor| {
                decode(cursor).filter(|position| position.len() == numbers).ok_or_else(|| {
                    ApiError::validation("cursor: expected the `next` of a previous page")
                })
            })
            .transpose()?;
        Ok(Self { size: size as u32, after })
    }
}

/// Writes the fields of a feed that follow its results. Clients use either of the two.
pub(crate) fn write_cursor(feed: &mut Object<'_>, next: Option<&[i64]>) {
    let next = next.map(encode);
    feed.optional_string("next", next.as_deref());
    feed.optional_string("cursor", next.as_deref());
}

fn encode(position: &[i64]) -> String {
    let bytes: Vec<u8> = position.iter().flat_map(|number| number.to_be_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(cursor: &str) -> Option<Vec<i64>> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (numbers, rest) = bytes.as_chunks();
    rest.is_empty().then(|| numbers.iter().copied().map(i64::from_be_bytes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<FeedQuery, ApiError> {
        FeedQuery::read(&Query::of(&format!("/?{query}").parse().unwrap()), 2)
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for position in [[0, 0], [i64::MIN, i64::MAX], [1_786_000_000_000_000, -7]] {
            let feed = read(&format!("page_size=3&cursor={}", encode(&position))).unwrap();
            assert_eq!((feed.size, feed.after.as_deref()), (3, Some(&position[..])));
        }
        let first = read("cursor=").unwrap();
        assert_eq!((first.size, first.after), (50, None));
    }

    #[test]
    fn invalid_cursors_are_rejected() {
        let short = encode(&[1]);
        for cursor in ["x", "%00", "AAAA", &short, "page-2"] {
            assert!(read(&format!("cursor={cursor}")).is_err(), "{cursor}");
        }
        assert!(read("page_size=101").is_err());
    }
}
