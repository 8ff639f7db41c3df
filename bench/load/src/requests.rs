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
                let mut by_path = this.no_latencies();
                for turn in 0..this.each {
                    let path = (number + turn * this.connections) % this.paths.len();
                    let began = Instant::now();
                    connection.call(&this.method, &this.paths[path], body.clone()).await?;
                    by_path[path].add(began.elapsed());
                }
                Ok::<_, Failure>(by_path)
            }
        });
        let mut by_path = self.no_latencies();
        for of_one in try_join_all(loops).await? {
            by_path.iter_mut().zip(of_one).for_each(|(all, one)| all.extend(one));
        }
        let seconds = started.elapsed().as_secs_f64();
        let medians: Vec<_> = by_path.iter_mut().map(|latencies| latencies.quantile(0.5)).collect();
        let mut latencies = Latencies::default();
        by_path.into_iter().for_each(|one| latencies.extend(one));
        Ok(json!({
            "a_second": latencies.count() as f64 / seconds,
            "p50_ms": latencies.quantile(0.5),
            "p99_ms": latencies.quantile(0.99),
            "p50_ms_by_path": medians,
        }))
    }

    fn no_latencies(&self) -> Vec<Latencies> {
        self.paths.iter().map(|_| Latencies::default()).collect()
    }
}
