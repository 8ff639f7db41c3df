//! Responses as parsed by the client.

use mistral_datasets_types::{
    Dataset, DatasetRecord, ErrorResponse, File, ImportTask, ListRecordsResponse,
};
use mistral_datasets_types::{RawJson, decode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Checks that parsed responses survive a round trip through serialization, that free-form objects keep their exact text, and that lazy
/// and strict parsing agree.
pub fn responses(input: &[u8]) {
    round_trip::<Dataset>(input);
    round_trip::<DatasetRecord>(input);
    round_trip::<ListRecordsResponse>(input);
    round_trip::<ImportTask>(input);
    round_trip::<File>(input);
    round_trip::<ErrorResponse>(input);
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

fn round_trip<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(input: &[u8]) {
    let strict = serde_json::from_slice::<T>(input);
    let lazy = std::str::from_utf8(input).ok().and_then(decode::from_text_lazily::<T>);
    let Ok(read) = strict else {
        // Lazy parsing does not validate the inside of raw values. Either serializing the value fails, or the invalid field was
        // replaced by a later one with the same name.
        if let Some(Ok(written)) = lazy.map(|read| serde_json::to_vec(&read)) {
            serde_json::from_slice::<T>(&written).expect("serialized output is valid");
        }
        return;
    };
    assert_eq!(lazy.as_ref(), Some(&read));
    let written = serde_json::to_vec(&read).expect("a parsed value can be serialized");
    assert_eq!(
        serde_json::from_slice::<T>(&written).expect("serialized output can be parsed"),
        read
    );
}
