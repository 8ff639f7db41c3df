//! Formatting shared by the benchmark pages.

use std::fs;
use std::path::Path;

use crate::Error;

/// Writes a page or picture into the workspace.
pub fn write(root: &Path, path: &str, text: &str) -> Result<(), Error> {
    fs::write(root.join(path), text).map_err(|error| format!("{path}: {error}").into())
}

/// Returns whether a target is met, as a table cell.
pub fn target_result(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

/// Formats a time in milliseconds.
pub fn milliseconds(figure: f64) -> String {
    if figure < 10.0 { format!("{figure:.2} ms") } else { format!("{figure:.0} ms") }
}

/// Formats a number with commas between thousands.
pub fn grouped(number: usize) -> String {
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

/// Returns a Markdown page without pictures and table rules, for the terminal.
pub fn for_terminal(page: &str) -> String {
    let lines = page.lines().filter(|line| !line.starts_with("![") && !line.starts_with("|--"));
    lines.map(|line| line.replace("| ", "  ").replace(" |", "")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
