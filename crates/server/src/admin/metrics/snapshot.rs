//! Metrics whose values are read when they are requested.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{PREFIX, process};
use crate::storage::{Counts, DiskState, Health, WaitingImports};

/// The values of the metrics at one time.
pub(in crate::admin) struct Snapshot {
    pub(in crate::admin) counts: Counts,
    pub(in crate::admin) health: Health,
    pub(in crate::admin) imports: WaitingImports,
    /// The time of the last backup since the Unix epoch.
    pub(in crate::admin) last_backup: Option<Duration>,
    pub(in crate::admin) dropped_log_lines: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl Snapshot {
    pub(super) fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        let server = registry.sub_registry_with_prefix(PREFIX);
        self.register_counts(server);
        self.register_disk(server);
        let WaitingImports { count, oldest } = self.imports;
        let help = "Number of imports that wait for others to finish";
        server.register("waiting_imports", help, gauge(count));
        let age = Gauge::<f64, AtomicU64>::default();
        age.set(oldest.unwrap_or_default().as_secs_f64());
        let help = "Time since the oldest waiting import was accepted";
        server.register_with_unit("oldest_waiting_import_age", help, Unit::Seconds, age);
        if let Some(time) = self.last_backup {
            let help = "Time of the last backup since the Unix epoch";
            let time = gauge(time.as_secs());
            server.register_with_unit("last_backup_time", help, Unit::Seconds, time);
        }
        if let Some(lines) = self.dropped_log_lines {
            let dropped: Counter = Counter::default();
            dropped.inc_by(lines);
            let help = "Number of log lines dropped because the log was not read";
            server.register("dropped_log_lines", help, dropped);
        }
        register_process(&mut registry);
        registry
    }

    fn register_counts(&self, server: &mut Registry) {
        let Counts { datasets, records, files, file_bytes, tasks } = &self.counts;
        server.register("datasets", "Number of datasets in all workspaces", gauge(*datasets));
        server.register("records", "Number of records in all datasets", gauge(*records));
        server.register("files", "Number of uploaded files and exports", gauge(*files));
        let help = "Total size of uploaded files and exports";
        server.register_with_unit("files_size", help, Unit::Bytes, gauge(*file_bytes));
        let by_status = Family::<Status, Gauge>::default();
        for (status, count) in tasks {
            let status = Status { status: status.clone() };
            by_status.get_or_create(&status).set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        server.register("tasks", "Number of import tasks by status", by_status);
    }

    fn register_disk(&self, server: &mut Registry) {
        let Health { disk, free_bytes, wal_bytes, pending_writes } = self.health;
        let states = Family::<State, Gauge>::default();
        for (state, name) in [
            (DiskState::Writable, "writable"),
            (DiskState::Full, "full"),
            (DiskState::Failed, "failed"),
            (DiskState::Unreachable, "unreachable"),
        ] {
            states.get_or_create(&State { state: name }).set((disk == state).into());
        }
        let help = "1 for the state of the disk, 0 for the other states";
        server.register("disk", help, states);
        if let Some(bytes) = free_bytes {
            let help = "Free space on the file system of the data directory";
            server.register_with_unit("disk_free", help, Unit::Bytes, gauge(bytes));
        }
        let help = "Size of the write-ahead log";
        server.register_with_unit("wal_size", help, Unit::Bytes, gauge(wal_bytes));
        let help = "Number of writes that wait for the writer thread";
        server.register("pending_writes", help, gauge(pending_writes as u64));
    }
}

fn register_process(registry: &mut Registry) {
    if let Some(bytes) = process::resident_bytes() {
        let help = "Resident memory size of the process";
        registry.register_with_unit("process_resident_memory", help, Unit::Bytes, gauge(bytes));
    }
    if let Some(count) = process::open_descriptors() {
        let help = "Number of open file descriptors";
        registry.register("process_open_fds", help, gauge(count));
    }
    if let Some(count) = process::max_descriptors() {
        let help = "Maximum number of open file descriptors";
        registry.register("process_max_fds", help, gauge(count));
    }
}

fn gauge(value: u64) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a snapshot with a different value for each metric.
    pub(in crate::admin::metrics) fn snapshot() -> Snapshot {
        Snapshot {
            counts: Counts {
                datasets: 2,
                records: 3,
                files: 4,
                file_bytes: 5,
                tasks: vec![("RUNNING".to_owned(), 6)],
            },
            health: Health {
                disk: DiskState::Full,
                free_bytes: Some(7),
                wal_bytes: 8,
                pending_writes: 9,
            },
            imports: WaitingImports { count: 10, oldest: Some(Duration::from_millis(11_500)) },
            last_backup: Some(Duration::from_secs(12)),
            dropped_log_lines: Some(13),
        }
    }
}
