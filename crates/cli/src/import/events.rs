//! Importing chat completion events: their IDs.

use std::io::Read;
use std::path::Path;

use crate::error::CliError;

/// The maximum number of events that a single task imports.
pub const MAX_PER_IMPORT: usize = 500;

/// Returns the given IDs, or for `-` those on standard input.
pub fn ids(arguments: &[String]) -> Result<Vec<String>, CliError> {
    let ids = match arguments {
        [argument] if argument == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(CliError::file(Path::new("standard input")))?;
            text.split_whitespace().map(str::to_owned).collect()
        }
        arguments => arguments.to_vec(),
    };
    if ids.is_empty() {
        return Err(CliError::Argument("no events to import were given".to_owned()));
    }
    Ok(ids)
}
