//! Files of lines to import.

use mistral_datasets_server::Generation;
use mistral_datasets_server::internal_fuzzing::import_lines;

/// More than most inputs of the fuzzer have, and less than some.
const LONGEST: u64 = 2_000;

/// Files are read or refused with the place. What is read is what an export writes, which is read to the very same.
pub fn lines(input: &[u8]) {
    for generation in [Generation::G1, Generation::G3] {
        let count = input.split(|byte| *byte == b'\n').count();
        match import_lines(input, generation, LONGEST) {
            Ok(records) => {
                assert!(records.len() <= count);
                let export: String = records
                    .iter()
                    .map(|(payload, properties)| {
                        assert!(!payload.contains('\n') && !properties.contains('\n'));
                        format!("{{\"payload\":{payload},\"properties\":{properties}}}\n")
                    })
                    .collect();
                assert_eq!(import_lines(export.as_bytes(), generation, 2 * LONGEST), Ok(records));
            }
            Err(reason) => {
                let place = reason.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
                let (line, _) = place.unwrap_or_else(|| panic!("no place in {reason:?}"));
                assert!((1..=count).contains(&line.parse().expect("a number")), "{reason}");
            }
        }
    }
}
