//! Prometheus metrics.
//!
//! No label identifies a workspace, a key or other user data.

mod process;
mod snapshot;

use std::fmt;
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub(super) use snapshot::Snapshot;

/// The prefix of all metrics except those of the process.
const PREFIX: &str = "mistral_datasets";

/// The bucket bounds of the request duration, in seconds. Most requests take less than a millisecond.
const BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0, 60.0,
];

/// Metrics that are updated as events occur.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Operation, Histogram, fn() -> Histogram>,
    received: Counter,
    sent: Counter,
    connections: Gauge,
    refused: Family<Refused, Counter>,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// The server has too many connections.
    Connections,
    /// The client has too many connections.
    ConnectionsPerAddress,
}

impl Refusal {
    const ALL: [Self; 2] = [Self::Connections, Self::ConnectionsPerAddress];
}

impl EncodeLabelValue for Refusal {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        let reason = match self {
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections_per_address",
        };
        reason.encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: Refusal,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    operation: &'static str,
    status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

fn durations() -> Histogram {
    Histogram::new(BUCKETS.iter().copied())
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let server = registry.sub_registry_with_prefix(PREFIX);
        let requests = Family::default();
        server.register("requests", "Number of requests handled", requests.clone());
        let durations = Family::new_with_constructor(durations as fn() -> Histogram);
        server.register_with_unit(
            "request_duration",
            "Time from receiving the request head to sending the response",
            Unit::Seconds,
            durations.clone(),
        );
        let (received, sent) = (Counter::default(), Counter::default());
        let received_help = "Number of bytes received from clients";
        server.register_with_unit("received", received_help, Unit::Bytes, received.clone());
        server.register_with_unit(
            "sent",
            "Number of bytes sent to clients",
            Unit::Bytes,
            sent.clone(),
        );
        let connections = Gauge::default();
        server.register("connections", "Number of open connections", connections.clone());
        let refused = Family::<Refused, Counter>::default();
        for reason in Refusal::ALL {
            let _ = refused.get_or_create(&Refused { reason });
        }
        server.register("refused_connections", "Number of refused connections", refused.clone());
        let started: Gauge = Gauge::default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        started.set(i64::try_from(now.as_secs()).unwrap_or_default());
        server.register_with_unit(
            "start_time",
            "Start time of the server since the Unix epoch",
            Unit::Seconds,
            started,
        );
        Self { registry, requests, durations, received, sent, connections, refused }
    }

    /// Counts a request whose response is about to be sent.
    pub(crate) fn request_handled(&self, operation: &'static str, status: u16, elapsed: Duration) {
        self.requests.get_or_create(&Request { operation, status: status.into() }).inc();
        self.durations.get_or_create(&Operation { operation }).observe(elapsed.as_secs_f64());
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.inc();
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.dec();
    }

    pub(crate) fn connection_refused(&self, reason: Refusal) {
        self.refused.get_or_create(&Refused { reason }).inc();
    }

    pub(crate) fn bytes_received(&self, bytes: usize) {
        self.received.inc_by(bytes as u64);
    }

    pub(crate) fn bytes_sent(&self, bytes: usize) {
        self.sent.inc_by(bytes as u64);
    }

    /// Returns all metrics in the OpenMetrics text format.
    pub(super) fn text(&self, snapshot: &Snapshot) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &snapshot.registry())?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_encoded_in_the_openmetrics_format() {
        let metrics = Metrics::new();
        metrics.request_handled("create_record", 201, Duration::from_micros(200));
        metrics.request_handled("create_record", 201, Duration::from_secs(100));
        metrics.request_handled("create_record", 422, Duration::from_micros(10));
        metrics.connection_refused(Refusal::ConnectionsPerAddress);
        let text = metrics.text(&snapshot::tests::snapshot()).unwrap();
        for line in [
            r#"mistral_datasets_requests_total{operation="create_record",status="201"} 2"#,
            r#"mistral_datasets_requests_total{operation="create_record",status="422"} 1"#,
            r#"mistral_datasets_request_duration_seconds_count{operation="create_record"} 3"#,
            r#"mistral_datasets_request_duration_seconds_bucket{le="0.00025",operation="create_record"} 2"#,
            r#"mistral_datasets_refused_connections_total{reason="connections"} 0"#,
            r#"mistral_datasets_refused_connections_total{reason="connections_per_address"} 1"#,
            "mistral_datasets_datasets 2",
            "mistral_datasets_records 3",
            "mistral_datasets_files 4",
            "mistral_datasets_files_size_bytes 5",
            r#"mistral_datasets_tasks{status="RUNNING"} 6"#,
            r#"mistral_datasets_disk{state="writable"} 0"#,
            r#"mistral_datasets_disk{state="full"} 1"#,
            r#"mistral_datasets_disk{state="failed"} 0"#,
            "mistral_datasets_disk_free_bytes 7",
            "mistral_datasets_wal_size_bytes 8",
            "mistral_datasets_pending_writes 9",
            "mistral_datasets_waiting_imports 10",
            "mistral_datasets_oldest_waiting_import_age_seconds 11.5",
            "mistral_datasets_last_backup_time_seconds 12",
            "mistral_datasets_dropped_log_lines_total 13",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} missing in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
