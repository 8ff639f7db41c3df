//! Measures a server's memory and latency during an attack.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::target::{KeptAlive, Target};

/// The limit of the peak memory in MiB: twice what the server promises.
const MEMORY: u64 = 800;

/// The limit of the latency of `/healthz`: twice what the server promises.
const LATENCY: Duration = Duration::from_millis(200);

/// A slower response is still accepted if that of an idle server was this many times faster at most, because then the machine is
/// overloaded.
const NOISE: u32 = 4;

/// The time between two requests for `/healthz`.
const INTERVAL: Duration = Duration::from_millis(20);

/// Measures one attack, from [`start`](Self::start) to [`finish`](Self::finish).
pub struct Watch {
    attacked: u32,
    started: Instant,
    /// The measured latencies of the attacked and of an idle server.
    latencies: [JoinHandle<Duration>; 2],
    stop: DropGuard,
    _idle: Target,
}

impl Watch {
    /// Resets the peak memory of a server and starts to measure its latency.
    pub fn start(target: &Target) -> Self {
        let attacked = target.process_id();
        std::fs::write(format!("/proc/{attacked}/clear_refs"), "5").expect("the peak is reset");
        let idle = Target::start();
        let stop = CancellationToken::new();
        let latencies = [target, &idle].map(|server| {
            let (connection, stop) = (KeptAlive::open(server), stop.clone());
            std::thread::spawn(move || worst_latency(connection, &stop))
        });
        let started = Instant::now();
        Self { attacked, started, latencies, stop: stop.drop_guard(), _idle: idle }
    }

    /// Prints the figures. Fails if they exceed the limits.
    pub fn finish(self, attack: &str) {
        let elapsed = self.started.elapsed();
        drop(self.stop);
        let [latency, idle] =
            self.latencies.map(|worst| worst.join().expect("the server always responds"));
        let memory = peak_memory(self.attacked);
        println!(
            "summary: {memory:4} MiB, /healthz {:4} ms (idle server {:4} ms), {:5.1} s: {attack}",
            latency.as_millis(),
            idle.as_millis(),
            elapsed.as_secs_f64()
        );
        assert!(memory < MEMORY, "{attack}: the peak memory is {memory} MiB");
        assert!(
            latency <= LATENCY || latency <= idle * NOISE,
            "{attack}: /healthz took {latency:?}, and {idle:?} of an idle server"
        );
    }
}

/// Requests `/healthz` until stopped. Returns the longest time to a response.
fn worst_latency(mut connection: KeptAlive, stop: &CancellationToken) -> Duration {
    let mut worst = Duration::ZERO;
    while !stop.is_cancelled() {
        let started = Instant::now();
        let status = connection.get("/healthz", "").expect("the server keeps the connection");
        worst = worst.max(started.elapsed());
        assert_eq!(status, 200);
        std::thread::sleep(INTERVAL);
    }
    worst
}

/// Returns the peak resident memory of a process in MiB, since its last reset.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes / 1024
}
