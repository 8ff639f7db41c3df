//! The page of tables, and the picture.

use std::fmt::Write as _;
use std::time::Duration;

use super::course::{CREATES, DATASETS, Figures, Many, Pages};
use super::peers::{Peer, Peers, RECORDS};
use crate::bench::chart::{self, Bar, Group};
use crate::bench::table::{machine, met};

/// The bars that the server must not miss.
const READY_EMPTY_MS: f64 = 50.0;
const READY_FULL_MS: f64 = 100.0;
const REST_MIB: f64 = 30.0;
const IMPORT_MIB: f64 = 150.0;
const IMPORT_A_SECOND: f64 = 100_000.0;
const READ_P99_MS: f64 = 20.0;
const PAGE_TIMES: f64 = 2.0;
const PHOENIX_IMPORT: f64 = 50.0;
const PHOENIX_START: f64 = 100.0;
const PHOENIX_MEMORY: f64 = 10.0;

/// The page, as Markdown.
pub fn page(figures: &[Figures], many: &Many, peers: Option<&Peers>) -> String {
    let mut text = String::from(
        "# The local server, with few records and with many\n\n\
         Made by `cargo xtask bench server --peers`: the published build on a data directory on disk, where every write is\n\
         flushed before it is answered. Records are about 1 KB where no other size is named. Times are medians of requests that come\n\
         one after the other over one connection unless they say otherwise, and the program that sends them shares the machine.\n\n",
    );
    let _ = writeln!(text, "{}\n", machine());
    let sizes: Vec<String> = figures.iter().map(|figures| grouped(figures.records)).collect();
    let _ =
        writeln!(text, "## By records in the dataset\n\n| | {} | must be | |", sizes.join(" | "));
    let _ = writeln!(text, "|---|{}--:|---|", "--:|".repeat(figures.len()));
    let mut table = Table { text, figures };
    table.by_size();
    let mut text = table.text;
    let _ = writeln!(
        text,
        "\nWith {} datasets, a page from the middle takes {}, and a search that looks at every one and finds none {}.",
        grouped(DATASETS),
        milliseconds(many.page.p50_ms),
        milliseconds(many.search.p50_ms)
    );
    if let Some(peers) = peers {
        text.push_str(&beside(peers));
    }
    text
}

struct Table<'a> {
    text: String,
    figures: &'a [Figures],
}

impl Table<'_> {
    fn by_size(&mut self) {
        self.row("ready after exec, empty directory", READY_EMPTY_MS, Bound::Most, "ms", |f| {
            Some(f.ready.0.as_secs_f64() * 1e3)
        });
        self.row("ready after exec, with the records", READY_FULL_MS, Bound::Most, "ms", |f| {
            Some(f.ready.1.as_secs_f64() * 1e3)
        });
        self.row("memory at rest, empty directory", REST_MIB, Bound::Most, "MiB", |f| f.memory.0);
        self.row("memory at rest, with the records", REST_MIB, Bound::Most, "MiB", |f| f.memory.2);
        self.row("import, records a second", IMPORT_A_SECOND, Bound::Least, "", |f| {
            Some(f.records as f64 / f.import.import_seconds)
        });
        self.row("most memory during the import", IMPORT_MIB, Bound::Most, "MiB", |f| f.memory.1);
        self.row("99 of 100 reads during the import", READ_P99_MS, Bound::Most, "ms", |f| {
            f.import.read_p99_ms
        });
        self.row("the same of 2 KB, most memory", IMPORT_MIB, Bound::Most, "MiB", |f| {
            f.large_import.1
        });
        self.row("99 of 100 reads during that", READ_P99_MS, Bound::Most, "ms", |f| {
            f.large_import.0.read_p99_ms
        });
        self.plain("its records a second", |f| {
            grouped((f.records as f64 / f.large_import.0.import_seconds) as usize)
        });
        self.plain("numbers that its progress showed", |f| {
            grouped(f.large_import.0.progress_steps)
        });
        self.plain("upload of the file of 1 KB records, records a second", |f| {
            grouped((f.records as f64 / f.import.upload_seconds) as usize)
        });
        self.plain("export, records a second", |f| {
            grouped((f.export.lines as f64 / f.export.seconds) as usize)
        });
        self.plain("first page of 100", |f| milliseconds(f.pages.first));
        self.beside_first("middle page", |f| f.pages, |pages| pages.middle);
        self.beside_first("last page", |f| f.pages, |pages| pages.last);
        self.beside_first("middle page after deletions", |f| f.pages_thinned, |pages| pages.middle);
        self.beside_first("last page after deletions", |f| f.pages_thinned, |pages| pages.last);
        self.plain("one record fetched", |f| milliseconds(f.fetch.p50_ms));
        self.plain("one payload replaced", |f| milliseconds(f.edit.p50_ms));
        self.plain("the dataset deleted", |f| duration(f.delete));
        for (index, (connections, _)) in CREATES.into_iter().enumerate() {
            let over = if connections == 1 { "connection" } else { "connections" };
            self.plain(
                &format!("creates a second over {connections} {over}, empty dataset"),
                |f| grouped(f.creates_in_empty[index].a_second as usize),
            );
            self.plain("the same in this dataset", |f| grouped(f.creates[index].a_second as usize));
            self.plain("its 99th of 100 creates", |f| milliseconds(f.creates[index].p99_ms));
        }
    }

    fn beside_first(
        &mut self,
        title: &str,
        pages: impl Fn(&Figures) -> Pages,
        page: impl Fn(Pages) -> f64,
    ) {
        self.row(&format!("{title}, beside the first"), PAGE_TIMES, Bound::Most, "×", |f| {
            Some(page(pages(f)) / pages(f).first)
        });
    }

    fn plain(&mut self, title: &str, of: impl Fn(&Figures) -> String) {
        let cells: Vec<String> = self.figures.iter().map(of).collect();
        let _ = writeln!(self.text, "| {title} | {} | | |", cells.join(" | "));
    }

    /// A row of which every figure has the same bar.
    fn row(
        &mut self,
        title: &str,
        bar: f64,
        bound: Bound,
        unit: &str,
        of: impl Fn(&Figures) -> Option<f64>,
    ) {
        let figures: Vec<Option<f64>> = self.figures.iter().map(of).collect();
        let cells: Vec<String> = figures
            .iter()
            .map(|figure| figure.map_or("–".to_owned(), |figure| shown(figure, unit)))
            .collect();
        // What is asked for is asked for with many records; a file of a thousand is over before it has begun.
        let decisive = figures.last().copied().flatten();
        let verdict = decisive.map_or("", |figure| met(bound.holds(figure, bar)));
        let word = bound.word();
        let _ = writeln!(
            self.text,
            "| {title} | {} | {word} {} | {verdict} |",
            cells.join(" | "),
            shown(bar, unit)
        );
    }
}

/// On which side of the bar a figure must be.
#[derive(Clone, Copy, Debug)]
enum Bound {
    Most,
    Least,
}

impl Bound {
    fn holds(self, figure: f64, bar: f64) -> bool {
        match self {
            Self::Most => figure <= bar,
            Self::Least => figure >= bar,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Most => "at most",
            Self::Least => "at least",
        }
    }
}

fn beside(peers: &Peers) -> String {
    let all: Vec<&Peer> = std::iter::once(&peers.ours).chain(&peers.others).collect();
    let names: Vec<&str> = all.iter().map(|peer| peer.name).collect();
    let mut text = format!(
        "\n## Beside peers\n\nPhoenix keeps datasets in SQLite, Prism answers from the same document and keeps nothing. {} records are\n\
         sent, kept and read back. *Phoenix* says how many times less ours takes.\n\n\
         ![How many times less the local server takes than Phoenix and Prism](bench-server.svg)\n\n\
         | | {} | Phoenix | must be | |\n|---|{}--:|--:|---|\n",
        grouped(RECORDS),
        names.join(" | "),
        "--:|".repeat(all.len())
    );
    for row in ROWS {
        let cells: Vec<String> = all
            .iter()
            .map(|peer| {
                (row.of)(peer)
                    .map_or("–".to_owned(), |figure| shown(figure * row.scale, row.unit))
            })
            .collect();
        let ratio = peers.others.first().and_then(|phoenix| ratio(row, phoenix, &peers.ours));
        let (bar, verdict) = match (row.bar, ratio) {
            (Some(bar), Some(ratio)) => (format!("{bar}×"), met(ratio >= bar)),
            _ => (String::new(), ""),
        };
        let ratio = ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.0}×"));
        let _ = writeln!(
            text,
            "| {} | {} | {ratio} | {bar} | {verdict} |",
            row.title,
            cells.join(" | ")
        );
    }
    text
}

/// A row of the comparison; less is better in all of them.
struct Row {
    title: &'static str,
    unit: &'static str,
    scale: f64,
    of: fn(&Peer) -> Option<f64>,
    /// How many times less than Phoenix's the figure must be.
    bar: Option<f64>,
}

const ROWS: &[Row] = &[
    Row {
        title: "ready after exec",
        unit: "ms",
        scale: 1e3,
        of: |peer| Some(peer.ready),
        bar: Some(PHOENIX_START),
    },
    Row {
        title: "memory at rest",
        unit: "MiB",
        scale: 1.0,
        of: |peer| peer.memory,
        bar: Some(PHOENIX_MEMORY),
    },
    Row {
        title: "memory after the import",
        unit: "MiB",
        scale: 1.0,
        of: |peer| peer.memory_after,
        bar: Some(PHOENIX_MEMORY),
    },
    Row {
        title: "import",
        unit: "ms",
        scale: 1e3,
        of: |peer| peer.import,
        bar: Some(PHOENIX_IMPORT),
    },
    Row { title: "all read back", unit: "ms", scale: 1e3, of: |peer| peer.read, bar: None },
    Row {
        title: "a listing of datasets",
        unit: "ms",
        scale: 1.0,
        of: |peer| peer.lists.as_ref().map(|lists| lists.p50_ms),
        bar: None,
    },
];

fn ratio(row: &Row, peer: &Peer, ours: &Peer) -> Option<f64> {
    Some((row.of)(peer)? / (row.of)(ours)?)
}

/// The comparison as a picture.
pub fn picture(peers: &Peers) -> String {
    let groups: Vec<Group> = ROWS
        .iter()
        .map(|row| Group {
            title: row.title,
            bars: peers
                .others
                .iter()
                .map(|peer| Bar { name: peer.name, ratio: ratio(row, peer, &peers.ours) })
                .collect(),
        })
        .collect();
    chart::draw("How many times less the local server takes", &groups)
}

fn shown(figure: f64, unit: &str) -> String {
    match unit {
        "" => grouped(figure as usize),
        "×" => format!("{figure:.1}×"),
        "ms" => milliseconds(figure),
        unit => format!("{figure:.0} {unit}"),
    }
}

fn milliseconds(figure: f64) -> String {
    if figure < 10.0 { format!("{figure:.2} ms") } else { format!("{figure:.0} ms") }
}

fn duration(time: Duration) -> String {
    milliseconds(time.as_secs_f64() * 1e3)
}

/// A number with commas between its thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn bars_hold_on_their_side() {
        assert!(Bound::Most.holds(2.0, 2.0) && !Bound::Most.holds(2.1, 2.0));
        assert!(Bound::Least.holds(2.0, 2.0) && !Bound::Least.holds(1.9, 2.0));
    }
}
