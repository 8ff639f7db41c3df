//! Renders the instructions of a judge, a Jinja2 template.
//!
//! Templates cannot load other templates or read files. Loops and generated text are bounded by fuel.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};
use serde_json::{Map, Value};

use super::{JudgeDefinition, JudgeError};

/// How much a template may compute. A template that prints a conversation of 10,000 messages in a loop needs a fifth of it.
const FUEL: u64 = 1_000_000;

/// The maximum size of the rendered instructions in bytes.
const MAX_BYTES: usize = 8 << 20;

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    // A variable that is not set renders as empty text, and so does a field of it.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    // Templates written for Python call methods such as `items` and `strip`.
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment
}

/// Fails if the instructions are not a valid template.
pub(crate) fn check(instructions: &str) -> Result<(), JudgeError> {
    environment().template_from_str(instructions).map(|_| ()).map_err(|error| syntax_error(&error))
}

fn syntax_error(error: &minijinja::Error) -> JudgeError {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let what = error.detail().unwrap_or("invalid template");
    JudgeError::TemplateSyntax(format!("{line}{what}"))
}

/// Renders the instructions for a conversation.
pub(super) fn render(
    definition: &JudgeDefinition,
    messages: &[Value],
    properties: Map<String, Value>,
) -> Result<String, JudgeError> {
    let conversation = Conversation::new(messages)?;
    let environment = environment();
    let template = environment
        .template_from_str(&definition.instructions)
        .map_err(|error| syntax_error(&error))?;
    let context = context! {
        conversation_history => minijinja::Value::from_object(History(conversation.history)),
        user_message => conversation.user_message,
        assistant_message => conversation.assistant_message,
        system_prompt => conversation.system_prompt,
        available_tools => definition.tools.clone(),
        answer_type_definition => definition.output.in_words(),
        properties => minijinja::Value::from(minijinja::value::Serde(&properties)),
    };
    let mut output = Output(Vec::new());
    match template.render_captured_to(context, &mut output) {
        Ok(_) => String::from_utf8(output.0)
            .map_err(|_| JudgeError::Template("the rendered text is not UTF-8".to_owned())),
        Err(error) => {
            // The detail may quote a value, which may be part of a conversation.
            let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
            let what = match error.kind() {
                ErrorKind::OutOfFuel => "the template computes too much".to_owned(),
                ErrorKind::WriteFailure => {
                    format!("the rendered text is larger than {MAX_BYTES} bytes")
                }
                kind => kind.to_string(),
            };
            Err(JudgeError::Template(format!("{line}{what}")))
        }
    }
}

/// The parts of a conversation that instructions refer to.
struct Conversation {
    /// The messages before the last one of the user, without system messages.
    history: Vec<Message>,
    user_message: String,
    assistant_message: String,
    system_prompt: String,
}

#[derive(Clone, Debug)]
struct Message {
    role: String,
    content: String,
}

impl Conversation {
    fn new(messages: &[Value]) -> Result<Self, JudgeError> {
        let error = |message: &str| JudgeError::Conversation(message.to_owned());
        if messages.is_empty() {
            return Err(error("messages: expected at least one message"));
        }
        let mut all = Vec::with_capacity(messages.len());
        for (index, message) in messages.iter().enumerate() {
            let role = message["role"].as_str().filter(|role| !role.is_empty());
            let role = role.ok_or_else(|| error(&format!("messages[{index}].role: missing")))?;
            all.push(Message { role: role.to_owned(), content: text(message) });
        }
        let is_system = |message: &Message| message.role == "system" || message.role == "developer";
        let system: Vec<String> = all
            .extract_if(.., |message| is_system(message))
            .map(|message| message.content)
            .collect();
        let last_user = all.iter().rposition(|message| message.role == "user");
        let turn = all.split_off(last_user.unwrap_or(0));
        let last = |role: &str| {
            let found =
                turn.iter().rfind(|message| message.role == role && !message.content.is_empty());
            found.map(|message| message.content.clone()).unwrap_or_default()
        };
        Ok(Self {
            history: all,
            user_message: last("user"),
            assistant_message: last("assistant"),
            system_prompt: system.join("\n"),
        })
    }
}

/// Returns the text of a message: its content, or the text parts that messages of spans have instead.
fn text(message: &Value) -> String {
    let texts = |items: &[Value], name: &str| {
        let texts = items.iter().filter_map(|item| item[name].as_str());
        texts.collect::<Vec<_>>().join("\n")
    };
    match (&message["content"], &message["parts"]) {
        (Value::String(text), _) => text.clone(),
        (Value::Array(chunks), _) => texts(chunks, "text"),
        (_, Value::Array(parts)) => {
            let parts = parts.iter().filter(|part| part["type"] == "text").cloned();
            texts(&parts.collect::<Vec<_>>(), "content")
        }
        _ => String::new(),
    }
}

/// The history as a variable: a sequence of messages, which prints as lines.
#[derive(Debug)]
struct History(Vec<Message>);

impl Object for History {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        let message = self.0.get(key.as_usize()?)?;
        Some(context! { role => &message.role, content => &message.content })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, message) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}", message.role, message.content)?;
        }
        Ok(())
    }
}

/// Collects rendered text up to [`MAX_BYTES`].
struct Output(Vec<u8>);

impl std::io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_BYTES {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judging::JudgeOutput;

    fn rendered(instructions: &str) -> Result<String, JudgeError> {
        let definition = JudgeDefinition {
            name: "test judge".to_owned(),
            description: String::new(),
            model_name: "m".to_owned(),
            output: JudgeOutput::Regression {
                min: 0.0,
                max: 5.0,
                min_description: "bad".to_owned(),
                max_description: "good".to_owned(),
            },
            instructions: instructions.to_owned(),
            tools: vec!["web_search".to_owned()],
        };
        let messages = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": [{"type": "text", "text": "1"}]},
            {"role": "user", "content": "Two <b>?"},
            {"role": "assistant", "content": null, "tool_calls": []},
            {"role": "tool", "content": "2"},
            {"role": "assistant", "content": "2"},
        ]);
        let properties = json!({"expected": {"value": 2}, "tags": ["a", "b"]});
        render(&definition, messages.as_array().unwrap(), properties.as_object().unwrap().clone())
    }

    #[test]
    fn documented_variables_are_available() {
        for (instructions, expected) in [
            ("{{ conversation_history }}", "user: One?\nassistant: 1"),
            ("{{ user_message }}/{{ assistant_message }}", "Two <b>?/2"),
            ("{{ system_prompt }}", "Be brief."),
            ("{% if available_tools %}{{ available_tools|join(',') }}{% endif %}", "web_search"),
            ("{{ properties.expected.value }}", "2"),
            ("{{ properties.missing.value }}", ""),
            ("{{ nothing }}", ""),
            (
                "{% for m in conversation_history %}{{ loop.index }}{{ m.role[0] }}{% endfor %}",
                "1u2a",
            ),
            ("{% for k, v in properties.items() %}{{ k }} {% endfor %}", "expected tags "),
            ("{{ properties.tags|tojson }}", r#"["a", "b"]"#),
        ] {
            assert_eq!(rendered(instructions).unwrap(), expected, "{instructions}");
        }
        let definition = rendered("{{ answer_type_definition }}").unwrap();
        assert!(definition.contains("from 0 to 5") && definition.contains("good"));
    }

    #[test]
    fn syntax_errors_name_the_line() {
        let error = check("line\n{% if %}").unwrap_err();
        assert!(
            matches!(&error, JudgeError::TemplateSyntax(text) if text.contains("line 2")),
            "{error}"
        );
        assert!(check("no variable").is_ok());
    }

    #[test]
    fn endless_templates_are_stopped() {
        for instructions in [
            "{% for a in range(10000) %}{% for b in range(10000) %}{{ user_message }}{% endfor %}{% endfor %}",
            "{{ 'x' * 1000000000 }}",
            "{% set ns = namespace(t='x') %}{% for a in range(100) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
            "{{ range(1000000000)|list }}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{{ 'x'.center(1000000000) }}",
            "{{ user_message | indent(1000000000) }}",
        ] {
            let error = rendered(instructions).unwrap_err();
            assert!(matches!(error, JudgeError::Template(_)), "{instructions}: {error}");
            assert!(!error.to_string().contains("Two"), "{error}");
        }
    }

    #[test]
    fn other_templates_and_files_cannot_be_loaded() {
        assert!(rendered("{% include '/etc/passwd' %}").is_err());
    }

    #[test]
    fn messages_of_spans_are_read() {
        let messages = json!([
            {"role": "user", "parts": [{"type": "text", "content": "One?"}, {"type": "uri", "uri": "x"}]},
            {"role": "assistant", "parts": [{"type": "reasoning", "content": "…"}, {"type": "text", "content": "1"}]},
        ]);
        let conversation = Conversation::new(messages.as_array().unwrap()).ok().unwrap();
        assert_eq!(conversation.user_message, "One?");
        assert_eq!(conversation.assistant_message, "1");
    }

    #[test]
    fn messages_need_a_role() {
        for messages in
            [json!([]), json!([{"content": "Hi"}]), json!([{"role": "", "content": ""}])]
        {
            let error = Conversation::new(messages.as_array().unwrap()).err().unwrap();
            assert!(matches!(error, JudgeError::Conversation(_)));
        }
    }
}
