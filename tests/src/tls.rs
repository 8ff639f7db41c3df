//! TLS servers with certificates that OpenSSL creates.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

/// Creates `NAME.pem`, a self-signed certificate for `localhost`, and `NAME.key` in a directory. The certificate is marked as an
/// authority, which is the default of OpenSSL.
///
/// # Panics
/// Panics if OpenSSL is not installed.
pub fn self_signed(directory: &Path, name: &str) {
    openssl(directory, name, &[]);
}

/// Like [`self_signed`], but the certificate is not marked as an authority, which is required of certificates of clients.
///
/// # Panics
/// Panics if OpenSSL is not installed.
pub fn client_certificate(directory: &Path, name: &str) {
    openssl(directory, name, &["-addext", "basicConstraints=critical,CA:FALSE"]);
}

fn openssl(directory: &Path, name: &str, options: &[&str]) {
    let status = Command::new("openssl")
        .current_dir(directory)
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(options)
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("openssl is installed").success());
}

/// Returns the certificate with this name.
fn certificate(directory: &Path, name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(directory.join(format!("{name}.pem"))).unwrap()
}

/// Returns the configuration of a server that presents the certificate with this name.
///
/// # Panics
/// Panics if there is no such certificate.
pub fn server_config(directory: &Path, name: &str) -> ServerConfig {
    config(directory, name, None)
}

/// Like [`server_config`], for a server that requires clients to present the certificate `client`.
///
/// # Panics
/// Panics if there are no such certificates.
pub fn mutual_config(directory: &Path, name: &str, client: &str) -> ServerConfig {
    config(directory, name, Some(client))
}

fn config(directory: &Path, name: &str, client: Option<&str>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(directory, client)).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_file(directory.join(format!("{name}.key"))).unwrap();
    builder.with_single_cert(vec![certificate(directory, name)], key).unwrap()
}

/// Starts a TLS server that sends this body to every request, and returns its port.
///
/// # Panics
/// Panics if it cannot listen.
pub fn serve(config: ServerConfig, body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            if tls.read(&mut [0; 65536]).is_ok_and(|length| length > 0) {
                let length = body.len();
                let _ = write!(tls, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            } else {
                // Sends the alert about the failed handshake.
                let _ = connection.complete_io(&mut stream);
            }
        }
    });
    port
}
