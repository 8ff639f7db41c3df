//! Several servers on one database. Servers are killed and connections to the database are cut while clients write. Afterwards, every
//! acknowledged write is present exactly once, every other one completely or not at all, and every import has ended.
//!
//! `MISTRAL_DATASETS_SHARED_KILLS` sets the number of kills; `cargo xtask soak --backend postgres` runs many, and restarts the database
//! in every tenth round.

use std::time::Duration;

use mistral_datasets::{Client, ErrorKind};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::kills::{client, env_number};
use crate::server::TestServer;
use crate::shared::{Shared, free_address, restart_database};
use crate::worker::Worker;

/// The default number of kills.
const DEFAULT_KILLS: u32 = 3;

/// The number of servers.
const SERVERS: usize = 3;

/// The database is restarted in every round whose number is a multiple of this.
const RESTART_INTERVAL: u32 = 10;

/// The number of concurrent clients.
const WORKERS: usize = 6;

/// The range of the time before a kill and of that until the clients stop, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 100..1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_kills_of_servers_that_share_them() {
    let Some(shared) = Shared::create().await else { return };
    let kills = env_number("MISTRAL_DATASETS_SHARED_KILLS").unwrap_or(DEFAULT_KILLS);
    let seed = env_number("MISTRAL_DATASETS_SEED").unwrap_or_else(rand::random);
    println!("{kills} kills with MISTRAL_DATASETS_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut workers: Vec<Worker> =
        (0..WORKERS).map(|number| Worker::new(number, random.random())).collect();
    let mut servers: Vec<TestServer> =
        (0..SERVERS).map(|_| shared.start_server(free_address())).collect();
    let mut restarts = 0;
    for kill in 1..=kills {
        let killed = random.random_range(0..SERVERS);
        let clients: Vec<Client> = servers.iter().map(client).collect();
        for (number, worker) in workers.iter_mut().enumerate() {
            worker.verify(&clients[number % SERVERS]).await;
        }
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (number, mut worker) in workers.drain(..).enumerate() {
            let (client, stop) = (clients[number % SERVERS].clone(), stop.clone());
            tasks.spawn(async move {
                let error = worker.work(&client, &stop).await;
                (number % SERVERS, worker, error)
            });
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(PAUSE_MS))).await;
        servers[killed].kill();
        let is_restarted = kill % RESTART_INTERVAL == 0
            && tokio::task::spawn_blocking(restart_database).await.expect("no panic");
        restarts += u32::from(is_restarted);
        let is_cut = !is_restarted && random.random_bool(0.3);
        if is_cut {
            shared.cut_connections().await;
        }
        let is_disturbed = is_cut || is_restarted;
        tokio::time::sleep(Duration::from_millis(random.random_range(PAUSE_MS))).await;
        stop.cancel();
        while let Some(finished) = tasks.join_next().await {
            let (server, worker, error) = finished.expect("the worker finds the expected state");
            if let Some(error) = error {
                let is_expected = match error.kind() {
                    ErrorKind::Connection => server == killed,
                    ErrorKind::Server => is_disturbed,
                    _ => false,
                };
                assert!(
                    is_expected,
                    "server {server}, killed {killed}, disturbed {is_disturbed}: {error}"
                );
            }
            workers.push(worker);
        }
        servers[killed] = shared.start_server(free_address());
        if kill % 10 == 0 {
            let acknowledged: u64 = workers.iter().map(Worker::acknowledged).sum();
            println!("{kill} kills, {acknowledged} writes acknowledged");
        }
    }
    let client = client(&servers[0]);
    for worker in &mut workers {
        worker.verify(&client).await;
    }
    let acknowledged: u64 = workers.iter().map(Worker::acknowledged).sum();
    assert!(acknowledged > 0, "nothing was written between the kills");
    println!(
        "summary: {kills} kills of {SERVERS} servers and {restarts} restarts of the database, {acknowledged} writes acknowledged, \
         none lost or duplicated"
    );
}

/// Each server is stopped and started again at its address, while clients with the default retries write to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_loses_no_request() {
    let Some(shared) = Shared::create().await else { return };
    let addresses: Vec<_> = (0..SERVERS).map(|_| free_address()).collect();
    let mut servers: Vec<TestServer> =
        addresses.iter().map(|address| shared.start_server(*address)).collect();
    let mut tasks = JoinSet::new();
    let stop = CancellationToken::new();
    for (number, server) in servers.iter().enumerate() {
        let builder = Client::builder().api_key("a key").server_url(server.url());
        let client = builder.build().expect("client options are valid");
        let mut worker = Worker::new(number, number as u64);
        worker.verify(&client).await;
        let stop = stop.clone();
        tasks.spawn(async move {
            let error = worker.work(&client, &stop).await;
            assert!(error.is_none(), "{}", error.expect("an error"));
            worker.verify(&client).await;
            worker.acknowledged()
        });
    }
    for (number, address) in addresses.iter().enumerate() {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let stopped = std::mem::replace(&mut servers[number], shared.start_server(free_address()));
        tokio::task::spawn_blocking(|| stopped.shutdown()).await.expect("the server stops");
        servers[number] = shared.start_server(*address);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.cancel();
    while let Some(acknowledged) = tasks.join_next().await {
        assert!(acknowledged.expect("no request fails") > 0);
    }
}
