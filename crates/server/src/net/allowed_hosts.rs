//! Checks the `Host` header of requests to a server that accepts any key, as a defense against DNS rebinding.
//!
//! The owner of a web page can make its host name resolve to a loopback address. Browsers then treat this server as the page's own
//! origin, so the page can send any key and read every response. Only the `Host` header reveals such a request.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri};
use mistral_datasets_types::ErrorCode;

use crate::http::{ApiError, HttpContext};

/// Rejects requests to an unknown host name while any key is accepted. If keys are configured, a page would have to know one, so
/// nothing is checked.
pub(crate) async fn check_host(
    State(context): State<HttpContext>,
    request: Request,
    next: Next,
) -> Response {
    let own_urls = [context.public_url.as_deref(), context.links_url.as_deref()];
    if context.keys.accept_any() && !is_allowed(request.headers(), &own_urls) {
        return ApiError::new(
            StatusCode::FORBIDDEN,
            ErrorCode::AuthForbidden,
            "the host name in the header `Host` is not allowed: a server that accepts any key allows only `localhost` and IP \
             addresses such as 127.0.0.1; use one of those, or configure the server's keys or public URL",
        )
        .into_response();
    }
    next.run(request).await
}

/// Returns whether the host cannot belong to a third party's page: an IP address, a name that always means this machine, or the
/// host of a configured URL. A request without a `Host` header is allowed because browsers always send one.
fn is_allowed(headers: &HeaderMap, own_urls: &[Option<&str>]) -> bool {
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
        || own_urls.iter().flatten().any(|url| {
            let url = url.parse::<Uri>().ok();
            url.is_some_and(|url| url.host().is_some_and(|host| host.eq_ignore_ascii_case(name)))
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn is_allowed_host(host: &str, public_url: Option<&str>) -> bool {
        let host = HeaderValue::from_str(host).unwrap();
        is_allowed(&HeaderMap::from_iter([(HOST, host)]), &[None, public_url])
    }

    #[test]
    fn ip_addresses_and_localhost_are_allowed() {
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
        assert!(is_allowed(&HeaderMap::new(), &[]));
    }

    #[test]
    fn other_host_names_are_rejected() {
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
        assert!(!is_allowed(&two, &[]));
    }

    #[test]
    fn the_host_of_the_public_url_is_allowed() {
        let public = Some("https://Datasets.example:8443/base");
        for host in ["datasets.example", "datasets.example:7700", "localhost"] {
            assert!(is_allowed_host(host, public), "{host}");
        }
        assert!(!is_allowed_host("other.example", public));
    }
}
