//! JSONL import files.

use mistral_datasets_server::Generation;
use mistral_datasets_server::internal_fuzzing::import_lines;

/// Maximum line length in bytes. Most inputs of the fuzzer are shorter, some are longer.
const MAX_LINE_BYTES: u64 = 2_000;

/// Checks that a file is either imported or rejected with a line number, and that exporting and importing its records again yields
/// the same records.
pub fn lines(input: &[u8]) {
    for generation in [Generation::G1, Generation::G3] {
        let count = input.split(|byte| *byte == b'\n').count();
        match import_lines(input, generation, MAX_LINE_BYTES) {
            Ok(records) => {
                assert!(records.len() <= count);
                let export: String = records
                    .iter()
                    .map(|(payload, properties)| {
                        assert!(!payload.contains('\n') && !properties.contains('\n'));
                        format!("{{\"payload\":{payload},\"properties\":{properties}}}\n")
                    })
                    .collect();
                assert_eq!(
                    import_lines(export.as_bytes(), generation, 2 * MAX_LINE_BYTES),
                    Ok(records)
                );
            }
            Err(reason) => {
                let location = reason.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
                let (line, _) = location.unwrap_or_else(|| panic!("no line number in {reason:?}"));
                assert!((1..=count).contains(&line.parse().expect("a number")), "{reason}");
            }
        }
    }
}
