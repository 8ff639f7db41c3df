//! Servers as processes: when they are ready, and what memory they take.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::http;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long a server is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(1);

/// A server that runs; dropping it stops it.
#[derive(Debug)]
pub struct Served {
    process: Child,
    port: u16,
    /// From the start of the process until its first good response.
    pub ready: Duration,
}

/// A port that nobody listens on.
pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

impl Served {
    /// Starts a program that listens on this port, and waits until it answers a GET of the path.
    ///
    /// # Errors
    /// When it cannot start, ends, or does not answer in time.
    pub fn start(mut command: Command, port: u16, path: &str) -> Result<Self, String> {
        let what = format!("{:?}", command.get_program());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let process = command.spawn().map_err(|error| format!("{what}: {error}"))?;
        let mut served = Self { process, port, ready: Duration::ZERO };
        while http::get(port, path, None).is_err() {
            if let Ok(Some(status)) = served.process.try_wait() {
                return Err(format!("{what} ended ({status}) before it answered"));
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{what} does not answer"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        served.ready = began.elapsed();
        Ok(served)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The memory in MiB that it holds, with the processes it has started, when it has rested for a moment; Linux alone says it.
    pub fn memory(&self) -> Option<f64> {
        thread::sleep(REST);
        self.family().into_iter().map(|process| status(process, "VmRSS:")).sum()
    }

    /// The most memory in MiB that its process has held.
    pub fn peak(&self) -> Option<f64> {
        status(self.process.id(), "VmHWM:")
    }

    /// Its process and those that came from it.
    fn family(&self) -> Vec<u32> {
        let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let process: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
                // The name, in brackets, may hold anything; the parent is the second word behind it.
                let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
                Some((process, parent))
            })
            .collect();
        let mut family = vec![self.process.id()];
        let mut next = 0;
        while let Some(&member) = family.get(next) {
            family.extend(
                parents.iter().filter(|(_, parent)| *parent == member).map(|(child, _)| child),
            );
            next += 1;
        }
        family
    }

    /// Stops it as a user does, so that it closes its data, and waits until it is gone.
    pub fn stop(mut self) -> Result<(), String> {
        let id = self.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        if !asked.is_ok_and(|status| status.success()) {
            return Err("the server cannot be stopped".to_owned());
        }
        self.process.wait().map(drop).map_err(|error| error.to_string())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        for process in self.family().into_iter().skip(1) {
            let _ = Command::new("kill").arg(process.to_string()).status();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A figure of a process in MiB.
fn status(process: u32, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
