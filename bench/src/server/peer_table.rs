//! Writes the comparison with Phoenix and Prism, as a table and a chart.

use std::fmt::Write as _;

use super::page::Unit;
use super::peers::{Comparison, Peer, RECORDS};
use crate::chart::{self, Bar, Group};
use crate::environment::Environment;
use crate::page::{grouped, target_result};

const TITLE: &str = "Time or memory, peer ÷ local server";

/// A compared figure; lower is better in all rows.
struct Row {
    title: &'static str,
    unit: Unit,
    figure: fn(&Peer) -> Option<f64>,
    /// The least accepted ratio of Phoenix's figure to ours.
    target: Option<f64>,
}

const ROWS: &[Row] = &[
    Row {
        title: "Startup",
        unit: Unit::Milliseconds,
        figure: |peer| Some(peer.startup_seconds * 1e3),
        target: Some(100.0),
    },
    Row { title: "Idle memory", unit: Unit::Mib, figure: |peer| peer.memory, target: Some(10.0) },
    Row {
        title: "Memory after the import",
        unit: Unit::Mib,
        figure: |peer| peer.memory_after_import,
        target: Some(10.0),
    },
    Row {
        title: "Import all records",
        unit: Unit::Milliseconds,
        figure: |peer| Some(peer.import_seconds? * 1e3),
        target: Some(50.0),
    },
    Row {
        title: "Read all records",
        unit: Unit::Milliseconds,
        figure: |peer| Some(peer.read_seconds? * 1e3),
        target: None,
    },
    Row {
        title: "List datasets",
        unit: Unit::Milliseconds,
        figure: |peer| peer.list_datasets.as_ref().map(|list| list.p50_ms),
        target: None,
    },
];

/// Returns the section as Markdown.
pub fn section(comparison: &Comparison) -> String {
    let all: Vec<&Peer> = std::iter::once(&comparison.ours).chain(&comparison.peers).collect();
    let names: Vec<&str> = all.iter().map(|peer| peer.name).collect();
    let mut text = format!(
        "\n## Compared with Phoenix and Prism\n\n\
         Phoenix stores datasets in SQLite. Prism is a mock server that generates responses from the same OpenAPI document and\n\
         stores nothing. {} records are imported and read back. *Ratio* is Phoenix's figure divided by ours.\n\n\
         ![{TITLE}](bench-server.svg)\n\n\
         | | {} | Ratio | Target | |\n|---|{}--:|--:|---|\n",
        grouped(RECORDS),
        names.join(" | "),
        "--:|".repeat(all.len())
    );
    for row in ROWS {
        let cells: Vec<String> = all
            .iter()
            .map(|peer| {
                (row.figure)(peer).map_or("–".to_owned(), |figure| row.unit.format(figure))
            })
            .collect();
        let phoenix = comparison.peers.first();
        let ratio = phoenix.and_then(|phoenix| ratio(row, phoenix, &comparison.ours));
        let (target, result) = match (row.target, ratio) {
            (Some(target), Some(ratio)) => (format!("≥ {target}×"), target_result(ratio >= target)),
            _ => (String::new(), ""),
        };
        let ratio = ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.0}×"));
        let _ = writeln!(
            text,
            "| {} | {} | {ratio} | {target} | {result} |",
            row.title,
            cells.join(" | ")
        );
    }
    text
}

/// Draws the comparison as a chart.
pub fn picture(comparison: &Comparison, environment: &Environment) -> String {
    let bar = |row, peer: &Peer| Bar { name: peer.name, ratio: ratio(row, peer, &comparison.ours) };
    let groups: Vec<Group> = ROWS
        .iter()
        .map(|row| Group {
            title: row.title.to_owned(),
            bars: comparison.peers.iter().map(|peer| bar(row, peer)).collect(),
        })
        .collect();
    chart::draw(TITLE, &environment.summary(), &groups)
}

fn ratio(row: &Row, peer: &Peer, ours: &Peer) -> Option<f64> {
    Some((row.figure)(peer)? / (row.figure)(ours)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &'static str, startup_seconds: f64, memory: Option<f64>) -> Peer {
        Peer {
            name,
            startup_seconds,
            memory,
            memory_after_import: None,
            import_seconds: None,
            read_seconds: None,
            list_datasets: None,
        }
    }

    #[test]
    fn compares_known_figures_with_phoenix() {
        let ours = peer("mistral-datasets", 0.01, Some(10.0));
        let comparison = Comparison { ours, peers: vec![peer("Phoenix", 2.0, Some(50.0))] };
        let text = section(&comparison);
        assert!(text.contains("| Startup | 10 ms | 2000 ms | 200× | ≥ 100× | met |"), "{text}");
        assert!(text.contains("| Idle memory | 10 MiB | 50 MiB | 5× | ≥ 10× | missed |"), "{text}");
        assert!(text.contains("| Read all records | – | – | – |  |  |"), "{text}");
    }
}
