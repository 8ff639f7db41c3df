//! Reads how many tests passed, failed and were skipped from the output of each test runner.

/// The numbers of passed, failed and skipped tests.
pub type Counts = [usize; 3];

/// Sums the result lines of cargo. Every test program and the doc tests print one.
pub fn cargo(text: &str) -> Counts {
    let mut sums = [0; 3];
    for line in text.lines().filter_map(|line| line.strip_prefix("test result: ")) {
        let line = line.split_once(". ").map_or(line, |(_, counts)| counts);
        for (sum, word) in sums.iter_mut().zip(["passed", "failed", "ignored"]) {
            *sum += number_before(line, word);
        }
    }
    sums
}

/// Reads the last line of pytest: `3 failed, 117 passed, 1 skipped in 4.20s`.
pub fn pytest(text: &str) -> Counts {
    let is_summary = |line: &&str| {
        line.contains(" in ") && (line.contains(" passed") || line.contains(" failed"))
    };
    let line = text.lines().rev().find(is_summary).unwrap_or_default();
    [
        number_before(line, "passed"),
        number_before(line, "failed") + number_before(line, "errors"),
        number_before(line, "skipped"),
    ]
}

/// Reads the summary of `node --test`, which has a line for each count: `# pass 12` or `ℹ pass 12`.
pub fn node(text: &str) -> Counts {
    ["pass", "fail", "skipped"].map(|word| {
        let count = |line: &str| {
            let mut words = line.split_whitespace();
            let is_count = matches!(words.next(), Some("#" | "ℹ")) && words.next() == Some(word);
            if is_count { words.next()?.parse().ok() } else { None }
        };
        text.lines().filter_map(count).next_back().unwrap_or(0)
    })
}

/// Returns the number before a word, such as 12 in `12 passed`, or 0.
fn number_before(line: &str, word: &str) -> usize {
    let words: Vec<&str> =
        line.split([' ', ',', ';', '=']).filter(|word| !word.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_summary_of_every_runner() {
        let text = "test result: ok. 13 passed; 0 failed; 1 ignored; 0 measured\n\
                    test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured";
        assert_eq!(cargo(text), [15, 3, 1]);
        assert_eq!(pytest("..\n3 failed, 117 passed, 1 skipped in 4.20s"), [117, 3, 1]);
        assert_eq!(pytest("117 passed in 4.20s"), [117, 0, 0]);
        assert_eq!(node("# tests 3\n# pass 2\n# fail 1\n# skipped 0"), [2, 1, 0]);
        assert_eq!(node("ℹ pass 7\nℹ fail 0\nℹ skipped 1"), [7, 0, 1]);
    }
}
