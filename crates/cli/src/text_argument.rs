//! Arguments whose value is text, `@FILE` or `-` for standard input.

use std::io::Read;
use std::path::Path;

use mistral_datasets::RawJson;

use crate::error::CliError;

/// Reads a JSON argument: JSON text, `@FILE`, or `-` for standard input.
pub fn read_json(option: &str, argument: &str) -> Result<RawJson, CliError> {
    RawJson::from_string(read_text(argument)?)
        .map_err(|error| CliError::Argument(format!("invalid JSON for `{option}`: {error}")))
}

/// Reads an argument: the text itself, `@FILE`, or `-` for standard input.
pub fn read_text(argument: &str) -> Result<String, CliError> {
    if argument == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(CliError::file(Path::new("standard input")))?;
        Ok(text)
    } else if let Some(path) = argument.strip_prefix('@') {
        std::fs::read_to_string(path).map_err(CliError::file(Path::new(path)))
    } else {
        Ok(argument.to_owned())
    }
}
