//! TLS by rustls and ring. The system's certificates are read when the first connection needs them, because reading
//! them takes milliseconds that a program talking to a local server need not spend; where the system has none, the
//! bundled ones serve.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::Error;
use crate::options::misconfigured;

/// The variable in which Python's tools name a file of further certificates.
const FURTHER_CERTIFICATES: &str = "REQUESTS_CA_BUNDLE";

/// The configuration of every connection. The certificates in `pem` are trusted besides the system's.
///
/// # Errors
/// `Configuration` when `pem` holds no certificates.
pub(crate) fn configuration(pem: Option<&[u8]>) -> Result<ClientConfig, Error> {
    let given = pem.map_or(Ok(Vec::new()), certificates)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = LazyVerifier { provider: provider.clone(), given, verifier: OnceLock::new() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring serves the default protocol versions")
        // rustls names every verifier of one's own dangerous; this one checks exactly what the default one checks.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificates of a PEM text, each of which must be one that can be trusted.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let refuse = |_| misconfigured("the CA certificates cannot be read; expected PEM");
    let found =
        CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    if found.is_empty() {
        return Err(misconfigured("there is no certificate in the CA certificates; expected PEM"));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &found {
        roots.add(certificate.clone()).map_err(|error| {
            misconfigured("one of the CA certificates cannot be used").with_source(error)
        })?;
    }
    Ok(found)
}

/// The certificates of the file that the environment names besides the system's.
fn further_certificates() -> Vec<CertificateDer<'static>> {
    let Some(path) = std::env::var_os(FURTHER_CERTIFICATES).filter(|path| !path.is_empty()) else {
        return Vec::new();
    };
    let read = CertificateDer::pem_file_iter(Path::new(&path));
    let certificates = read.map(|found| found.flatten().collect()).unwrap_or_default();
    if Vec::is_empty(&certificates) {
        tracing::warn!("{FURTHER_CERTIFICATES} names no file of certificates");
    }
    certificates
}

/// rustls' own verifier, made when it is first needed.
#[derive(Debug)]
struct LazyVerifier {
    provider: Arc<CryptoProvider>,
    given: Vec<CertificateDer<'static>>,
    verifier: OnceLock<Arc<WebPkiServerVerifier>>,
}

impl LazyVerifier {
    fn verifier(&self) -> &WebPkiServerVerifier {
        self.verifier.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            // Certificates that cannot be read are passed over, as everywhere.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            roots.add_parsable_certificates(further_certificates());
            roots.add_parsable_certificates(self.given.iter().cloned());
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                .build()
                .expect("there are roots, and no revocation lists that could be wrong")
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
