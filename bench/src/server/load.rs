//! Closed-loop load: every connection sends its next request when the previous response has arrived.

use std::time::Instant;

use bytes::Bytes;
use futures::future::try_join_all;
use serde_json::Value;

use super::latencies::Latencies;
use crate::connection::Connection;
use crate::{Error, block_on};

/// The requests to send.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    pub connections: usize,
    pub requests_per_connection: usize,
    pub method: &'a str,
    /// The paths, which the requests use in turn.
    pub paths: &'a [String],
    pub body: Option<&'a Value>,
}

/// Throughput and latencies of a load.
#[derive(Clone, Debug)]
pub struct Throughput {
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// The median latency of each path, or `None` if it was not requested.
    pub p50_ms_by_path: Vec<Option<f64>>,
}

impl Load<'_> {
    /// Sends the requests to a port of this machine.
    ///
    /// # Errors
    /// Fails on the first request that fails, and if there are no requests.
    pub fn run(self, port: u16) -> Result<Throughput, Error> {
        block_on(self.send(port))
    }

    async fn send(self, port: u16) -> Result<Throughput, Error> {
        let body = self.body.map(|body| Bytes::from(body.to_string()));
        let connections =
            try_join_all((0..self.connections).map(|_| Connection::open(port))).await?;
        let started = Instant::now();
        let runs = connections.into_iter().enumerate().map(|(number, mut connection)| {
            let body = body.clone();
            async move {
                let mut by_path = self.empty();
                for request in 0..self.requests_per_connection {
                    let path = (number + request * self.connections) % self.paths.len();
                    let sent = Instant::now();
                    connection.call(self.method, &self.paths[path], body.clone()).await?;
                    by_path[path].add(sent.elapsed());
                }
                Ok::<_, Error>(by_path)
            }
        });
        let mut by_path = self.empty();
        for connection in try_join_all(runs).await? {
            by_path.iter_mut().zip(connection).for_each(|(all, latencies)| all.extend(latencies));
        }
        let seconds = started.elapsed().as_secs_f64();
        let p50_ms_by_path = by_path.iter_mut().map(|latencies| latencies.quantile(0.5)).collect();
        let mut latencies = Latencies::default();
        by_path.into_iter().for_each(|measured| latencies.extend(measured));
        let mut quantile =
            |quantile| latencies.quantile(quantile).ok_or("the load has no requests");
        Ok(Throughput {
            p50_ms: quantile(0.5)?,
            p99_ms: quantile(0.99)?,
            requests_per_second: latencies.count() as f64 / seconds,
            p50_ms_by_path,
        })
    }

    fn empty(self) -> Vec<Latencies> {
        self.paths.iter().map(|_| Latencies::default()).collect()
    }
}
