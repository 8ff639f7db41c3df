//! Parses fixtures in requests and seeds.

use uuid::Uuid;

use crate::json::{Fields, JsonError, Value};
use crate::storage::{Campaign, Conversation, NewFixtureEvent};
use crate::telemetry::fixture_fields;
use crate::time::Timestamp;

/// The maximum number of events in a campaign.
const MAX_CAMPAIGN_EVENTS: usize = 100_000;

/// Parses an event. If it has no id, it gets a new one.
///
/// A key in its extra fields that bears the name of a field of events is the value of that field.
pub(crate) fn event(value: &Value<'_>) -> Result<NewFixtureEvent, JsonError> {
    let fields = value.fields()?;
    let request_messages = messages(&fields.required("request_messages")?)?;
    let response_messages = messages(&fields.required("response_messages")?)?;
    let extra_fields = fields.object_or_empty("extra_fields")?;
    Ok(NewFixtureEvent {
        id: id(&fields, "event_id")?,
        fields: fixture_fields(
            &request_messages,
            &response_messages,
            &extra_fields,
            Timestamp::now().micros(),
            |text| Timestamp::parse(text).map(Timestamp::micros),
        ),
        request_messages,
        response_messages,
        extra_fields,
    })
}

/// Parses a conversation. If it has no id, it gets a new one.
pub(crate) fn conversation(value: &Value<'_>) -> Result<Conversation, JsonError> {
    let fields = value.fields()?;
    Ok(Conversation {
        id: id(&fields, "conversation_id")?,
        messages: messages(&fields.required("messages")?)?,
    })
}

/// Parses a campaign. If it has no id, it gets a new one.
pub(crate) fn campaign(fields: &Fields<'_>) -> Result<Campaign, JsonError> {
    let event_ids = fields.required("event_ids")?.items(0..=MAX_CAMPAIGN_EVENTS)?;
    Ok(Campaign {
        id: fields.optional("id").map_or_else(|| Ok(Uuid::now_v7()), |id| id.uuid())?,
        name: fields.required("name")?.string()?,
        event_ids: event_ids.map(|id| id.string()).collect::<Result<_, _>>()?,
    })
}

/// Returns the id in a field, or a new one.
fn id(fields: &Fields<'_>, name: &str) -> Result<String, JsonError> {
    match fields.optional(name) {
        Some(id) => id.string_of(1..=255),
        None => Ok(Uuid::now_v7().to_string()),
    }
}

fn messages(value: &Value<'_>) -> Result<String, JsonError> {
    value.require_objects()?;
    Ok(value.text().to_owned())
}
