//! One connection to the server.

use std::net::SocketAddr;

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

use crate::Failure;

/// A body that is sent.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A connection that sends one request after the other.
pub struct Connection {
    sender: SendRequest<Body>,
    host: String,
    authorization: String,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr, api_key: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string(), authorization: format!("Bearer {api_key}") })
    }

    /// Sends a request, and returns its response, of which the body is still to come, when its status is good.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Body,
    ) -> Result<Response<Incoming>, Failure> {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes())?)
            .uri(path)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.authorization)
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

    /// Sends JSON, or nothing, and returns the response's body.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Bytes, Failure> {
        let body =
            Full::new(body.unwrap_or_default()).map_err(|never| match never {}).boxed_unsync();
        let response = self.send(method, path, "application/json", body).await?;
        Ok(response.into_body().collect().await?.to_bytes())
    }

    /// As [`call`](Self::call), with JSON of which something is read.
    pub async fn json(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        Ok(serde_json::from_slice(&self.call(method, path, body).await?)?)
    }
}
