//! A disk that is full, and one that does not keep what it is given. `failing_disk.c` plays it to the server's process.

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
use crate::served::Served;
use crate::worker::Worker;

const WORKERS: usize = 4;

/// What stands between the server and its disk, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failing_disk.so");
        // Another run may be using it.
        let compiled_to = library.with_extension(std::process::id().to_string());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/durability/failing_disk.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let compiled = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&compiled_to)
            .arg(source)
            .arg("-ldl")
            .status();
        assert!(compiled.expect("the C compiler that SQLite was built with").success());
        std::fs::rename(&compiled_to, &library).expect("it is named");
        library
    })
}

/// A server on a disk that can be made to fail.
struct Failing {
    folder: tempfile::TempDir,
    served: Served,
    workers: Vec<Worker>,
}

impl Failing {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(folder.path().join("disk")).expect("a directory");
        let log = File::create(folder.path().join("log")).expect("a log on the same disk");
        let served = Served::start_with(&folder.path().join("data"), |command| {
            command.stderr(log);
            command.env("LD_PRELOAD", library()).env("FAILING_DISK", folder.path().join("disk"));
        });
        let workers = (0..WORKERS).map(|number| Worker::new(number, rand::random())).collect();
        Self { folder, served, workers }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn switch(&self, how: &str, on: bool) {
        let path = self.folder.path().join("disk").join(how);
        let switched = if on { std::fs::write(path, "") } else { std::fs::remove_file(path) };
        switched.expect("it is switched");
    }

    fn client(&self) -> Client {
        client(&self.served)
    }

    async fn settle(&mut self, client: &Client) {
        for worker in &mut self.workers {
            worker.settle(client).await;
        }
    }

    fn acknowledged(&self) -> u64 {
        self.workers.iter().map(Worker::acknowledged).sum()
    }

    /// Lets all of them write for some time.
    async fn work(&mut self, client: &Client) {
        let stop = CancellationToken::new();
        let working = join_all(self.workers.iter_mut().map(|worker| worker.work(client, &stop)));
        let timer = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stop.cancel();
        };
        let (ends, ()) = tokio::join!(working, timer);
        assert!(ends.iter().all(Option::is_none), "{ends:?}");
    }

    /// Lets each of them write until it fails, and answers how.
    async fn fail(&mut self, client: &Client) -> Vec<Option<Error>> {
        let time = Duration::from_secs(2);
        join_all(self.workers.iter_mut().map(|worker| worker.fail(client, time))).await
    }
}

/// Whether a write was refused in these words, as one that the disk cannot take.
pub fn is_refused(error: &Error, words: &str) -> bool {
    let by_status = error.status() == Some(503) && error.code() == Some("DATABASE_UNAVAILABLE");
    (by_status || error.kind() == ErrorKind::TaskFailed) && error.to_string().contains(words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_loses_nothing_and_takes_them_again_when_there_is_space() {
    let mut failing = Failing::start();
    let client = failing.client();
    failing.settle(&client).await;
    for _ in 0..3 {
        let before = failing.acknowledged();
        failing.work(&client).await;
        assert!(failing.acknowledged() > before);

        failing.switch("full", true);
        let refusals = failing.fail(&client).await;
        // Reading goes on, and finds neither more nor less.
        for (worker, refusal) in failing.workers.iter_mut().zip(refusals) {
            if let Some(refusal) = refusal {
                assert!(is_refused(&refusal, "no space left"), "{refusal}");
                worker.check_refused(&client).await;
            }
        }
        failing.switch("full", false);
        failing.settle(&client).await;
    }
    failing.served.terminate();
    check_integrity(&failing.folder.path().join("data"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_flush_that_failed_nothing_is_acknowledged_until_a_restart() {
    for kill in [true, false] {
        let mut failing = Failing::start();
        let client = failing.client();
        failing.settle(&client).await;
        failing.work(&client).await;
        failing.switch("flush", true);
        failing.fail(&client).await;
        client.datasets().create("Not to be had", "").await.expect_err("it is not on the disk");
        // The next flush would succeed, and would not make up for the one before it.
        failing.switch("flush", false);
        let acknowledged = failing.acknowledged();
        let refused = client.datasets().create("Nor this one", "").await.expect_err("refused");
        assert!(is_refused(&refused, "until it is restarted"), "{refused}");
        let listed = client.datasets().list().await.expect("it can be read");
        assert_eq!(listed.datasets.count, WORKERS as i64);

        let data = failing.data();
        let Failing { folder: _folder, mut served, mut workers } = failing;
        if kill {
            served.kill();
        } else {
            served.terminate();
        }
        check_integrity(&data);
        let served = Served::start(&data);
        let client = crate::kills::client(&served);
        for worker in &mut workers {
            worker.settle(&client).await;
        }
        assert!(acknowledged > 0);
        client.datasets().create("A further one", "").await.expect("it takes writes again");
        served.terminate();
        check_integrity(&data);
    }
}
