//! Text for people: hostile characters are escaped, and a closed pipe is not an error of the command.
//!
//! Names, previews and server messages may contain characters that control a terminal or change the order of the text. Everything
//! that is printed for people is therefore escaped; JSON and exported data are not changed. Cells of tables and errors are single
//! lines, so that no value can imitate another row or a hint.
//!
//! Nothing is printed with `println!` or `eprintln!`, which panic when the reader has closed the pipe.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use crate::error::CliError;

/// Escapes a value that has to stay on one line.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_matching(text, |character, _| is_hostile(character))
}

/// Escapes text whose line breaks and tabs are part of its layout.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_matching(text, |character, next| match character {
        '\n' | '\t' => false,
        // A carriage return alone would overwrite the line.
        '\r' => next != Some('\n'),
        character => is_hostile(character),
    })
}

/// Returns whether a character controls the terminal or the direction of the text: control characters, the characters with the
/// Unicode property `Bidi_Control`, and the line and paragraph separators.
fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// Replaces the matching characters by their JSON escapes, so that printed JSON stays valid.
fn escape_matching(text: &str, is_match: impl Fn(char, Option<char>) -> bool) -> Cow<'_, str> {
    let mut escaped = String::new();
    let mut copied = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if !is_match(character, characters.peek().map(|(_, next)| *next)) {
            continue;
        }
        escaped.push_str(&text[copied..index]);
        copied = index + character.len_utf8();
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // All of them are in the Basic Multilingual Plane.
            character => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
        }
    }
    if copied == 0 {
        return text.into();
    }
    escaped.push_str(&text[copied..]);
    escaped.into()
}

/// Writes a line to standard output.
pub fn print_line(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(CliError::Stdout)
}

/// Writes a message to standard error, on one line. If nobody reads it, it is lost; that does not affect the command.
pub fn message(message: impl Display) {
    write_message(&escape(&message.to_string()));
}

/// Writes a message of several lines, whose values are escaped, to standard error.
pub fn message_lines(message: &str) {
    write_message(&escape_lines(message));
}

fn write_message(text: &str) {
    // Written at once, so that the lines of concurrent writers do not mix.
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_bidi_controls_are_escaped() {
        let text = "a\u{1b}[2J\u{7}b\u{9b}31m\u{7f}\r\n\t\u{202e}c\u{2066}d\u{200f}\u{2028}\0";
        assert_eq!(
            escape(text),
            r"a\u001b[2J\u0007b\u009b31m\u007f\r\n\t\u202ec\u2066d\u200f\u2028\u0000"
        );
        for text in ["", "Größe 日本 👨‍👩‍👧 שלום नमस्ते", "\\n"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn the_layout_of_several_lines_is_kept() {
        assert_eq!(escape_lines("{\r\n\t\"a\": 1\n}"), "{\r\n\t\"a\": 1\n}");
        assert_eq!(escape_lines("payload\rproperties\u{1b}"), r"payload\rproperties\u001b");
        assert_eq!(escape_lines("a\r"), r"a\r");
    }
}
