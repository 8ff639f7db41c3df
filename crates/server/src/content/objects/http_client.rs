//! Sends the requests to object stores.
//!
//! It replaces the client that the crate `object_store` would make, which requires that the program has installed a provider of
//! cryptography, and whose errors contain what a store says about a request.

use std::error::Error;
use std::fmt;

use ::object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use ::object_store::{ClientConfigKey, ClientOptions};
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Limited};
use reqwest::{Client, NoProxy, Proxy, redirect};
use rustls::ClientConfig;
use serde_json::Value;

use super::limits::RequestLimits;
use crate::tls;

/// The maximum size of the body of an error, in bytes.
const MAX_ERROR_BODY: usize = 64 << 10;

/// The hosts that issue credentials to the programs of a virtual machine or a container.
const METADATA_HOSTS: [&str; 4] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "metadata.google.internal"];

const NO_CREDENTIALS: &str = "the environment contains no credentials";

/// Makes clients with the limits of the server.
#[derive(Debug)]
pub(super) struct Connector {
    limits: RequestLimits,
    tls: ClientConfig,
}

impl Connector {
    pub(super) fn new(limits: &RequestLimits) -> Result<Self, rustls::Error> {
        Ok(Self { limits: limits.clone(), tls: tls::configuration()? })
    }

    fn client(&self, options: &ClientOptions) -> Result<Client, ConnectorError> {
        let value = |key| options.get_config_value(&key);
        if is_true(value(ClientConfigKey::AllowInvalidCertificates)) {
            return Err(ConnectorError::InvalidCertificates);
        }
        let mut builder = Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .user_agent(concat!("mistral-datasets/", env!("CARGO_PKG_VERSION")))
            .https_only(!is_true(value(ClientConfigKey::AllowHttp)))
            // A signature is valid for one host only. A redirect means that the region or the endpoint is wrong.
            .redirect(redirect::Policy::none())
            .http1_only()
            // Compression would hide the size of an object.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .connect_timeout(self.limits.connect_timeout)
            .read_timeout(self.limits.read_timeout);
        if let Some(url) = value(ClientConfigKey::ProxyUrl) {
            let excluded = value(ClientConfigKey::ProxyExcludes);
            let proxy = Proxy::all(url).map_err(|_| ConnectorError::Proxy)?;
            builder = builder
                .proxy(proxy.no_proxy(excluded.and_then(|hosts| NoProxy::from_string(&hosts))));
        }
        builder.build().map_err(|error| ConnectorError::Client(error.without_url()))
    }
}

/// Parses a boolean as `object_store` does.
pub(super) fn is_true(value: Option<String>) -> bool {
    let value = value.unwrap_or_default().to_ascii_lowercase();
    matches!(value.as_str(), "1" | "true" | "on" | "yes" | "y")
}

#[derive(Debug, thiserror::Error)]
enum ConnectorError {
    #[error(
        "invalid certificates cannot be allowed; name the certificate of the authority with `SSL_CERT_FILE`"
    )]
    InvalidCertificates,
    #[error("the URL of the proxy is invalid")]
    Proxy,
    #[error(transparent)]
    Client(reqwest::Error),
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> ::object_store::Result<HttpClient> {
        match self.client(options) {
            Ok(client) => Ok(HttpClient::new(Requests(client))),
            Err(error) => Err(::object_store::Error::Generic {
                store: "HTTP client",
                source: Box::new(error),
            }),
        }
    }
}

/// Sends requests, and reduces errors to what may be logged.
#[derive(Debug)]
struct Requests(Client);

impl HttpService for Requests {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        async move {
            let host = request.uri().host().unwrap_or_default().to_owned();
            let response = HttpService::call(&self.0, request)
                .await
                .map_err(|error| HttpError::new(error.kind(), Unreachable::new(&host, &error)))?;
            let status = response.status();
            if status.is_client_error() || status.is_server_error() {
                return Ok(reduced(response, &host).await);
            }
            Ok(response)
        }
        .boxed()
    }
}

/// A host did not respond.
#[derive(Debug)]
pub(super) struct Unreachable {
    host: String,
    reason: String,
}

impl Unreachable {
    fn new(host: &str, error: &HttpError) -> Self {
        let mut reason: &dyn Error = error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        Self { host: host.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, reason } = self;
        if METADATA_HOSTS.contains(&host.as_str()) {
            write!(f, "{NO_CREDENTIALS}, and ")?;
        }
        write!(f, "no response from {host} ({reason})")
    }
}

impl Error for Unreachable {}

/// Replaces the body of an error by its code. The rest may contain the signature or the key of the request.
async fn reduced(response: HttpResponse, host: &str) -> HttpResponse {
    let (parts, body) = response.into_parts();
    if METADATA_HOSTS.contains(&host) {
        let reason = format!("{NO_CREDENTIALS}, and {host} provides none");
        return HttpResponse::from_parts(parts, HttpResponseBody::from(reason));
    }
    let body = match Limited::new(body, MAX_ERROR_BODY).collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => String::new(),
    };
    let code = error_code(&body).unwrap_or_default();
    HttpResponse::from_parts(parts, HttpResponseBody::from(code))
}

/// Returns the code in the body of an error: XML of S3, Azure and Google Cloud, or JSON of services that issue tokens.
pub(super) fn error_code(body: &str) -> Option<String> {
    let code = match body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")) {
        Some((code, _)) => code.to_owned(),
        None => {
            let body: Value = serde_json::from_str(body).ok()?;
            let error = &body["error"];
            error.as_str().or_else(|| error["status"].as_str())?.to_owned()
        }
    };
    let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (code.len() <= 64 && code.chars().all(is_code)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_an_error_is_kept() {
        for (body, code) in [
            ("<Error><Code>NoSuchKey</Code><Key>SECRET</Key></Error>", Some("NoSuchKey")),
            (
                r#"{"error": "invalid_client", "error_description": "SECRET"}"#,
                Some("invalid_client"),
            ),
            (
                r#"{"error": {"status": "PERMISSION_DENIED", "message": "SECRET"}}"#,
                Some("PERMISSION_DENIED"),
            ),
            ("<Error><Code>a secret</Code></Error>", None),
            ("<html>SECRET</html>", None),
            ("", None),
        ] {
            assert_eq!(error_code(body).as_deref(), code);
        }
    }

    #[test]
    fn a_missing_metadata_service_means_missing_credentials() {
        let unreachable = |host: &str| {
            Unreachable { host: host.to_owned(), reason: "connection refused".to_owned() }
                .to_string()
        };
        assert_eq!(unreachable("minio.local"), "no response from minio.local (connection refused)");
        let expected =
            "the environment contains no credentials, and no response from 169.254.169.254 ";
        assert!(unreachable("169.254.169.254").starts_with(expected));
    }
}
