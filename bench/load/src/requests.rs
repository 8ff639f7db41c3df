//! Requests in closed loops: every connection sends its next one when the last was answered.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Failure;
use crate::connection::Connection;
use crate::latencies::Latencies;

/// Requests to one kind of target.
#[derive(Debug, Deserialize)]
pub struct Requests {
    connections: usize,
    /// How many each connection sends.
    each: usize,
    method: String,
    /// Where to; the requests take them in turn.
    paths: Vec<String>,
    body: Option<Value>,
}

impl Requests {
    pub async fn run(self, address: SocketAddr, api_key: &str) -> Result<Value, Failure> {
        let body = self.body.as_ref().map(|body| Bytes::from(body.to_string()));
        let opening = (0..self.connections).map(|_| Connection::open(address, api_key));
        let connections = try_join_all(opening).await?;
        let started = Instant::now();
        let loops = connections.into_iter().enumerate().map(|(number, mut connection)| {
            let (this, body) = (&self, body.clone());
            async move {
                let mut latencies = Latencies::default();
                for turn in 0..this.each {
                    let path = &this.paths[(number + turn * this.connections) % this.paths.len()];
                    let began = Instant::now();
                    connection.call(&this.method, path, body.clone()).await?;
                    latencies.add(began.elapsed());
                }
                Ok::<_, Failure>(latencies)
            }
        });
        let mut latencies = Latencies::default();
        for one in try_join_all(loops).await? {
            latencies.extend(one);
        }
        let seconds = started.elapsed().as_secs_f64();
        Ok(json!({
            "a_second": latencies.count() as f64 / seconds,
            "p50_ms": latencies.quantile(0.5),
            "p99_ms": latencies.quantile(0.99),
        }))
    }
}
