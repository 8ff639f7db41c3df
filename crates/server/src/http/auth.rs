//! Who asks.

use std::fmt;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::ApiError;
use crate::app::App;
use crate::config::Workspaces;

/// The keys that are accepted, kept as hashes only.
pub(crate) struct Keys {
    accepted: Vec<[u8; 32]>,
    workspaces: Workspaces,
}

/// Who asks, and in which workspace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) workspace: Uuid,
    pub(crate) user: Uuid,
}

// Hashes of keys are nobody's business either.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.accepted.len())
    }
}

impl Keys {
    pub(crate) fn new(keys: &[String], workspaces: Workspaces) -> Self {
        Self { accepted: keys.iter().map(|key| hash("key", key)).collect(), workspaces }
    }

    /// Who has a key, if it is accepted. Comparing hashes takes a time that says nothing about the keys.
    fn caller(&self, key: &str) -> Option<Caller> {
        if !self.accepted.is_empty() && !self.accepted.contains(&hash("key", key)) {
            return None;
        }
        let whose = match self.workspaces {
            Workspaces::PerKey => key,
            Workspaces::Shared => "",
        };
        Some(Caller { workspace: id("workspace", whose), user: id("user", whose) })
    }
}

fn hash(purpose: &str, key: &str) -> [u8; 32] {
    Sha256::new().chain_update(purpose).chain_update([0]).chain_update(key).finalize().into()
}

/// An id that is always the same for a key, from which the key cannot be told.
fn id(purpose: &str, key: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash(purpose, key)[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match parts.extensions.get() {
            Some(known) => Ok(*known),
            None => Self::of(&parts.headers, app),
        }
    }
}

impl Caller {
    /// Who sent a request with these headers.
    pub(crate) fn of(headers: &HeaderMap, app: &App) -> Result<Self, ApiError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            let message = "one header `Authorization: Bearer KEY` is needed";
            return Err(ApiError::unauthorized(message));
        };
        let Some(key) = value.to_str().ok().and_then(bearer) else {
            let message = "the header `Authorization` must have the form `Bearer KEY`";
            return Err(ApiError::unauthorized(message));
        };
        app.keys.caller(key).ok_or_else(|| ApiError::unauthorized("the key is not accepted"))
    }
}

/// The key of a header's value. The name of the scheme may be written in any case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.trim().split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_in_its_forms() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bEARER  abc "), Some("abc"));
        for value in ["", "Bearer", "Bearer ", "abc", "Basic abc", "Bearerabc"] {
            assert_eq!(bearer(value), None, "{value}");
        }
    }

    #[test]
    fn keys_have_workspaces_of_their_own_unless_they_share_one() {
        let workspace = |workspaces, key| {
            Keys::new(&[], workspaces).caller(key).expect("every key is accepted").workspace
        };
        use Workspaces::{PerKey, Shared};
        assert_eq!(workspace(PerKey, "a"), workspace(PerKey, "a"));
        assert_ne!(workspace(PerKey, "a"), workspace(PerKey, "b"));
        assert_eq!(workspace(Shared, "a"), workspace(Shared, "b"));
    }

    #[test]
    fn with_keys_configured_no_other_is_accepted() {
        let keys = Keys::new(&["a".to_owned(), "b".to_owned()], Workspaces::PerKey);
        assert!(keys.caller("a").is_some() && keys.caller("b").is_some());
        assert!(keys.caller("c").is_none() && keys.caller("").is_none());
        assert_eq!(format!("{keys:?}"), "Keys(2)");
    }
}
