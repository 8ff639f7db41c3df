//! The options of `serve` for running it behind load balancers and proxies.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::interrupts::wait_until;
use crate::server::{PROGRAM, run, stderr, stdout};

/// A running server and the addresses that it printed.
struct Server {
    process: Child,
    addresses: Vec<String>,
}

impl Server {
    /// Starts a server that prints a line for each of its addresses.
    fn start(arguments: &[&str], addresses: usize) -> Self {
        let mut process = Command::new(PROGRAM)
            .args(["serve", "--memory", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().take(addresses);
        let addresses =
            lines.map(|line| line.unwrap().rsplit_once("http://").unwrap().1.to_owned());
        let addresses = addresses.collect();
        Self { process, addresses }
    }

    /// Sends a request and returns the status line and the rest of the response.
    fn get(&self, address: usize, path: &str) -> std::io::Result<String> {
        let address = &self.addresses[address];
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    }

    fn is_ready(&self) -> bool {
        self.get(0, "/readyz").unwrap().starts_with("HTTP/1.1 200")
    }

    fn send_sigterm(&self) {
        let process = self.process.id().to_string();
        assert!(Command::new("kill").arg(process).status().unwrap().success());
    }

    /// Waits until the server has exited, and returns whether it was successful.
    fn wait(&mut self) -> bool {
        wait_until("the server exits", || self.process.try_wait().unwrap().is_some());
        self.process.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn sigterm_is_followed_by_the_drain_time() {
    let mut server = Server::start(&["--drain-time", "3s"], 1);
    assert!(server.is_ready());
    let started = Instant::now();
    server.send_sigterm();
    wait_until("the server is not ready", || !server.is_ready());
    let response = server.get(0, "/readyz").unwrap();
    assert!(response.contains(r#""code":"draining""#), "{response}");
    assert!(server.get(0, "/healthz").unwrap().starts_with("HTTP/1.1 200"));
    assert!(server.wait());
    assert!(started.elapsed() >= Duration::from_secs(3), "{:?}", started.elapsed());
}

#[test]
fn a_second_signal_ends_the_drain_time() {
    let mut server = Server::start(&["--drain-time", "10m"], 1);
    server.send_sigterm();
    wait_until("the server is not ready", || !server.is_ready());
    server.send_sigterm();
    assert!(server.wait());
}

#[test]
fn further_listeners_are_announced_in_order() {
    let any = "127.0.0.1:0";
    let arguments = ["--links-listen", any, "--admin-listen", any, "--api-key", "right"];
    let server = Server::start(&arguments, 3);
    let status = |address, path| server.get(address, path).unwrap()[9..12].to_owned();
    assert_eq!(status(0, "/healthz"), "200");
    assert_eq!([status(0, "/readyz"), status(0, "/metrics")], ["404", "404"]);
    assert_eq!([status(1, "/files/x"), status(1, "/healthz")], ["404", "404"]);
    assert_eq!([status(2, "/readyz"), status(2, "/livez")], ["200", "200"]);
    let metrics = server.get(2, "/metrics").unwrap();
    assert!(metrics.contains("\nmistral_datasets_dropped_log_lines_total 0\n"), "{metrics}");
}

#[test]
fn invalid_options_are_rejected() {
    let fails = |arguments: &[&str]| {
        let output =
            run("", "", &[&["serve", "--memory", "--listen", "127.0.0.1:0"], arguments].concat());
        assert!(!output.status.success(), "{arguments:?}");
        stderr(&output)
    };
    let message = fails(&["--links-listen", "0.0.0.0:0"]);
    assert!(message.contains("set the URL of signed links"), "{message}");
    let message = fails(&["--links-url", "files.example"]);
    assert!(message.contains("invalid URL of signed links"), "{message}");
    for invalid in [
        ["--drain-time", "5"],
        ["--admin-listen", "9090"],
        ["--max-failed-keys", "0"],
        ["--max-connections-per-address", "0"],
    ] {
        assert!(fails(&invalid).contains("invalid value"), "{invalid:?}");
    }
}

#[test]
fn help_states_the_defaults_of_the_limits_per_address() {
    let help = stdout(&run("", "", &["serve", "-h"]));
    for (option, default) in [
        ("--max-connections-per-address <COUNT>", "128"),
        ("--max-failed-keys <COUNT>", "60"),
        ("--drain-time <TIME>", "0s"),
    ] {
        let at = help.find(option).unwrap_or_else(|| panic!("{option} is not in {help}"));
        let rest = &help[at..help.len().min(at + 300)];
        assert!(rest.contains(&format!("[default: {default}]")), "{rest}");
    }
    assert!(help.contains("--behind-proxy"));
}
