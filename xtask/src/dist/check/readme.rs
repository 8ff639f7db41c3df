//! Reads the examples of READMEs.

use std::path::Path;

/// Returns the fenced code blocks of a language in a Markdown file.
///
/// # Errors
/// Fails if the file cannot be read or has none.
pub fn blocks(root: &Path, file: &str, language: &str) -> Result<Vec<String>, String> {
    let text =
        std::fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
    let blocks = blocks_of(&text, language);
    if blocks.is_empty() { Err(format!("{file} has no `{language}` block")) } else { Ok(blocks) }
}

fn blocks_of(text: &str, language: &str) -> Vec<String> {
    let start = format!("```{language}");
    let mut blocks = Vec::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        match &mut current {
            Some(_) if line == "```" => blocks.extend(current.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line == start => current = Some(String::new()),
            None => {}
        }
    }
    blocks
}

/// Returns the words of the commands in a console block: lines that start with `$`, without comments.
pub fn commands(block: &str) -> Vec<Vec<String>> {
    block.lines().filter_map(|line| line.strip_prefix("$ ")).map(words).collect()
}

/// Splits a command line at spaces outside double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            '#' if !is_quoted => break,
            _ => words.last_mut().expect("it is never empty").push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_blocks_and_commands() {
        let text = "a\n```console\n$ run \"two words\" -x   # comment\noutput\n$ stop\n```\n```js\nb\n```\n";
        let blocks = blocks_of(text, "console");
        assert_eq!(blocks.len(), 1);
        assert_eq!(commands(&blocks[0]), [vec!["run", "two words", "-x"], vec!["stop"]]);
        assert_eq!(blocks_of(text, "js"), ["b\n"]);
    }
}
