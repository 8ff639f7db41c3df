//! The TLS options of a client.

use std::fmt;

/// The certificates of a client.
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    /// Certificates in PEM format that are trusted in addition to the system's.
    pub(crate) ca_certificates: Option<Vec<u8>>,
    /// The client's own certificate and its private key, in PEM format.
    pub(crate) client_certificate: Option<Vec<u8>>,
    /// Environment variables that name files of further trusted certificates.
    pub(crate) certificate_variables: Vec<&'static str>,
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One of the values contains a private key.
        f.debug_struct("TlsOptions")
            .field("ca_certificates", &self.ca_certificates.is_some())
            .field("client_certificate", &self.client_certificate.is_some())
            .field("certificate_variables", &self.certificate_variables)
            .finish()
    }
}
