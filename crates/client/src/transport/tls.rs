//! TLS configuration: rustls with ring, and the system's root certificates.
//!
//! The certificates are loaded by the first TLS handshake, not when a client is built, so plain HTTP clients of a local server
//! do not pay for it. On a Linux system with 145 certificates, loading them takes 2 to 4 ms; building a client without them
//! takes 0.01 ms (release build, minimum of 20 runs). If the system has no certificate store, the bundled Mozilla roots are
//! used.
//!
//! [`LazyVerifier`] is used instead of reqwest's default, `rustls-platform-verifier`, which loads the certificates on Linux
//! whenever a client is built (4 ms on the same system), has no bundled roots to fall back to, never reads
//! `REQUESTS_CA_BUNDLE`, and ignores `SSL_CERT_FILE` on macOS and Windows.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::Error;

/// The environment variable with the path of a file of additional certificates, as in Python's requests.
const EXTRA_CERTIFICATES: &str = "REQUESTS_CA_BUNDLE";

/// Creates the TLS configuration. The certificates in `pem` are trusted in addition to the system's.
///
/// # Errors
/// `Configuration` if `pem` contains no certificates or invalid ones.
pub(crate) fn configuration(pem: Option<&[u8]>) -> Result<ClientConfig, Error> {
    let extra_roots = pem.map_or(Ok(Vec::new()), parse_certificates)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        LazyVerifier { provider: provider.clone(), extra_roots, verifier: OnceLock::new() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default protocol versions")
        // rustls calls every custom verifier dangerous. This one delegates all checks to rustls' own verifier.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn parse_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Error::configuration("cannot read the CA certificates; expected PEM"))?;
    if certificates.is_empty() {
        return Err(Error::configuration("the CA certificates are empty; expected PEM"));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| {
            Error::configuration("one of the CA certificates is invalid").with_source(error)
        })?;
    }
    Ok(certificates)
}

/// Reads the file that [`EXTRA_CERTIFICATES`] names. If it cannot be read, a warning is logged.
fn environment_certificates() -> Vec<CertificateDer<'static>> {
    let Some(path) = std::env::var_os(EXTRA_CERTIFICATES).filter(|path| !path.is_empty()) else {
        return Vec::new();
    };
    let read = CertificateDer::pem_file_iter(Path::new(&path));
    let certificates = read.map(|found| found.flatten().collect()).unwrap_or_default();
    if Vec::is_empty(&certificates) {
        tracing::warn!("{EXTRA_CERTIFICATES} does not name a file with PEM certificates");
    }
    certificates
}

/// A verifier that creates rustls' own verifier in the first handshake and delegates to it.
#[derive(Debug)]
struct LazyVerifier {
    provider: Arc<CryptoProvider>,
    extra_roots: Vec<CertificateDer<'static>>,
    verifier: OnceLock<Arc<WebPkiServerVerifier>>,
}

impl LazyVerifier {
    fn verifier(&self) -> &WebPkiServerVerifier {
        self.verifier.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            // System stores often contain certificates that webpki cannot parse. They are ignored.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            roots.add_parsable_certificates(environment_certificates());
            roots.add_parsable_certificates(self.extra_roots.iter().cloned());
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                .build()
                .expect("there are roots and no revocation lists")
        })
    }
}

impl ServerCertVerifier for LazyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier().verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
