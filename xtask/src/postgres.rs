//! Runs a PostgreSQL server on a temporary directory and a free port.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::step::{self, Step};

/// The user that runs the server if this program runs as root, which PostgreSQL refuses.
const USER: &str = "postgres";

/// Options of the server. Tests kill the database's processes but not the machine, so nothing has to be synced to the disk.
const OPTIONS: &str =
    "-c listen_addresses=127.0.0.1 -c max_connections=400 -c fsync=off -c shared_buffers=128MB";

/// A running server; it is stopped on drop.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    port: u16,
    directory: TempDir,
    /// Not below `directory`, which belongs to another user.
    objects: TempDir,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server with an empty cluster.
    ///
    /// # Errors
    /// Fails if PostgreSQL is not installed, with the name of the package, or does not start.
    pub fn start() -> Result<Self, String> {
        let programs = find_programs()?;
        let temporary =
            || tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"));
        let (directory, objects, port) = (temporary()?, temporary()?, free_port()?);
        let server = Self { programs, port, directory, objects, databases: AtomicU32::new(0) };
        if is_root() {
            let owner = Step::new("chown", "chown").arg(USER).arg(server.directory.path());
            step::run(owner)?;
        }
        let arguments = ["--auth=trust", "--username", USER, "--encoding=UTF8", "--locale=C.UTF-8"];
        step::run(server.step("initdb").args(arguments).arg("--pgdata").arg(server.data()))?;
        let sockets = server.directory.path().display();
        let options = format!("-p {port} -c unix_socket_directories={sockets} {OPTIONS}");
        let log = server.directory.path().join("log");
        step::run(
            server
                .step("pg_ctl")
                .args(["start", "--wait", "--silent", "--options", &options])
                .arg("--log")
                .arg(log)
                .arg("--pgdata")
                .arg(server.data()),
        )?;
        Ok(server)
    }

    /// Returns the connection string of the server, for a user that may create databases.
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Returns a shell command that restarts the server as after a crash: transactions in progress are lost.
    pub fn restart_command(&self) -> String {
        let user = if is_root() { format!("runuser -u {USER} -- ") } else { String::new() };
        let (program, data) = (self.programs.join("pg_ctl"), self.data());
        let log = self.directory.path().join("log");
        format!(
            "{user}'{}' restart --wait --silent --mode=immediate --log '{}' --pgdata '{}'",
            program.display(),
            log.display(),
            data.display()
        )
    }

    /// Creates a database and returns its connection string.
    ///
    /// # Errors
    /// Fails if the server does not create it.
    pub fn create_database(&self) -> Result<String, String> {
        let name = format!("tests_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let create = self.step("createdb").args(["--host", "127.0.0.1", "--username", USER]);
        step::run(create.args(["--port", &self.port.to_string(), &name]))?;
        Ok(format!("postgres://{USER}@127.0.0.1:{}/{name}?sslmode=disable", self.port))
    }

    /// Returns a directory for the contents of files.
    pub fn objects(&self) -> &Path {
        self.objects.path()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Returns a step that runs one of PostgreSQL's programs, as a user that may run the server.
    fn step(&self, program: &str) -> Step {
        let path = self.programs.join(program);
        let step = if is_root() {
            Step::new(program, "runuser").args(["-u", USER, "--"]).arg(path)
        } else {
            Step::new(program, path)
        };
        step.current_dir(self.directory.path())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stop = self.step("pg_ctl").args(["stop", "--wait", "--silent", "--mode=immediate"]);
        if let Err(error) = step::run(stop.arg("--pgdata").arg(self.data())) {
            eprintln!("{error}");
        }
    }
}

/// Returns the directory of PostgreSQL's programs: one of `PATH`, or that of the newest version that Debian installed.
fn find_programs() -> Result<PathBuf, String> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    debian.sort();
    env::split_paths(&paths)
        .chain(debian.into_iter().rev().map(|(_, directory)| directory))
        .find(|directory| has_programs(directory))
        .ok_or_else(|| {
            "PostgreSQL is not installed, which the tests need; install it, on Debian and Ubuntu with `apt-get install postgresql`"
                .to_owned()
        })
}

fn has_programs(directory: &Path) -> bool {
    ["createdb", "initdb", "pg_ctl"].iter().all(|program| directory.join(program).is_file())
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

/// Returns whether this program runs as root.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
