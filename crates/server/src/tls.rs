//! TLS of the connections that the server opens.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

/// Returns a configuration that trusts the certificates of the system (or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name), or
/// those of Mozilla if the system has none.
pub(crate) fn configuration() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let chosen = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os);
    if roots.is_empty() && chosen.iter().all(Option::is_none) {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = match CryptoProvider::get_default() {
        Some(installed) => Arc::clone(installed),
        None => Arc::new(rustls::crypto::ring::default_provider()),
    };
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
