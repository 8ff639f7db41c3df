//! By which names a server may be reached that accepts every key.
//!
//! The owner of a web page can make its name lead to a loopback address (DNS rebinding). Browsers then take this server for a
//! part of the page, and let the page send any key and read every response. Only the name in the request gives that away.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri};
use mistral_datasets_types::ErrorCode;

use crate::http::{ApiError, HttpContext};

/// Refuses requests that were sent to another name than the server's own while every key is accepted. Where keys are
/// configured, a page would have to know one.
pub(crate) async fn check_host(
    State(context): State<HttpContext>,
    request: Request,
    next: Next,
) -> Response {
    if context.keys.accept_any() && !is_allowed(request.headers(), context.public_url.as_deref()) {
        return ApiError::new(
            StatusCode::FORBIDDEN,
            ErrorCode::AuthForbidden,
            "while it accepts every key, the server answers to `localhost` and to addresses such as 127.0.0.1 only, and the \
             header `Host` names something else; use one of those, give the server a key, or tell it its public URL",
        )
        .into_response();
    }
    next.run(request).await
}

/// Whether the host is one that no page can have: an address, a name that always means this machine, or the configured one.
/// Who names no host is no browser.
fn is_allowed(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else { return true };
    let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    let (Some(authority), None) = (authority, hosts.next()) else { return false };
    let name = authority.host().to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || public_url
            .and_then(|url| url.parse::<Uri>().ok())
            .is_some_and(|url| url.host().is_some_and(|host| host.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn is_allowed_host(host: &str, public_url: Option<&str>) -> bool {
        let host = HeaderValue::from_str(host).unwrap();
        is_allowed(&HeaderMap::from_iter([(HOST, host)]), public_url)
    }

    #[test]
    fn addresses_and_names_of_this_machine_are_its_own() {
        for host in [
            "127.0.0.1:7700",
            "127.0.0.1",
            "[::1]:7700",
            "[::1]",
            "localhost:7700",
            "LOCALHOST",
            "localhost.:80",
            "datasets.localhost:7700",
        ] {
            assert!(is_allowed_host(host, None), "{host}");
        }
        assert!(is_allowed(&HeaderMap::new(), None));
    }

    #[test]
    fn names_that_anybody_can_have_are_not() {
        for host in [
            "attacker.example:7700",
            "localhost.attacker.example",
            "127.0.0.1.attacker.example:7700",
            "notlocalhost",
            "127.0.0.1@attacker.example",
            "",
            "a b",
        ] {
            assert!(!is_allowed_host(host, None), "{host}");
        }
        let mut two = HeaderMap::new();
        for host in ["localhost", "attacker.example"] {
            two.append(HOST, HeaderValue::from_static(host));
        }
        assert!(!is_allowed(&two, None));
    }

    #[test]
    fn the_public_url_names_another() {
        let public = Some("https://Datasets.example:8443/base");
        for host in ["datasets.example", "datasets.example:7700", "localhost"] {
            assert!(is_allowed_host(host, public), "{host}");
        }
        assert!(!is_allowed_host("other.example", public));
    }
}
