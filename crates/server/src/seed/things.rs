//! What is planted, as requests and seeds say it.

use uuid::Uuid;

use crate::json::{Members, Problem, Value, optional_object};
use crate::storage::{Campaign, Conversation, Event};

/// An event. Without an id it gets a new one.
pub(crate) fn event(value: &Value<'_>) -> Result<Event, Problem> {
    let members = value.members()?;
    Ok(Event {
        id: id(&members, "event_id")?,
        request_messages: messages(&members.required("request_messages")?)?,
        response_messages: messages(&members.required("response_messages")?)?,
        extra_fields: optional_object(&members, "extra_fields")?,
    })
}

/// A conversation. Without an id it gets a new one.
pub(crate) fn conversation(value: &Value<'_>) -> Result<Conversation, Problem> {
    let members = value.members()?;
    Ok(Conversation {
        id: id(&members, "conversation_id")?,
        messages: messages(&members.required("messages")?)?,
    })
}

/// A campaign. Without an id it gets a new one.
pub(crate) fn campaign(members: &Members<'_>) -> Result<Campaign, Problem> {
    let event_ids = members.required("event_ids")?.items(0..=usize::MAX)?;
    Ok(Campaign {
        id: members.optional("id").map_or_else(|| Ok(Uuid::now_v7()), |id| id.uuid())?,
        name: members.required("name")?.string()?,
        event_ids: event_ids.iter().map(Value::string).collect::<Result<_, _>>()?,
    })
}

/// The name of a dataset.
pub(crate) fn dataset_name(value: &Value<'_>) -> Result<String, Problem> {
    value.string_of(NAME_LENGTH)
}

/// The characters that the name of a dataset may have.
pub(super) const NAME_LENGTH: std::ops::RangeInclusive<usize> = 5..=50;

/// The description of a dataset.
pub(crate) fn dataset_description(value: &Value<'_>) -> Result<String, Problem> {
    value.string_of(0..=200)
}

/// An id that was given, or a new one.
fn id(members: &Members<'_>, name: &str) -> Result<String, Problem> {
    match members.optional(name) {
        Some(id) => id.string_of(1..=255),
        None => Ok(Uuid::now_v7().to_string()),
    }
}

fn messages(value: &Value<'_>) -> Result<String, Problem> {
    value.require_objects()?;
    Ok(value.text().to_owned())
}
