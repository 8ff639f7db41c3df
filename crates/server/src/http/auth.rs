//! Authentication by API key.

use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use axum::extract::{FromRef, FromRequestParts};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{ApiError, HttpContext};
use crate::config::Workspaces;
use crate::keys::{ApiKey, digest, id};

/// The accepted API keys, stored as hashes only. They can be replaced while the server runs.
pub(crate) struct Keys {
    accepted: RwLock<Vec<ApiKey>>,
    workspaces: Workspaces,
}

/// The authenticated caller of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) workspace: Uuid,
    pub(crate) user: Uuid,
}

// Shows the number of keys only: hashes do not belong in logs either.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.accepted().len())
    }
}

impl Keys {
    pub(crate) fn new(keys: Vec<ApiKey>, workspaces: Workspaces) -> Self {
        Self { accepted: RwLock::new(keys), workspaces }
    }

    /// Replaces the accepted keys, from the next request on.
    pub(crate) fn replace(&self, keys: Vec<ApiKey>) {
        *self.accepted.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn accepted(&self) -> RwLockReadGuard<'_, Vec<ApiKey>> {
        self.accepted.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether any key is accepted, that is, whether no keys are configured.
    pub(crate) fn accept_any(&self) -> bool {
        self.accepted().is_empty()
    }

    /// Returns the caller with a key, or `None` if the key is not accepted.
    fn caller(&self, key: &str) -> Option<Caller> {
        let accepted = self.accepted();
        if accepted.is_empty() {
            return Some(self.caller_with(&ApiKey::new(key)));
        }
        let digest = digest(key);
        // Compares with every key, each in constant time, so that the duration does not reveal which key is similar.
        let mut found = None;
        for known in accepted.iter() {
            if bool::from(known.digest[..].ct_eq(&digest[..])) {
                found = Some(known);
            }
        }
        found.map(|known| self.caller_with(known))
    }

    fn caller_with(&self, key: &ApiKey) -> Caller {
        match self.workspaces {
            Workspaces::Shared if key.workspace().is_none() => {
                Caller { workspace: id("workspace", ""), user: id("user", "") }
            }
            Workspaces::Shared | Workspaces::PerKey => {
                Caller { workspace: key.workspace_id, user: key.user_id }
            }
        }
    }
}

impl<S> FromRequestParts<S> for Caller
where
    HttpContext: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let context = HttpContext::from_ref(state);
        let caller = match parts.extensions.get() {
            // A middleware may have authenticated the request already.
            Some(caller) => *caller,
            None => Self::from_headers(&parts.headers, &context)?,
        };
        let hook = context.workspace_hook.as_ref();
        if let Some(preparation) = hook.and_then(|hook| hook.prepare(caller.workspace, caller.user))
        {
            preparation.await?;
        }
        Ok(caller)
    }
}

impl Caller {
    /// Authenticates a request by its headers.
    pub(crate) fn from_headers(
        headers: &HeaderMap,
        context: &HttpContext,
    ) -> Result<Self, ApiError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            let message = "exactly one header `Authorization: Bearer KEY` is required";
            return Err(ApiError::unauthorized(message));
        };
        let Some(key) = value.to_str().ok().and_then(bearer) else {
            let message = "the header `Authorization` must have the form `Bearer KEY`";
            return Err(ApiError::unauthorized(message));
        };
        context.keys.caller(key).ok_or_else(ApiError::invalid_key)
    }
}

/// Returns the key in the value of an `Authorization` header. The scheme is case-insensitive.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.trim().split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_tokens_are_parsed() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bEARER  abc "), Some("abc"));
        for value in ["", "Bearer", "Bearer ", "abc", "Basic abc", "Bearerabc"] {
            assert_eq!(bearer(value), None, "{value}");
        }
    }

    #[test]
    fn each_key_has_its_own_workspace_unless_workspaces_are_shared() {
        let workspace = |workspaces, key| {
            Keys::new(Vec::new(), workspaces).caller(key).expect("every key is accepted").workspace
        };
        use Workspaces::{PerKey, Shared};
        assert_eq!(workspace(PerKey, "a"), workspace(PerKey, "a"));
        assert_ne!(workspace(PerKey, "a"), workspace(PerKey, "b"));
        assert_eq!(workspace(Shared, "a"), workspace(Shared, "b"));
    }

    #[test]
    fn only_configured_keys_are_accepted() {
        let keys =
            Keys::new(vec!["a".into(), ApiKey::with_workspace("c", "b")], Workspaces::PerKey);
        assert!(keys.caller("a").is_some() && keys.caller("b").is_some());
        assert!(keys.caller("c").is_none() && keys.caller("").is_none());
        assert_eq!(format!("{keys:?}"), "Keys(2)");
        keys.replace(vec!["c".into()]);
        assert!(keys.caller("a").is_none() && keys.caller("c").is_some());
    }
}
