//! Converts the messages of a span to the form of the chat API.
//!
//! GenAI messages have parts; messages of the chat API have a `content` and `tool_calls`, and the result of each tool call is a message
//! of its own. Messages that have the form of the chat API already are accepted, too.

use serde_json::{Map, Value, json};

/// How many characters of a message are searched and shown in lists.
const PREVIEW_CHARACTERS: usize = 1000;

/// The messages of a chat completion, as arrays of objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Conversation {
    pub(crate) request: Vec<Value>,
    pub(crate) response: Vec<Value>,
}

/// Converts the message columns of a span. Text that is not JSON, such as a redacted one, is a message as a whole.
pub(crate) fn conversation(
    system_instructions: &str,
    input_messages: &str,
    output_messages: &str,
) -> Conversation {
    let mut request = Vec::new();
    let instructions = instructions(system_instructions);
    if !instructions.is_empty() {
        request.push(json!({"role": "system", "content": instructions}));
    }
    request.extend(messages(input_messages, "user"));
    // The chat API requires the system messages to come first. The sort is stable.
    request.sort_by_key(|message| message["role"] != "system");
    Conversation { request, response: messages(output_messages, "assistant") }
}

impl Conversation {
    /// Returns the text of the first system message.
    pub(super) fn first_system_message(&self) -> Option<String> {
        let message = self.request.iter().find(|message| message["role"] == "system")?;
        Some(preview(content(message)))
    }

    /// Returns the beginning of the last message of the user.
    pub(super) fn last_user_message(&self) -> Option<String> {
        let message = self.request.iter().rfind(|message| message["role"] == "user")?;
        Some(preview(content(message)))
    }

    /// Returns the beginning of the response.
    pub(super) fn response(&self) -> Option<String> {
        let texts: Vec<&str> = self.response.iter().map(content).collect();
        (!texts.is_empty()).then(|| preview(&texts.join("\n")))
    }

    /// Returns the beginning of the last message of the request.
    pub(super) fn last_input(&self) -> String {
        self.request.last().map(|message| preview(content(message))).unwrap_or_default()
    }

    /// Returns the beginning of the last message of the response.
    pub(super) fn last_output(&self) -> String {
        self.response.last().map(|message| preview(content(message))).unwrap_or_default()
    }

    /// Returns the names of the tools that the model called, each once, as a JSON array.
    pub(super) fn invoked_tools(&self) -> String {
        let calls = self.response.iter().filter_map(|message| message["tool_calls"].as_array());
        let mut names: Vec<&str> = Vec::new();
        for name in calls.flatten().filter_map(|call| call["function"]["name"].as_str()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Value::from(names).to_string()
    }
}

/// Converts tool definitions to the form of the chat API, as a JSON array.
pub(super) fn tools(definitions: &str) -> String {
    let Ok(Value::Array(definitions)) = serde_json::from_str(definitions) else {
        return "[]".to_owned();
    };
    let tools = definitions.into_iter().filter(Value::is_object).map(|mut tool| {
        let is_flat = tool.get("function").is_none() && tool["type"] == "function";
        if is_flat && let Some(fields) = tool.as_object_mut() {
            fields.shift_remove("type");
            tool = json!({"type": "function", "function": tool});
        }
        tool
    });
    Value::from_iter(tools).to_string()
}

fn content(message: &Value) -> &str {
    message["content"].as_str().unwrap_or_default()
}

fn preview(text: &str) -> String {
    text.chars().take(PREVIEW_CHARACTERS).collect()
}

fn instructions(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(Value::Array(parts)) => text_of(&parts),
        // Some instrumentations send plain text.
        _ => text.to_owned(),
    }
}

fn messages(text: &str, default_role: &str) -> Vec<Value> {
    if text.is_empty() {
        return Vec::new();
    }
    match serde_json::from_str(text) {
        Ok(Value::Array(messages)) => {
            messages.iter().flat_map(|message| convert(message, default_role)).collect()
        }
        Ok(message @ Value::Object(_)) => convert(&message, default_role),
        _ => vec![json!({"role": default_role, "content": text})],
    }
}

/// Converts a message. Results of tool calls become messages of their own.
fn convert(message: &Value, default_role: &str) -> Vec<Value> {
    let Some(fields) = message.as_object() else {
        let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
        return vec![json!({"role": default_role, "content": text})];
    };
    let role = fields.get("role").and_then(Value::as_str).unwrap_or(default_role);
    let Some(parts) = fields.get("parts").and_then(Value::as_array) else {
        return vec![chat_message(fields, role)];
    };
    let is = |part: &&Value, kind: &str| part["type"] == kind;
    let mut converted: Vec<Value> = parts
        .iter()
        .filter(|part| is(part, "tool_call_response"))
        .map(|part| {
            let result = [part.get("response"), part.get("result")].into_iter().flatten().next();
            let content = result.map(text_or_json).unwrap_or_default();
            json!({"role": "tool", "tool_call_id": part["id"], "content": content})
        })
        .collect();
    let calls: Vec<Value> = parts.iter().filter(|part| is(part, "tool_call")).map(call).collect();
    let text = text_of(parts);
    if !text.is_empty() || !calls.is_empty() || converted.is_empty() {
        let mut message = Map::new();
        message.insert("role".to_owned(), role.into());
        message.insert("content".to_owned(), text.into());
        if let Some(name) = fields.get("name").filter(|name| name.is_string()) {
            message.insert("name".to_owned(), name.clone());
        }
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), calls.into());
        }
        converted.push(message.into());
    }
    converted
}

/// Normalizes a message that has the form of the chat API already.
fn chat_message(fields: &Map<String, Value>, role: &str) -> Value {
    let mut message = Map::new();
    message.insert("role".to_owned(), role.into());
    let content = match fields.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(chunks)) => text_of(chunks),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    message.insert("content".to_owned(), content.into());
    for name in ["name", "tool_calls", "tool_call_id"] {
        if let Some(value) = fields.get(name).filter(|value| !value.is_null()) {
            message.insert(name.to_owned(), value.clone());
        }
    }
    message.into()
}

/// Converts a part that calls a tool. Arguments are JSON text in the chat API.
fn call(part: &Value) -> Value {
    let arguments = part.get("arguments").map(text_or_json).unwrap_or_default();
    let function = json!({"name": part["name"], "arguments": arguments});
    json!({"id": part["id"], "type": "function", "function": function})
}

/// Returns the text of all text parts or chunks. Reasoning and media have no place in the `content` of a message.
fn text_of(parts: &[Value]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Value::String(text) => Some(text.as_str()),
        part if part["type"] == "text" => part["content"].as_str().or(part["text"].as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn text_or_json(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_messages_of_the_chat_api() {
        let input = r#"[
            {"role": "user", "parts": [{"type": "text", "content": "Weather?"}, {"type": "uri", "uri": "x"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "weather", "arguments": {"city": "Paris"}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "result": {"c": 21}}]},
            {"role": "system", "parts": [{"type": "text", "content": "Late."}]}]"#;
        let output = r#"[{"role": "assistant", "parts": [{"type": "reasoning", "content": "…"},
            {"type": "text", "content": "21 °C"}], "finish_reason": "stop"}]"#;
        let converted = conversation(r#"[{"type":"text","content":"Be brief."}]"#, input, output);
        assert_eq!(
            Value::from(converted.request.clone()),
            json!([
                {"role": "system", "content": "Be brief."},
                {"role": "system", "content": "Late."},
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"}}]},
                {"role": "tool", "tool_call_id": "1", "content": "{\"c\":21}"},
            ])
        );
        assert_eq!(converted.response, [json!({"role": "assistant", "content": "21 °C"})]);
        assert_eq!(converted.first_system_message().unwrap(), "Be brief.");
        assert_eq!(converted.last_user_message().unwrap(), "Weather?");
        assert_eq!(converted.invoked_tools(), "[]");
    }

    #[test]
    fn messages_of_the_chat_api_are_kept() {
        let input = r#"[{"role":"user","content":[{"type":"text","text":"Hi"}]}]"#;
        let output = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]}"#;
        let converted = conversation("Plain text.", input, output);
        assert_eq!(converted.request[1], json!({"role": "user", "content": "Hi"}));
        assert_eq!(converted.request[0]["content"], "Plain text.");
        assert_eq!(converted.invoked_tools(), r#"["f"]"#);
    }

    #[test]
    fn text_that_is_not_json_is_a_message() {
        let converted = conversation("", "[REDACTED", "[REDACTED]");
        assert_eq!(converted.request, [json!({"role": "user", "content": "[REDACTED"})]);
        assert_eq!(converted.response, [json!({"role": "assistant", "content": "[REDACTED]"})]);
        assert_eq!(conversation("", "", ""), Conversation::default());
        assert_eq!(conversation("", "3", "[null]").response.len(), 1);
    }

    #[test]
    fn tool_definitions_get_the_form_of_the_chat_api() {
        assert_eq!(
            tools(
                r#"[{"type":"function","name":"f","parameters":{}}, {"type":"function","function":{"name":"g"}}, 3]"#
            ),
            r#"[{"type":"function","function":{"name":"f","parameters":{}}},{"type":"function","function":{"name":"g"}}]"#
        );
        assert_eq!(tools("[REDACTED]"), "[]");
    }
}
