//! TLS configuration: rustls, and the system's root certificates.
//!
//! The cryptography provider is the one that the program has installed for the process, or else ring.
//!
//! Trusted are the system's certificates, and in addition those given to the client and those in the file that
//! `REQUESTS_CA_BUNDLE` names. A binding may add the variable of its own platform, such as Node's `NODE_EXTRA_CA_CERTS`.
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the system's certificates. If they name nothing readable, no certificate
//! replaces them: trusting other authorities than those chosen would be a silent change of security. A file that cannot be
//! read is named in the error of a connection whose certificate is not trusted.
//!
//! As in OpenSSL, Go and browsers, a server may present a certificate that is itself trusted, such as a self-signed one.
//! webpki rejects it if it is marked as an authority, which is OpenSSL's default for self-signed certificates, so
//! [`LazyVerifier`] checks this case.
//!
//! The certificates are loaded by the first TLS handshake, not when a client is built, so plain HTTP clients of a local server
//! do not pay for it. On a Linux system with 145 certificates, loading them takes 2 to 4 ms; building a client without them
//! takes 0.01 ms (release build, minimum of 20 runs). If the system has no certificate store, the bundled Mozilla roots are
//! used.
//!
//! [`LazyVerifier`] is used instead of reqwest's default, `rustls-platform-verifier`, which loads the certificates on Linux
//! whenever a client is built (4 ms on the same system), has no bundled roots to fall back to, never reads
//! `REQUESTS_CA_BUNDLE`, and ignores `SSL_CERT_FILE` on macOS and Windows.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};

use crate::config::TlsOptions;
use crate::error::Error;

/// The environment variable with the path of a file of additional certificates, as in Python's requests.
const EXTRA_CERTIFICATES: &str = "REQUESTS_CA_BUNDLE";

/// The environment variables that replace the system's certificates, as in OpenSSL.
const REPLACED_FILE: &str = "SSL_CERT_FILE";
const REPLACED_DIRECTORIES: &str = "SSL_CERT_DIR";

/// Creates the TLS configuration. The given CA certificates are trusted in addition to the system's, and so are those in
/// the files that the environment variables name.
///
/// # Errors
/// `Configuration` if the options contain no certificates or invalid ones, or if there is no cryptography provider.
pub(super) fn configuration(options: &TlsOptions) -> Result<ClientConfig, Error> {
    let extra_roots =
        options.ca_certificates.as_deref().map_or(Ok(Vec::new()), parse_certificates)?;
    let provider = provider()?;
    let verifier = LazyVerifier {
        provider: provider.clone(),
        extra_roots,
        extra_variables: [&[EXTRA_CERTIFICATES], &options.certificate_variables[..]].concat(),
        trust: OnceLock::new(),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            Error::configuration("the installed TLS provider cannot be used").with_source(error)
        })?
        // rustls calls every custom verifier dangerous. This one delegates all checks to rustls' own verifier.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &options.client_certificate {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let (chain, key) = parse_identity(pem)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                Error::configuration("the client certificate does not match its private key")
                    .with_source(error)
            })?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Returns the cryptography provider that the program has installed, or else ring.
fn provider() -> Result<Arc<CryptoProvider>, Error> {
    if let Some(installed) = CryptoProvider::get_default() {
        return Ok(Arc::clone(installed));
    }
    #[cfg(feature = "rustls")]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(feature = "rustls"))]
    Err(Error::configuration("no TLS provider is installed").with_hint(
        "call `install_default` of a `rustls::crypto::CryptoProvider`, or enable the feature `rustls` of `mistral-datasets`",
    ))
}

/// Reads a certificate chain and its private key.
fn parse_identity(
    pem: &[u8],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let invalid = |problem: &str| {
        Error::configuration(format!(
            "the client certificate {problem}; expected PEM with the certificate and its unencrypted private key"
        ))
    };
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| invalid("cannot be read"))?;
    if chain.is_empty() {
        return Err(invalid("is missing"));
    }
    // The error may quote the text.
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| invalid("has no private key"))?;
    Ok((chain, key))
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

/// Returns the value of an environment variable, if it is not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Reads the certificates in the file that an environment variable names.
///
/// # Errors
/// A sentence that names the variable and the file, if the file cannot be read or contains no certificates.
fn certificates_of(name: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let Some(path) = variable(name) else { return Ok(Vec::new()) };
    let path = Path::new(&path);
    let certificates: Vec<_> = std::fs::read(path)
        .map(|pem| CertificateDer::pem_slice_iter(&pem).flatten().collect())
        .map_err(|error| {
            format!("{name} names {}, which cannot be read: {error}", path.display())
        })?;
    if certificates.is_empty() {
        return Err(format!("{name} names {}, which contains no PEM certificates", path.display()));
    }
    Ok(certificates)
}

/// The certificates that a client trusts.
#[derive(Debug)]
struct Trust {
    roots: Arc<RootCertStore>,
    /// `None` if there are no certificates.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    /// Sentences about files that could not be read.
    problems: Vec<String>,
}

impl Trust {
    fn load(verifier: &LazyVerifier) -> Self {
        let mut roots = RootCertStore::empty();
        let mut problems = Vec::new();
        // System stores often contain certificates that webpki cannot parse. They are ignored.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        problems.extend(certificates_of(REPLACED_FILE).err());
        let directories = variable(REPLACED_DIRECTORIES);
        if roots.is_empty() {
            match directories {
                None if problems.is_empty() => {
                    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                }
                None => {}
                Some(directories) => problems.push(format!(
                    "{REPLACED_DIRECTORIES} names {}, which contains no readable PEM certificates",
                    Path::new(&directories).display()
                )),
            }
        }
        for name in &verifier.extra_variables {
            match certificates_of(name) {
                Ok(certificates) => {
                    roots.add_parsable_certificates(certificates);
                }
                Err(problem) => problems.push(problem),
            }
        }
        for problem in &problems {
            tracing::warn!("{problem}");
        }
        roots.add_parsable_certificates(verifier.extra_roots.iter().cloned());
        let roots = Arc::new(roots);
        let provider = verifier.provider.clone();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.clone(), provider).build().ok();
        Self { roots, verifier, problems }
    }

    /// Checks a certificate that webpki rejected because it is marked as an authority. It is valid if it is itself one of the
    /// trusted certificates, compared by subject and key, and if it is for this server. webpki has checked its period of
    /// validity before its marks.
    fn verify_trusted_itself(
        &self,
        certificate: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let anchor = webpki::anchor_from_trusted_cert(certificate);
        let is_trusted = anchor.is_ok_and(|anchor| {
            self.roots.roots.iter().any(|root| {
                root.subject == anchor.subject
                    && root.subject_public_key_info == anchor.subject_public_key_info
            })
        });
        if !is_trusted {
            return Err(CertificateError::UnknownIssuer.into());
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(verifier) = &self.verifier else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        let result =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match result {
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))))
                if matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
            {
                self.verify_trusted_itself(end_entity, server_name)
            }
            result => result,
        }
    }
}

/// The error for a server certificate that is not trusted, while certificate files could not be read.
#[derive(Debug)]
struct MissingCertificates(Vec<String>);

impl fmt::Display for MissingCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl StdError for MissingCertificates {}

/// Returns what is wrong with a connection, as a phrase, and what to do.
pub(super) fn explain(error: &rustls::Error) -> (String, String) {
    const UNTRUSTED: &str = "the server's certificate is not issued by a trusted authority";
    let certificate = match error {
        rustls::Error::Other(OtherError(other)) => {
            return match other.downcast_ref::<MissingCertificates>() {
                Some(problems) => (
                    format!("{UNTRUSTED}; {problems}"),
                    "set the variable to the path of a file with PEM certificates, or unset it"
                        .to_owned(),
                ),
                None => (error.to_string(), CHECK_SERVER.to_owned()),
            };
        }
        rustls::Error::InvalidCertificate(certificate) => certificate,
        _ => return (error.to_string(), CHECK_SERVER.to_owned()),
    };
    let (problem, hint) = match certificate {
        CertificateError::UnknownIssuer => (
            UNTRUSTED.to_owned(),
            "to trust a private authority, give its certificate to the client or name its file in REQUESTS_CA_BUNDLE",
        ),
        CertificateError::NotValidForName => {
            ("the server's certificate is for another host".to_owned(), CHECK_NAME)
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            let problem = match presented.is_empty() {
                true => format!(
                    "the server's certificate is not valid for {expected}, because it has no subject alternative name"
                ),
                false => format!("the server's certificate is not valid for {expected}"),
            };
            (problem, CHECK_NAME)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the server's certificate has expired".to_owned(), CHECK_CLOCK)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the server's certificate is not valid yet".to_owned(), CHECK_CLOCK)
        }
        _ => (error.to_string(), CHECK_SERVER),
    };
    (problem, hint.to_owned())
}

const CHECK_SERVER: &str = "check the TLS configuration of the server, or of a proxy or firewall that decrypts connections";
const CHECK_NAME: &str =
    "use a host name from the certificate in the server URL, or add this one to the certificate";
const CHECK_CLOCK: &str = "renew the certificate, or correct the clock of this machine";

/// A verifier that loads the trusted certificates in the first handshake.
#[derive(Debug)]
struct LazyVerifier {
    provider: Arc<CryptoProvider>,
    extra_roots: Vec<CertificateDer<'static>>,
    /// The environment variables that name files of further certificates.
    extra_variables: Vec<&'static str>,
    trust: OnceLock<Trust>,
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
        let trust = self.trust.get_or_init(|| Trust::load(self));
        match trust.verify(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
                if !trust.problems.is_empty() =>
            {
                let problems = MissingCertificates(trust.problems.clone());
                Err(rustls::Error::Other(OtherError(Arc::new(problems))))
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
