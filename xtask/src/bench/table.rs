//! The page of tables.

use std::fmt::Write as _;
use std::process::Command;

use super::rows::{Measure, ROWS, Row};
use super::runner::{Language, Who};
use super::sample::{Results, Sample};

/// The most memory that ours may have while it moves a million records, in MiB.
const MILLION_PEAK: f64 = 100.0;

/// The page, as Markdown.
pub fn page(results: &Results, millions: &[(&Row, Language, Sample)]) -> String {
    let mut text = String::from(
        "# The clients beside their peers\n\n\
         Made by `cargo xtask bench client`: in every round every row ran once, one program after the other, in fresh processes, on\n\
         one local server on the same machine. Times are the least of the rounds, since whatever else a machine does only adds to\n\
         them; memory is the median, above what the bare interpreter holds. *Official* is `mistralai` 2.5.1 and\n\
         `@mistralai/mistralai` 2.7.0, *plain* is a program that writes its requests itself, with httpx and with fetch. Processor\n\
         time is that of the client's process alone, with all its threads. *Less* says how many times less ours takes than the\n\
         official SDK.\n\n\
         ![How many times less ours takes than the official SDKs](bench-client.svg)\n",
    );
    let _ = writeln!(text, "\n{}", machine());
    for language in [Language::Python, Language::Node] {
        let _ = write!(
            text,
            "\n## {}\n\n| | official | plain | ours | less | must be | |\n|---|--:|--:|--:|--:|--:|---|\n",
            language.name()
        );
        for row in ROWS {
            text.push_str(&line(results, row, language));
        }
    }
    if !millions.is_empty() {
        text.push_str("\n## A million records through ours\n\n| | language | records | time | peak memory | must be | |\n|---|---|--:|--:|--:|--:|---|\n");
        for (row, language, sample) in millions {
            let peak = sample.peak_kib.unwrap_or_default() / 1024.0;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.1} s | {peak:.0} MiB | {MILLION_PEAK:.0} MiB | {} |",
                row.title,
                language.name(),
                sample.records,
                sample.wall_seconds,
                met(peak <= MILLION_PEAK && sample.records > 0)
            );
        }
    }
    text
}

fn line(results: &Results, row: &Row, language: Language) -> String {
    let figure = |who| {
        results.figure(row, language, who).map_or("–".to_owned(), |figure| shown(row, figure))
    };
    let ratio = results.ratio(row, language);
    let bar = row.bars.map(|(python, node)| match language {
        Language::Python => python,
        Language::Node => node,
    });
    let measure = match row.measure {
        Measure::Cpu => "processor",
        Measure::Wall => "clock",
        Measure::Held => "memory",
    };
    format!(
        "| {} ({measure}) | {} | {} | {} | {} | {} | {} |\n",
        row.title,
        figure(Who::Official),
        figure(Who::Plain),
        figure(Who::Ours),
        ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.1}×")),
        bar.map_or(String::new(), |bar| format!("{bar}×")),
        match (bar, ratio) {
            (Some(bar), Some(ratio)) => met(ratio >= bar),
            _ => "",
        }
    )
}

/// The verdict on a figure that has a bar.
pub fn met(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// A figure with its unit.
fn shown(row: &Row, figure: f64) -> String {
    match row.measure {
        Measure::Held => format!("{figure:.1} MiB"),
        _ if row.units == 1 || figure < 1.0 => format!("{:.3} ms", figure * 1e3),
        _ => format!("{figure:.2} s"),
    }
}

/// What the figures were measured on, as far as it matters to them.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().trim_start_matches(['v', 'P', 'y', 't', 'h', 'o', 'n', ' ']).to_owned())
    };
    format!(
        "Measured on {} {} with {cores} cores, Python {}, Node.js {}, mistral-datasets {}.",
        std::env::consts::OS,
        std::env::consts::ARCH,
        version("python3").unwrap_or_default(),
        version("node").unwrap_or_default(),
        env!("CARGO_PKG_VERSION")
    )
}

/// The page for the terminal, which shows no pictures.
pub fn without_markup(page: &str) -> String {
    let lines = page.lines().filter(|line| !line.starts_with("![") && !line.starts_with("|--"));
    lines.map(|line| line.replace("| ", "  ").replace(" |", "")).collect::<Vec<_>>().join("\n")
}
