//! Responses as the client reads them.

use mistral_datasets_types::{
    Dataset, DatasetRecord, ErrorResponse, File, ImportTask, ListRecordsResponse,
};
use mistral_datasets_types::{RawJson, decode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What can be read can be written and read again, and is then the same; free objects stay the very text. Who reads without
/// looking into them reads the same.
pub fn responses(input: &[u8]) {
    again::<Dataset>(input);
    again::<DatasetRecord>(input);
    again::<ListRecordsResponse>(input);
    again::<ImportTask>(input);
    again::<File>(input);
    again::<ErrorResponse>(input);
    if let Ok(record) = serde_json::from_slice::<DatasetRecord>(input) {
        let text = std::str::from_utf8(input).expect("JSON is UTF-8");
        assert!(text.contains(record.payload.get()) && text.contains(record.properties.get()));
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(raw) = RawJson::from_string(text.to_owned()) {
        assert_eq!(raw.get(), text.trim_matches([' ', '\t', '\n', '\r']));
        assert_eq!(raw.is_object(), raw.get().starts_with('{'));
        let _ = raw.parse::<Value>();
    }
}

fn again<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(input: &[u8]) {
    let strict = serde_json::from_slice::<T>(input);
    let lazy = std::str::from_utf8(input).ok().and_then(decode::from_text_lazily::<T>);
    let Ok(read) = strict else {
        // Within brackets that stay text nobody looked. Either it cannot be sent on then, or a later member of the same name took
        // its place.
        if let Some(Ok(written)) = lazy.map(|read| serde_json::to_vec(&read)) {
            serde_json::from_slice::<T>(&written).expect("what is sent on is JSON");
        }
        return;
    };
    assert_eq!(lazy.as_ref(), Some(&read));
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<T>(&written).expect("what was written can be read"), read);
}
