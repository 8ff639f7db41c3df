//! Proxies, certificates, wrong server URLs and temporary directories.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use mistral_datasets::{Client, ClientBuilder, Error, ErrorKind, LocalData, RetryPolicy};
use mistral_datasets_tests::tls::{self_signed, server_config};
use mistral_datasets_tests::{CannedResponse, CannedServer, Fixture, tls};

const DIRECT: &str = r#"{"datasets": {"count": 1}}"#;
const PROXIED: &str = r#"{"datasets": {"count": 2}}"#;

fn builder(url: &str) -> ClientBuilder {
    Client::builder().api_key("k").server_url(url).retries(RetryPolicy::none())
}

async fn list(builder: ClientBuilder) -> Result<i64, Error> {
    Ok(builder.build()?.datasets().list().await?.datasets.count)
}

async fn list_error(builder: ClientBuilder) -> Error {
    list(builder).await.expect_err("the call must fail")
}

fn hint(error: &Error) -> &str {
    error.hint().unwrap_or_default()
}

/// Lists the datasets of `MISTRAL_SERVER_URL`, or starts a local server if it is not set, and prints the outcome.
#[tokio::test]
#[ignore = "run by other tests in a process with a changed environment"]
async fn program() {
    let outcome = match std::env::var("MISTRAL_SERVER_URL") {
        Ok(url) => list(builder(&url)).await.map(|count| count.to_string()),
        Err(_) => Client::local(LocalData::Memory).await.map(|_| "started".to_owned()),
    };
    match outcome {
        Ok(outcome) => println!("\noutcome: {outcome}"),
        Err(error) => println!("\noutcome: {error}; {}", hint(&error)),
    }
}

/// Runs [`program`] with these environment variables and no other proxies or certificates.
async fn run_program(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["network::program", "--exact", "--ignored", "--nocapture"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    for name in ["MISTRAL_SERVER_URL", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let outcome = text.lines().find_map(|line| line.strip_prefix("outcome: "));
    outcome.unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// Starts a server that reads once from every connection, responds with these bytes and closes the connection.
fn raw_server(response: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The client may have closed the connection; that is fine.
            let _ = stream.read(&mut [0; 65536]);
            let _ = stream.write_all(response);
        }
    });
    port
}

#[tokio::test]
async fn no_proxy_bypasses_the_proxy() {
    let server = CannedServer::start(CannedResponse::json(200, DIRECT)).await;
    let proxy = CannedServer::start(CannedResponse::json(200, PROXIED)).await;
    let by_name = server.url().replace("127.0.0.1", "localhost");
    let port = server.url().rsplit_once(':').unwrap().1;
    let outcome = async |url: &str, no_proxy: &str, name: &str| {
        let variables =
            [("MISTRAL_SERVER_URL", url), ("HTTP_PROXY", proxy.url()), (name, no_proxy)];
        run_program(&variables).await
    };
    for no_proxy in ["*", "127.0.0.1", "10.0.0.0/8,127.0.0.0/8", &format!("127.0.0.1:{port}")] {
        assert_eq!(outcome(server.url(), no_proxy, "NO_PROXY").await, "1", "{no_proxy}");
    }
    for no_proxy in ["localhost", ".localhost", &format!("other localhost:{port}")] {
        assert_eq!(outcome(&by_name, no_proxy, "no_proxy").await, "1", "{no_proxy}");
    }
    for no_proxy in ["", "127.0.0.2", "localhost", "127.0.0.1:1", "[::1]", "::/0"] {
        assert_eq!(outcome(server.url(), no_proxy, "NO_PROXY").await, "2", "{no_proxy}");
    }
    let invalid = [("MISTRAL_SERVER_URL", server.url()), ("HTTP_PROXY", "socks://u:secret@a")];
    let outcome = run_program(&invalid).await;
    assert!(outcome.contains("HTTP_PROXY") && !outcome.contains("secret"), "{outcome}");
}

#[tokio::test]
async fn proxy_errors_name_the_proxy() {
    let refusing = raw_server(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\n<html>");
    let closing = raw_server(b"");
    let plain_text = raw_server(b"not a SOCKS server");
    for (proxy, port) in [
        ("http://u:secret@127.0.0.1:9".to_owned(), 9),
        ("socks5h://u:secret@127.0.0.1:9".to_owned(), 9),
        (format!("http://u:secret@127.0.0.1:{refusing}"), refusing),
        (format!("http://u:secret@127.0.0.1:{closing}"), closing),
        (format!("https://u:secret@127.0.0.1:{refusing}"), refusing),
        (format!("socks5://u:secret@127.0.0.1:{plain_text}"), plain_text),
    ] {
        for url in ["http://nowhere.invalid", "https://nowhere.invalid"] {
            let error = list_error(builder(url).proxy(proxy.clone())).await;
            let name = format!("the proxy 127.0.0.1:{port}");
            assert!(error.message().contains(&name), "{proxy} {url}: {error}");
            assert!(!hint(&error).contains("API key"), "{error}: {}", hint(&error));
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }
    let error =
        list_error(builder("https://a.example").proxy(format!("https://127.0.0.1:{refusing}")));
    assert!(hint(&error.await).contains("use http:// in the proxy's URL"));

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("the proxy {}", silent.local_addr().unwrap());
    let client = builder("http://a.example").proxy(silent.local_addr().unwrap().to_string());
    let client = client.timeout(Duration::from_millis(200)).build().unwrap();
    for error in [
        client.datasets().list().await.unwrap_err(),
        client.files().upload(mistral_datasets::Upload::bytes("a", "b")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.message().contains(&name), "{error}");
    }
}

#[tokio::test]
async fn proxy_authentication_errors() {
    let proxy = raw_server(
        b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
    );
    for url in ["http://a.example", "https://a.example"] {
        for (credentials, problem) in
            [("", "requires a user name"), ("u:secret@", "rejected the user name")]
        {
            let client = Client::builder().api_key("k").server_url(url);
            let client =
                client.proxy(format!("http://{credentials}127.0.0.1:{proxy}")).build().unwrap();
            for error in [
                client.datasets().list().await.unwrap_err(),
                client.datasets().create("Refund requests", "").await.unwrap_err(),
                client.files().upload(mistral_datasets::Upload::bytes("a", "b")).await.unwrap_err(),
            ] {
                assert_eq!((error.kind(), error.status()), (ErrorKind::Connection, Some(407)));
                assert_eq!(
                    (error.attempts(), error.is_retryable(), error.is_ambiguous()),
                    (1, false, false)
                );
                let message = format!("the proxy 127.0.0.1:{proxy} {problem}");
                assert!(error.message().starts_with(&message), "{error}");
                assert!(hint(&error).contains("user name and password"), "{}", hint(&error));
                assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn certificate_problems_are_explained() {
    let directory = tempfile::tempdir().unwrap();
    self_signed(directory.path(), "own");
    self_signed(directory.path(), "other");
    let port = tls::serve(server_config(directory.path(), "own"), DIRECT);
    let url = format!("https://localhost:{port}");
    let pem = |name: &str| std::fs::read(directory.path().join(format!("{name}.pem"))).unwrap();
    let with = |url: &str, name| builder(url).ca_certificates(pem(name));
    assert_eq!(list(with(&url, "own")).await.unwrap(), 1);

    for error in [list_error(builder(&url)).await, list_error(with(&url, "other")).await] {
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(error.message().contains("not issued by a trusted authority"), "{error}");
        assert!(hint(&error).contains("private authority"), "{}", hint(&error));
    }
    let error = list_error(with(&format!("https://127.0.0.1:{port}"), "own")).await;
    assert!(error.message().contains("certificate is not valid for 127.0.0.1"), "{error}");

    let path = directory.path().join("own.pem");
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
        let outcome =
            run_program(&[("MISTRAL_SERVER_URL", &url), (name, path.to_str().unwrap())]).await;
        assert_eq!(outcome, "1", "{name}");
        let outcome = run_program(&[("MISTRAL_SERVER_URL", &url), (name, "/missing/ca.pem")]).await;
        let problem = format!("{name} names /missing/ca.pem, which cannot be read");
        assert!(outcome.contains(&problem), "{outcome}");
    }
}

#[tokio::test]
async fn wrong_server_urls_have_hints() {
    let fixture = Fixture::start().await;
    let client = builder(&format!("{}/v1/", fixture.url())).build().unwrap();
    for error in [
        client.datasets().list().await.unwrap_err(),
        client.datasets().create("Refund requests", "").await.unwrap_err(),
        client.files().upload(mistral_datasets::Upload::bytes("a", "b")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(hint(&error).starts_with("remove `/v1`"), "{error}: {}", hint(&error));
    }

    // The second server closes the connection when it receives TLS.
    let plain = CannedServer::start(CannedResponse::json(200, DIRECT)).await;
    for port in [raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n"), raw_server(b"")] {
        let error = list_error(builder(&format!("https://127.0.0.1:{port}"))).await;
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(
            hint(&error).starts_with("use http:// in the server URL"),
            "{error}: {}",
            hint(&error)
        );
    }
    assert_eq!(list(builder(plain.url())).await.unwrap(), 1);

    let directory = tempfile::tempdir().unwrap();
    self_signed(directory.path(), "own");
    let rustls = tls::serve(server_config(directory.path(), "own"), DIRECT);
    let go = raw_server(
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    );
    let nginx = raw_server(
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n<html>The plain HTTP request was sent to HTTPS port</html>",
    );
    for port in [rustls, go, nginx, raw_server(b"\x15\x03\x01\0\x02\x02\x0a"), raw_server(b"")] {
        let client = builder(&format!("http://127.0.0.1:{port}")).build().unwrap();
        for error in [
            client.datasets().list().await.unwrap_err(),
            client.datasets().create("Refund requests", "").await.unwrap_err(),
        ] {
            assert!(
                hint(&error).contains("use https:// in the server URL"),
                "{error}: {}",
                hint(&error)
            );
        }
    }
}

#[tokio::test]
async fn missing_temporary_directory_is_explained() {
    let variable = if cfg!(windows) { "TEMP" } else { "TMPDIR" };
    let outcome = run_program(&[(variable, "/missing")]).await;
    assert!(outcome.contains("create the folder /missing"), "{outcome}");
    assert!(outcome.contains(variable) && !outcome.contains("MISTRAL_API_KEY"), "{outcome}");
}
