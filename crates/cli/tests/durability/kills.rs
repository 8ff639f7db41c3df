//! A server that is killed while clients write: what it acknowledged is there once, what it did not is there whole or not at
//! all, and no task runs for ever.
//!
//! `MISTRAL_DATASETS_KILLS` says how often it is killed; `cargo xtask soak` does so many times. What the clients do and when the
//! server is killed follows from a seed, which is printed and can be given as `MISTRAL_DATASETS_SEED`. What the machine makes
//! of it in which order does not.

use std::time::{Duration, Instant};

use mistral_datasets::{Client, ErrorKind, RetryPolicy};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use crate::check_integrity;
use crate::served::Served;
use crate::worker::Worker;

/// How often the server is killed where nothing else is said.
const KILLS: u32 = 3;

/// How many clients write at the same time.
const WORKERS: usize = 4;

/// The shortest and the longest life of a server, in milliseconds.
const LIFE: std::ops::Range<u64> = 50..1_000;

/// A number that the environment may say.
fn asked<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, found `{text}`")))
}

/// A client that hides nothing: what fails, fails at once.
pub fn client(served: &Served) -> Client {
    let builder = Client::builder().api_key("a key").server_url(served.url());
    let builder = builder.timeout(Duration::from_secs(30)).retries(RetryPolicy::none());
    builder.build().expect("a client")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills() {
    let directory = tempfile::tempdir().expect("a directory");
    let kills = asked("MISTRAL_DATASETS_KILLS").unwrap_or(KILLS);
    let seed = asked("MISTRAL_DATASETS_SEED").unwrap_or_else(rand::random);
    println!("{kills} kills with MISTRAL_DATASETS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|number| Worker::new(number, random.random())).collect();
    let (mut acknowledged, mut starting) = (0, Duration::ZERO);
    for kill in 1..=kills {
        let mut served = Served::start(directory.path());
        starting = starting.max(served.took());
        let client = client(&served);
        let stop = CancellationToken::new();
        let settled: Vec<_> = workers.iter().map(Worker::settled).collect();
        let tasks: Vec<_> = workers
            .drain(..)
            .map(|mut worker| {
                let (client, stop) = (client.clone(), stop.clone());
                tokio::spawn(async move {
                    worker.settle(&client).await;
                    if let Some(error) = worker.work(&client, &stop).await {
                        let gone =
                            matches!(error.kind(), ErrorKind::Connection | ErrorKind::Cancelled);
                        assert!(gone, "{error}");
                    }
                    worker
                })
            })
            .collect();
        let life = Duration::from_millis(random.random_range(LIFE));
        // Looking at what the last kill left takes time of its own; a worker that finds something wrong never begins.
        let all = futures::future::join_all(settled.iter().map(|settled| settled.notified()));
        let _ = tokio::time::timeout(Duration::from_secs(60), all).await;
        tokio::time::sleep(life).await;
        served.kill();
        stop.cancel();
        for task in tasks {
            workers.push(task.await.expect("a worker finds everything as it should be"));
        }
        // This only reads, so the next server still has to recover by itself.
        check_integrity(directory.path());
        acknowledged = workers.iter().map(Worker::acknowledged).sum();
        if kill % 10 == 0 {
            println!("{kill} kills, {acknowledged} writes acknowledged");
        }
    }

    let served = Served::start(directory.path());
    let client = client(&served);
    for worker in &mut workers {
        worker.settle(&client).await;
    }
    let began = Instant::now();
    served.terminate();
    assert!(began.elapsed() < Duration::from_secs(10), "a server that is told to stop, stops");
    check_integrity(directory.path());
    assert!(acknowledged > 0, "nothing was written between the kills");
    println!(
        "{kills} kills, {acknowledged} writes acknowledged, none lost, none doubled; the slowest start took {starting:?}"
    );
}
