//! A single HTTP/1.1 connection with little overhead.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{API_KEY, Error, block_on};

/// A request body.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A connection that sends one request at a time.
pub struct Connection {
    sender: SendRequest<Body>,
    host: String,
}

impl Connection {
    /// Connects to a port of this machine.
    pub async fn open(port: u16) -> Result<Self, Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string() })
    }

    /// Sends a request and returns the response before its body is read.
    ///
    /// # Errors
    /// Returns the body of a response whose status is not successful.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Body,
    ) -> Result<Response<Incoming>, Error> {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes())?)
            .uri(path)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, format!("Bearer {API_KEY}"))
            .header(CONTENT_TYPE, content_type)
            .body(body)?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&body)).into())
    }

    /// Sends JSON or an empty body, and returns the response's body.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Bytes, Error> {
        let body =
            Full::new(body.unwrap_or_default()).map_err(|never| match never {}).boxed_unsync();
        let response = self.send(method, path, "application/json", body).await?;
        Ok(response.into_body().collect().await?.to_bytes())
    }

    /// Sends JSON or an empty body, and returns the response's JSON, or null if the body is empty.
    pub async fn json(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        let response = self.call(method, path, body).await?;
        if response.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&response)?)
    }
}

/// Sends one request over a new connection, and returns the response's JSON.
pub fn call(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
    block_on(async { Connection::open(port).await?.json(method, path, body).await })
}
