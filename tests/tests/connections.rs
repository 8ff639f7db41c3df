//! How the Rust client makes its connections: client certificates, timeouts, proxies, and HTTP clients of the program.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mistral_datasets::{Client, ClientBuilder, Error, ErrorKind, RetryPolicy, reqwest};
use mistral_datasets_tests::tls::{client_certificate, mutual_config, self_signed};
use mistral_datasets_tests::{CannedResponse, CannedServer, tls};

const DATASETS: &str = r#"{"datasets": {"count": 1}}"#;

fn builder(url: &str) -> ClientBuilder {
    Client::builder().api_key("k").server_url(url).retries(RetryPolicy::none())
}

async fn list(builder: ClientBuilder) -> Result<i64, Error> {
    Ok(builder.build()?.datasets().list().await?.datasets.count)
}

/// Returns a builder of an HTTP client that does not follow redirects.
fn http_client() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy()
}

#[tokio::test]
async fn a_client_certificate_is_presented_to_servers_that_require_one() {
    let directory = tempfile::tempdir().unwrap();
    self_signed(directory.path(), "server");
    client_certificate(directory.path(), "client");
    client_certificate(directory.path(), "other");
    let config = mutual_config(directory.path(), "server", "client");
    let url = format!("https://localhost:{}", tls::serve(config, DATASETS));
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    let trusting = || builder(&url).ca_certificates(read("server.pem"));

    let identity =
        |name: &str| [read(&format!("{name}.pem")), read(&format!("{name}.key"))].concat();
    assert_eq!(list(trusting().client_certificate(identity("client"))).await.unwrap(), 1);
    for builder in [trusting(), trusting().client_certificate(identity("other"))] {
        assert_eq!(list(builder).await.unwrap_err().kind(), ErrorKind::Connection);
    }
}

#[test]
fn an_invalid_client_certificate_is_rejected_without_being_quoted() {
    let directory = tempfile::tempdir().unwrap();
    client_certificate(directory.path(), "a");
    client_certificate(directory.path(), "b");
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let truncated = read("a.key").replace("-----END", "-----");
    for (pem, problem) in [
        ("secret".to_owned(), "is missing"),
        (read("a.key"), "is missing"),
        (read("a.pem"), "has no private key"),
        (read("a.pem") + &truncated, "private key"),
        (read("a.pem") + &read("b.key"), "does not match its private key"),
    ] {
        let builder = builder("https://localhost").client_certificate(pem.clone());
        assert!(!format!("{builder:?}").contains("PRIVATE"));
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(problem), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"));
        let line = pem.lines().nth(2).unwrap_or("secret");
        assert!(!format!("{error} {error:?}").contains(line));
    }
}

#[tokio::test]
async fn the_connect_timeout_bounds_connections_but_not_responses() {
    // Accepts connections and never completes a TLS handshake.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let started = Instant::now();
    let connect_timeout = Duration::from_millis(200);
    let error = list(builder(&url).connect_timeout(connect_timeout)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.message().starts_with("no connection to 127.0.0.1:"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(!error.is_ambiguous());

    let delayed = CannedResponse::json(200, DATASETS).delay(Duration::from_millis(400));
    let server = CannedServer::start(delayed).await;
    let builder_with = |timeout| builder(server.url()).no_proxy().connect_timeout(timeout);
    assert_eq!(list(builder_with(connect_timeout)).await.unwrap(), 1);
    let error = builder_with(Duration::ZERO).build().unwrap_err();
    assert_eq!(error.message(), "connect_timeout must be greater than 0");
}

/// Lists the datasets of `MISTRAL_SERVER_URL`, without a proxy.
#[tokio::test]
#[ignore = "run by another test in a process with a proxy in its environment"]
async fn program() {
    println!("count: {:?}", list(Client::builder().api_key("k").no_proxy()).await);
}

#[tokio::test]
async fn no_proxy_ignores_the_environment() {
    let server = CannedServer::start(CannedResponse::json(200, DATASETS)).await;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["program", "--exact", "--ignored", "--nocapture"])
        .env("MISTRAL_SERVER_URL", server.url())
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("count: Ok(1)"), "{text}");
}

#[tokio::test]
async fn requests_are_sent_with_a_given_http_client() {
    let server = CannedServer::start(CannedResponse::json(200, DATASETS)).await;
    let headers = [(reqwest::header::VIA, "theirs".parse().unwrap())];
    let http = http_client().default_headers(headers.into_iter().collect()).build().unwrap();
    let client = builder(server.url()).http_client(http).user_agent("tool/1").build().unwrap();
    let clients = [client.clone(), client.with_own_connection_pool().unwrap()];
    for client in clients {
        assert_eq!(client.datasets().list().await.unwrap().datasets.count, 1);
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let request = request.to_lowercase();
        assert!(request.contains("via: theirs"), "{request}");
        assert!(request.contains("user-agent: tool/1 mistral-datasets/"), "{request}");
        assert!(request.contains("authorization: bearer k"), "{request}");
    }
}

#[tokio::test]
async fn redirects_are_followed_with_a_given_http_client_but_not_by_it() {
    let target = CannedServer::start(CannedResponse::json(200, DATASETS)).await;
    let location = format!("{}/v1/observability/datasets", target.url());
    let server = CannedServer::start(CannedResponse::redirect(307, &location)).await;
    let with =
        |http: reqwest::ClientBuilder| builder(server.url()).http_client(http.build().unwrap());
    assert_eq!(list(with(http_client())).await.unwrap(), 1);
    // Another origin does not receive the key.
    assert!(!target.requests()[0].to_lowercase().contains("authorization"));

    let following = with(http_client().redirect(reqwest::redirect::Policy::limited(5)));
    let client = following.build().unwrap();
    let error = client.datasets().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.message().contains("followed a redirect") && !error.is_ambiguous(), "{error}");
    assert!(error.hint().unwrap().contains("Policy::none()"));
    let error = client.datasets().create("Refund requests", "").await.unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
}

#[test]
fn options_of_connections_cannot_be_combined_with_an_http_client() {
    let base = || builder("http://localhost").http_client(http_client().build().unwrap());
    for (name, builder) in [
        ("proxy", base().proxy("http://localhost:3128")),
        ("no_proxy", base().no_proxy()),
        ("connect_timeout", base().connect_timeout(Duration::from_secs(1))),
        ("ca_certificates", base().ca_certificates("")),
        ("client_certificate", base().client_certificate("")),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(error.message(), format!("`{name}` cannot be combined with `http_client`"));
    }
    base().build().unwrap();
}
