//! Generates JSONL files of conversation records.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

const VOCABULARY: [&str; 24] = [
    "the", "order", "arrived", "late", "and", "wheel", "is", "bent", "please", "send", "a", "new",
    "one", "or", "refund", "my", "money", "thank", "you", "for", "writing", "we", "will", "look",
];

/// The state of a linear congruential generator, which is random enough for picking words. The seed is fixed, so every run
/// writes the same file.
struct Words(u64);

impl Words {
    fn next(&mut self) -> &'static str {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        VOCABULARY[(self.0 >> 33) as usize % VOCABULARY.len()]
    }
}

/// Writes `count` conversations of four messages with `words` words each, one per line.
pub fn write(path: &Path, count: usize, words: usize) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut vocabulary = Words(20_261_123);
    let mut line = String::new();
    for number in 0..count {
        line.clear();
        line.push_str(
            r#"{"payload":{"model":"mistral-small-latest","temperature":0.2,"messages":["#,
        );
        for message in 0..4 {
            let role = if message % 2 == 0 { "user" } else { "assistant" };
            let comma = if message == 0 { "" } else { "," };
            let _ = write!(line, r#"{comma}{{"role":"{role}","content":""#);
            for word in 0..words {
                let space = if word == 0 { "" } else { " " };
                let _ = write!(line, "{space}{}", vocabulary.next());
            }
            line.push_str(r#""}"#);
        }
        let _ = write!(line, r#"]}},"properties":{{"number":{number},"topic":"refund"}}}}"#);
        line.push('\n');
        file.write_all(line.as_bytes())?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_one_valid_record_per_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("records.jsonl");
        write(&path, 3, 2).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let records: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records.len(), 3);
        assert_eq!(records[2]["properties"]["number"], 2);
        assert_eq!(records[0]["payload"]["messages"].as_array().unwrap().len(), 4);
    }
}
