//! Draws bar charts of cost ratios on a logarithmic scale, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LABEL_WIDTH: f64 = 430.0;
const TOP: f64 = 76.0;
const BAR_HEIGHT: f64 = 13.0;
const GROUP_HEIGHT: f64 = 40.0;
/// The ratio at the right end of the scale.
const MAX_RATIO: f64 = 2_000.0;

/// The bars of one operation.
#[derive(Debug)]
pub struct Group {
    pub title: String,
    pub bars: Vec<Bar>,
}

/// A bar of a chart; it is left out if the ratio is unknown.
#[derive(Debug)]
pub struct Bar {
    pub name: &'static str,
    pub ratio: Option<f64>,
}

/// Draws a chart. The colours are legible on light and dark pages.
pub fn draw(title: &str, subtitle: &str, groups: &[Group]) -> String {
    let height = TOP + GROUP_HEIGHT * groups.len() as f64 + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <style>text {{ fill: #24292f }} .grid {{ stroke: #8c959f; stroke-width: 0.5 }} .bar0 {{ fill: #3572a5 }} .bar1 {{ fill: #3f8f4f }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .bar0 {{ fill: #6ca6dd }} .bar1 {{ fill: #63c174 }} }}</style>\n\
         <text x=\"0\" y=\"18\" font-weight=\"600\">{}</text>\n\
         <text x=\"0\" y=\"37\" font-size=\"11\">{}</text>\n",
        escape(title),
        escape(subtitle)
    );
    legend(&mut svg, groups);
    grid(&mut svg, height);
    for (index, group) in groups.iter().enumerate() {
        bars(&mut svg, TOP + GROUP_HEIGHT * index as f64, group);
    }
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String, groups: &[Group]) {
    for (index, bar) in groups.first().map_or(&[][..], |group| &group.bars).iter().enumerate() {
        let x = WIDTH - 170.0 + 90.0 * index as f64;
        let _ = writeln!(
            svg,
            "<rect class=\"bar{index}\" x=\"{x}\" y=\"8\" width=\"12\" height=\"12\"/><text x=\"{}\" y=\"18\">{}</text>",
            x + 17.0,
            bar.name
        );
    }
}

fn grid(svg: &mut String, height: f64) {
    for tick in [1.0, 10.0, 100.0, 1_000.0] {
        let x = LABEL_WIDTH + length(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{}\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}×</text>",
            TOP - 8.0,
            height - 12.0,
            TOP - 14.0
        );
    }
}

fn bars(svg: &mut String, y: f64, group: &Group) {
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        LABEL_WIDTH - 10.0,
        y + BAR_HEIGHT + 4.0,
        escape(&group.title)
    );
    for (index, bar) in group.bars.iter().enumerate() {
        let Some(ratio) = bar.ratio else { continue };
        let y = y + (BAR_HEIGHT + 1.0) * index as f64;
        let _ = writeln!(
            svg,
            "<rect class=\"bar{index}\" x=\"{LABEL_WIDTH}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR_HEIGHT}\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\">{ratio:.1}×</text>",
            length(ratio),
            LABEL_WIDTH + length(ratio) + 5.0,
            y + BAR_HEIGHT - 2.5
        );
    }
}

/// Returns the length of the bar of a ratio.
fn length(ratio: f64) -> f64 {
    let scale = (WIDTH - LABEL_WIDTH - 50.0) / MAX_RATIO.ln();
    scale * ratio.clamp(1.0, MAX_RATIO).ln()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_a_bar_per_known_ratio_and_names_the_environment() {
        let bars =
            vec![Bar { name: "Python", ratio: Some(10.0) }, Bar { name: "Node", ratio: None }];
        let groups = [Group { title: "List & read".to_owned(), bars }];
        let svg = draw("Official SDK ÷ ours", "Some CPU", &groups);
        for part in ["Official SDK ÷ ours", "Some CPU", "List &amp; read", "10.0×", ">Node<"] {
            assert!(svg.contains(part), "{svg}");
        }
        assert_eq!(svg.matches("class=\"bar1\"").count(), 1, "the legend only");
    }
}
