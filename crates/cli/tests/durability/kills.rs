//! Kills the server while clients write. Afterwards, every acknowledged write is present exactly once, every other write is
//! present completely or not at all, and every task ends.
//!
//! `MISTRAL_DATASETS_KILLS` sets the number of kills; `cargo xtask soak` runs many. The clients' writes and the times of the
//! kills are derived from a seed, which is printed and can be set with `MISTRAL_DATASETS_SEED`. The interleaving of the clients
//! is not reproducible.

use std::time::{Duration, Instant};

use mistral_datasets::{Client, ErrorKind, RetryPolicy};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use crate::check_integrity;
use crate::server::TestServer;
use crate::worker::Worker;

/// The default number of kills.
const DEFAULT_KILLS: u32 = 3;

/// The number of concurrent clients.
const WORKERS: usize = 4;

/// The range of the time from startup to kill, in milliseconds.
const UPTIME_MS: std::ops::Range<u64> = 50..1_000;

/// Reads an optional number from an environment variable.
pub fn env_number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, found `{text}`")))
}

/// Returns a client without retries, so that every failure is visible.
pub fn client(server: &TestServer) -> Client {
    let builder = Client::builder().api_key("a key").server_url(server.url());
    let builder = builder.timeout(Duration::from_secs(30)).retries(RetryPolicy::none());
    builder.build().expect("client options are valid")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_kills() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let kills = env_number("MISTRAL_DATASETS_KILLS").unwrap_or(DEFAULT_KILLS);
    let seed = env_number("MISTRAL_DATASETS_SEED").unwrap_or_else(rand::random);
    println!("{kills} kills with MISTRAL_DATASETS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|number| Worker::new(number, random.random())).collect();
    let (mut acknowledged, mut slowest_start) = (0, Duration::ZERO);
    for kill in 1..=kills {
        let mut server = TestServer::start(directory.path());
        slowest_start = slowest_start.max(server.startup_time());
        let client = client(&server);
        let stop = CancellationToken::new();
        let ready: Vec<_> = workers.iter().map(Worker::ready).collect();
        let tasks: Vec<_> = workers
            .drain(..)
            .map(|mut worker| {
                let (client, stop) = (client.clone(), stop.clone());
                tokio::spawn(async move {
                    worker.verify(&client).await;
                    if let Some(error) = worker.work(&client, &stop).await {
                        let is_killed =
                            matches!(error.kind(), ErrorKind::Connection | ErrorKind::Cancelled);
                        assert!(is_killed, "{error}");
                    }
                    worker
                })
            })
            .collect();
        let uptime = Duration::from_millis(random.random_range(UPTIME_MS));
        // Verifying the state takes time too. A worker that finds an error never becomes ready, hence the timeout.
        let all = futures::future::join_all(ready.iter().map(|ready| ready.notified()));
        let _ = tokio::time::timeout(Duration::from_secs(60), all).await;
        tokio::time::sleep(uptime).await;
        server.kill();
        stop.cancel();
        for task in tasks {
            workers.push(task.await.expect("the worker finds the expected state"));
        }
        // Opens the database read-only, so that the next server still has to recover it.
        check_integrity(directory.path());
        acknowledged = workers.iter().map(Worker::acknowledged).sum();
        if kill % 10 == 0 {
            println!("{kill} kills, {acknowledged} writes acknowledged");
        }
    }

    let server = TestServer::start(directory.path());
    let client = client(&server);
    for worker in &mut workers {
        worker.verify(&client).await;
    }
    let started = Instant::now();
    server.shutdown();
    assert!(started.elapsed() < Duration::from_secs(10), "the shutdown takes too long");
    check_integrity(directory.path());
    assert!(acknowledged > 0, "nothing was written between the kills");
    println!(
        "summary: {kills} kills, {acknowledged} writes acknowledged, none lost or duplicated; the slowest start took {slowest_start:?}"
    );
}
