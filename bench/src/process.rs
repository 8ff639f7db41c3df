//! Starts servers as child processes; measures their start-up time and memory.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::{Error, block_on};

/// How long a server may take to respond after its start.
const START_TIMEOUT: Duration = Duration::from_secs(180);

/// How long a server is left idle before its memory is read.
const IDLE_TIME: Duration = Duration::from_secs(1);

/// The interval between two requests that check whether a server is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A running server; it is killed on drop.
#[derive(Debug)]
pub struct ServerProcess {
    process: Child,
    port: u16,
    /// The time from the start of the process to its first successful response.
    pub startup: Duration,
}

/// Returns a port that is not in use.
pub fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl ServerProcess {
    /// Starts a program that listens on `port`, and waits until a GET of `path` succeeds.
    ///
    /// # Errors
    /// Fails if the program cannot be started, exits, or does not respond in time.
    pub fn start(mut command: Command, port: u16, path: &str) -> Result<Self, Error> {
        let program = format!("{:?}", command.get_program());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let process = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let mut server = Self { process, port, startup: Duration::ZERO };
        block_on(async {
            while get(port, path).await.is_err() {
                if let Ok(Some(status)) = server.process.try_wait() {
                    return Err(format!("{program} exited before it responded ({status})").into());
                }
                if started.elapsed() > START_TIMEOUT {
                    return Err(format!("{program} does not respond").into());
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            Ok(())
        })?;
        server.startup = started.elapsed();
        Ok(server)
    }

    /// Returns the port that the server listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the resident memory in MiB of the idle process and its descendants; only on Linux.
    pub fn memory(&self) -> Option<f64> {
        thread::sleep(IDLE_TIME);
        self.process_tree().into_iter().map(|process| status_mib(process, "VmRSS:")).sum()
    }

    /// Returns the peak resident memory of the process in MiB; only on Linux.
    pub fn peak_memory(&self) -> Option<f64> {
        status_mib(self.process.id(), "VmHWM:")
    }

    /// Returns the ids of the process and its descendants.
    fn process_tree(&self) -> Vec<u32> {
        let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let process: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
                // The name is in parentheses and may contain any character; the parent is the second word after it.
                let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
                Some((process, parent))
            })
            .collect();
        let mut tree = vec![self.process.id()];
        let mut next = 0;
        while let Some(&process) = tree.get(next) {
            let children = parents.iter().filter(|(_, parent)| *parent == process);
            tree.extend(children.map(|(child, _)| child));
            next += 1;
        }
        tree
    }

    /// Sends SIGTERM, so that the server closes its data directory, and waits until it exits.
    pub fn stop(mut self) -> Result<(), Error> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        if !sent.is_ok_and(|status| status.success()) {
            return Err("the server cannot be stopped".into());
        }
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Errors mean that a process has exited already.
        for process in self.process_tree().into_iter().skip(1) {
            let _ = Command::new("kill").arg(process.to_string()).status();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn get(port: u16, path: &str) -> Result<(), Error> {
    let request = async { Connection::open(port).await?.call("GET", path, None).await };
    tokio::time::timeout(START_TIMEOUT, request).await??;
    Ok(())
}

/// Returns a memory figure of `/proc/PID/status` in MiB.
fn status_mib(process: u32, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
