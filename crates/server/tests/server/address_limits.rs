//! Limits per client address.
//!
//! Loopback clients are exempt, so the limits themselves are tested from another address of this machine, if it has one. The unit tests
//! of the limits cover the rest.

use std::net::{SocketAddr, UdpSocket};

use http::Method;
use mistral_datasets_server::{ApiKey, Limits, ServerConfig};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Api, DATASETS, send};

fn config() -> ServerConfig {
    let limits = Limits::default().connections_per_address(3).failed_keys(5);
    ServerConfig::default().limits(limits).api_keys(vec![ApiKey::new("good")])
}

/// Returns an address of this machine that is not a loopback address. Nothing is sent.
fn own_address() -> Option<SocketAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.255:9").or_else(|_| socket.connect("198.51.100.1:9")).ok()?;
    let mut address = socket.local_addr().ok()?;
    address.set_port(0);
    (!address.ip().is_loopback() && !address.ip().is_unspecified()).then_some(address)
}

/// Starts a server on an address that is not a loopback address, or returns `None` if this machine has none.
async fn start(config: ServerConfig) -> Option<Api> {
    let Some(address) = own_address() else {
        eprintln!("skipped: this machine has only loopback addresses");
        return None;
    };
    let public_url = Some("http://datasets.example".to_owned());
    Some(Api::start_with(config.listen(address).public_url(public_url)).await)
}

/// Sends a request with a key and returns its status.
async fn status(api: &Api, key: &str) -> u16 {
    let request = api.with_key(key).request(Method::GET, DATASETS);
    send(request).await.status.as_u16()
}

#[tokio::test]
async fn loopback_clients_are_not_limited() {
    let api = Api::start_with(config()).await;
    let mut connections = Vec::new();
    for _ in 0..20 {
        connections.push(TcpStream::connect(api.server.addr()).await.unwrap());
        assert_eq!(status(&api, "wrong").await, 401);
    }
    assert_eq!(status(&api, "good").await, 200);
}

#[tokio::test]
async fn too_many_invalid_keys_block_an_address() {
    let Some(api) = start(config()).await else { return };
    // Requests without a key are not attempts to guess one.
    let mut anonymous = api.with_key("");
    anonymous.set_key(None);
    for _ in 0..10 {
        anonymous.get(DATASETS).await.error(401, "AUTH_UNAUTHORIZED");
    }
    for _ in 0..5 {
        assert_eq!(status(&api, "good").await, 200);
        assert_eq!(status(&api, "wrong").await, 401);
    }
    for key in ["wrong", "good"] {
        let response = api.with_key(key).get(DATASETS).await;
        let message = response.error(429, "UNKNOWN_ERROR");
        assert!(message.contains("invalid API key"), "{message}");
        let seconds: u64 = response.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    // What needs no key still works.
    assert_eq!(anonymous.get("/healthz").await.json::<Value>(200)["status"], "ok");
}

#[tokio::test]
async fn too_many_connections_of_an_address_are_refused() {
    let Some(api) = start(config()).await else { return };
    let address = api.server.addr();
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(TcpStream::connect(address).await.unwrap());
    }
    let mut refused = TcpStream::connect(address).await.unwrap();
    let mut response = String::new();
    refused.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 429"), "{response}");
    assert!(response.contains("retry-after: 1\r\n"), "{response}");
    assert!(response.contains("too many connections from this address"), "{response}");
    // Closing one makes room, and the refusal was counted.
    drop(open.pop());
    let metrics = crate::support::eventually(async || {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await.ok()?;
        response.starts_with("HTTP/1.1 200").then_some(response)
    })
    .await;
    let refused = "mistral_datasets_refused_connections_total{reason=\"connections_per_address\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(refused));
    assert!(line.unwrap().parse::<u64>().unwrap() >= 1, "{metrics}");
}

#[tokio::test]
async fn clients_of_a_proxy_are_not_limited() {
    let Some(api) = start(config().behind_proxy(true)).await else { return };
    let mut connections = Vec::new();
    for _ in 0..20 {
        connections.push(TcpStream::connect(api.server.addr()).await.unwrap());
        assert_eq!(status(&api, "wrong").await, 401);
    }
    assert_eq!(status(&api, "good").await, 200);
}
