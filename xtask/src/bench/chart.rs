//! The pictures: for every row a bar beside each of the others, as long as ours takes less, on a logarithmic scale.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const LABELS: f64 = 330.0;
const TOP: f64 = 56.0;
const BAR: f64 = 13.0;
const GROUP: f64 = 40.0;
/// What the scale ends with.
const MOST: f64 = 2_000.0;

/// What is compared in one row.
#[derive(Debug)]
pub struct Group<'a> {
    pub title: &'a str,
    pub bars: Vec<Bar>,
}

/// How many times less ours takes than something, where that is known.
#[derive(Debug)]
pub struct Bar {
    pub name: &'static str,
    pub ratio: Option<f64>,
}

/// Draws a picture as SVG. Its colours are legible on light and on dark pages.
pub fn draw(title: &str, groups: &[Group<'_>]) -> String {
    let height = TOP + GROUP * groups.len() as f64 + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <style>text {{ fill: #24292f }} .grid {{ stroke: #8c959f; stroke-width: 0.5 }} .bar0 {{ fill: #3572a5 }} .bar1 {{ fill: #3f8f4f }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .bar0 {{ fill: #6ca6dd }} .bar1 {{ fill: #63c174 }} }}</style>\n\
         <text x=\"0\" y=\"18\" font-weight=\"600\">{title}</text>\n"
    );
    let names = groups.iter().flat_map(|group| &group.bars).map(|bar| bar.name);
    let names: Vec<&str> = names.take(groups.first().map_or(0, |group| group.bars.len())).collect();
    for (index, name) in names.into_iter().enumerate() {
        let x = WIDTH - 150.0 + 80.0 * index as f64;
        let _ = writeln!(
            svg,
            "<rect class=\"bar{index}\" x=\"{x}\" y=\"8\" width=\"12\" height=\"12\"/><text x=\"{}\" y=\"18\">{}</text>",
            x + 17.0,
            name
        );
    }
    for tick in [1.0, 10.0, 100.0, 1_000.0] {
        let x = LABELS + length(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{}\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}×</text>",
            TOP - 8.0,
            height - 12.0,
            TOP - 14.0
        );
    }
    for (place, group) in groups.iter().enumerate() {
        let y = TOP + GROUP * place as f64;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LABELS - 10.0,
            y + BAR + 4.0,
            group.title
        );
        for (index, bar) in group.bars.iter().enumerate() {
            let Some(ratio) = bar.ratio else { continue };
            let y = y + (BAR + 1.0) * index as f64;
            let _ = writeln!(
                svg,
                "<rect class=\"bar{index}\" x=\"{LABELS}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\">{ratio:.1}×</text>",
                length(ratio),
                LABELS + length(ratio) + 5.0,
                y + BAR - 2.5
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// How long the bar of a ratio is.
fn length(ratio: f64) -> f64 {
    let scale = (WIDTH - LABELS - 50.0) / MOST.ln();
    scale * ratio.clamp(1.0, MOST).ln()
}
