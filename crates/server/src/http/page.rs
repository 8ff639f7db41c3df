//! Pagination: page numbers in queries, and links to the previous and next page.

use std::fmt::Write as _;

use axum::extract::{FromRef, FromRequestParts};
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{ApiError, HttpContext, MAX_INTEGER, Query};
use crate::json::Object;
use crate::storage::Window;

/// The page that a query asks for.
pub(crate) struct PageQuery {
    /// Counted from 1.
    page: u64,
    size: u64,
    /// Other parameters, which the links to other pages repeat.
    filters: Vec<(&'static str, String)>,
}

impl PageQuery {
    pub(crate) fn read(query: &Query) -> Result<Self, ApiError> {
        Ok(Self {
            page: query.integer("page", 1..=MAX_INTEGER, 1)?,
            size: query.integer("page_size", 0..=100, 50)?,
            filters: Vec::new(),
        })
    }

    /// Repeats a parameter with several values in the links to other pages.
    pub(crate) fn repeating(mut self, name: &'static str, values: &[String]) -> Self {
        self.filters.extend(values.iter().map(|value| (name, value.clone())));
        self
    }

    pub(crate) fn window(&self) -> Window {
        let offset = (self.page - 1).saturating_mul(self.size);
        // A page has at most 100 items, so this does not truncate.
        Window { offset, limit: self.size as u32 }
    }

    /// Returns the numbers of the previous and the next page of `count` results. For a page beyond the end, the previous page is
    /// the last one. With a page size of 0, both are `None`.
    fn neighbours(&self, count: u64) -> (Option<u64>, Option<u64>) {
        if self.size == 0 {
            return (None, None);
        }
        let last = count.div_ceil(self.size).max(1);
        let previous = (self.page > 1).then(|| (self.page - 1).min(last));
        let next = (self.page < last).then(|| self.page + 1);
        (previous, next)
    }

    /// Writes the fields of a page except its results.
    pub(crate) fn write(
        &self,
        page: &mut Object<'_>,
        count: u64,
        base: &BaseUrl,
        text: Option<&str>,
    ) {
        let link = |number: u64| {
            let mut link = base.request_url();
            let _ = write!(link, "?page_size={}&page={number}", self.size);
            let text = text.map(|text| ("q", text));
            let filters = self.filters.iter().map(|(name, value)| (*name, value.as_str()));
            for (name, value) in filters.chain(text) {
                let _ = write!(link, "&{name}={}", utf8_percent_encode(value, QUERY));
            }
            link
        };
        let (previous, next) = self.neighbours(count);
        page.integer("count", count);
        page.optional_string("next", next.map(link).as_deref());
        page.optional_string("previous", previous.map(link).as_deref());
    }
}

/// The characters to percent-encode in a query: all except the unreserved ones.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Extracts the URL that links in responses are based on: the configured public URL, or the one by which the client reached the
/// server.
pub(crate) struct BaseUrl {
    base: String,
    /// The base of signed links, if it is another one.
    links: Option<String>,
    path: String,
}

impl BaseUrl {
    /// Returns the URL of a path on this server.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Returns the URL of a signed link.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.links.as_ref().unwrap_or(&self.base))
    }

    /// Returns the URL of the request without its query.
    fn request_url(&self) -> String {
        self.join(&self.path)
    }
}

impl<S> FromRequestParts<S> for BaseUrl
where
    HttpContext: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let context = HttpContext::from_ref(state);
        let base = match &context.public_url {
            Some(url) => url.clone(),
            None => {
                let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
                // An invalid `Host` would produce links that are broken or lead elsewhere.
                let host = host.and_then(|host| host.parse::<Authority>().ok());
                let host = host.filter(|host| !host.as_str().contains('@'));
                host.map_or_else(|| context.local_url.clone(), |host| format!("http://{host}"))
            }
        };
        Ok(Self { base, links: context.links_url.clone(), path: parts.uri.path().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previous_and_next_pages_are_computed() {
        for (page, size, count, previous, next) in [
            (1, 50, 0, None, None),
            (1, 50, 50, None, None),
            (1, 50, 51, None, Some(2)),
            (2, 50, 51, Some(1), None),
            (2, 10, 100, Some(1), Some(3)),
            (1_000, 10, 15, Some(2), None),
            (7, 10, 0, Some(1), None),
            (3, 0, 100, None, None),
        ] {
            let query = PageQuery { page, size, filters: Vec::new() };
            assert_eq!(query.neighbours(count), (previous, next), "{page} {size} {count}");
        }
    }

    #[test]
    fn offsets_saturate() {
        assert_eq!(
            PageQuery { page: u64::MAX, size: 100, filters: Vec::new() }.window().offset,
            u64::MAX
        );
    }
}
