//! Raw objects on their way out.

use mistral_datasets::RawJson;
use napi::Status;

/// Takes the JSON text of an argument. JavaScript has made sure already that it is JSON.
pub fn json(text: String) -> napi::Result<RawJson> {
    RawJson::from_string(text)
        .map_err(|error| napi::Error::new(Status::InvalidArg, format!("this is not JSON: {error}")))
}
