//! Full disks and failing fsyncs, simulated by `failing_disk.c`, which is preloaded into the server.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use futures::future::join_all;
use mistral_datasets::{Client, Error, ErrorKind};
use tokio_util::sync::CancellationToken;

use crate::check_integrity;
use crate::kills::client;
use crate::server::TestServer;
use crate::worker::Worker;

const WORKERS: usize = 4;

/// Returns the path of the preloaded library, which is compiled once per process.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failing_disk.so");
        // Compile to a unique name and rename it, since another test run may be using the library.
        let compiled_to = library.with_extension(std::process::id().to_string());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/durability/failing_disk.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let compiled = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&compiled_to)
            .arg(source)
            .arg("-ldl")
            .status();
        assert!(compiled.expect("a C compiler, which building SQLite requires too").success());
        std::fs::rename(&compiled_to, &library).expect("library is renamed");
        library
    })
}

/// A server whose disk can be made to fail, and its workers.
struct FailingServer {
    directory: tempfile::TempDir,
    server: TestServer,
    workers: Vec<Worker>,
}

impl FailingServer {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        std::fs::create_dir(directory.path().join("disk")).expect("temporary directory");
        let log = File::create(directory.path().join("log")).expect("log file on the same disk");
        let server = TestServer::start_with(&directory.path().join("data"), |command| {
            command.stderr(log);
            command.env("LD_PRELOAD", library()).env("FAILING_DISK", directory.path().join("disk"));
        });
        let workers = (0..WORKERS).map(|number| Worker::new(number, rand::random())).collect();
        Self { directory, server, workers }
    }

    fn data_directory(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Turns a failure, `full` or `flush`, on or off.
    fn set_failure(&self, kind: &str, is_on: bool) {
        let path = self.directory.path().join("disk").join(kind);
        let result = if is_on { std::fs::write(path, "") } else { std::fs::remove_file(path) };
        result.expect("failure is set");
    }

    fn client(&self) -> Client {
        client(&self.server)
    }

    async fn verify(&mut self, client: &Client) {
        for worker in &mut self.workers {
            worker.verify(client).await;
        }
    }

    fn acknowledged(&self) -> u64 {
        self.workers.iter().map(Worker::acknowledged).sum()
    }

    /// Lets all workers write for 300 ms.
    async fn work(&mut self, client: &Client) {
        let stop = CancellationToken::new();
        let working = join_all(self.workers.iter_mut().map(|worker| worker.work(client, &stop)));
        let timer = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stop.cancel();
        };
        let (errors, ()) = tokio::join!(working, timer);
        assert!(errors.iter().all(Option::is_none), "{errors:?}");
    }

    /// Lets each worker write until a write fails, and returns the errors.
    async fn work_until_failure(&mut self, client: &Client) -> Vec<Option<Error>> {
        let timeout = Duration::from_secs(2);
        join_all(self.workers.iter_mut().map(|worker| worker.work_until_failure(client, timeout)))
            .await
    }
}

/// Returns whether a write was rejected because of a disk failure, with this text in its message.
pub fn is_disk_error(error: &Error, text: &str) -> bool {
    let by_status = error.status() == Some(503) && error.code() == Some("DATABASE_UNAVAILABLE");
    (by_status || error.kind() == ErrorKind::TaskFailed) && error.to_string().contains(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_fail_without_data_loss_on_a_full_disk_and_succeed_once_there_is_space() {
    let mut failing = FailingServer::start();
    let client = failing.client();
    failing.verify(&client).await;
    for _ in 0..3 {
        let before = failing.acknowledged();
        failing.work(&client).await;
        assert!(failing.acknowledged() > before);

        failing.set_failure("full", true);
        let errors = failing.work_until_failure(&client).await;
        // Reads still work, and return exactly the acknowledged records.
        for (worker, error) in failing.workers.iter_mut().zip(errors) {
            if let Some(error) = error {
                assert!(is_disk_error(&error, "the disk is full"), "{error}");
                worker.check_rejected(&client).await;
            }
        }
        failing.set_failure("full", false);
        failing.verify(&client).await;
    }
    failing.server.shutdown();
    check_integrity(&failing.directory.path().join("data"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_is_acknowledged_after_a_failed_fsync_until_a_restart() {
    for kill in [true, false] {
        let mut failing = FailingServer::start();
        let client = failing.client();
        failing.verify(&client).await;
        failing.work(&client).await;
        failing.set_failure("flush", true);
        failing.work_until_failure(&client).await;
        client.datasets().create("Not durable", "").await.expect_err("fsync fails");
        // The next fsync would succeed, but the kernel may have dropped the pages of the failed one.
        failing.set_failure("flush", false);
        let acknowledged = failing.acknowledged();
        let error = client.datasets().create("Still rejected", "").await.expect_err("rejected");
        assert!(is_disk_error(&error, "until it is restarted"), "{error}");
        let listed = client.datasets().list().await.expect("reads still work");
        assert_eq!(listed.datasets.count, WORKERS as i64);

        let data = failing.data_directory();
        let FailingServer { directory: _folder, mut server, mut workers } = failing;
        if kill {
            server.kill();
        } else {
            server.shutdown();
        }
        check_integrity(&data);
        let server = TestServer::start(&data);
        let client = crate::kills::client(&server);
        for worker in &mut workers {
            worker.verify(&client).await;
        }
        assert!(acknowledged > 0);
        client.datasets().create("Another dataset", "").await.expect("writes are accepted again");
        server.shutdown();
        check_integrity(&data);
    }
}
