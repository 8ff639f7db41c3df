//! Summaries of traces.
//!
//! A summary is updated from the spans that arrive, without reading the earlier ones, so that a long trace does not become slower with
//! each batch. The root is the span without a parent that started first, or if there is none, the span that started first. (That a parent
//! is unknown is not certain before the trace is complete; in a complete trace, this is the same span.)

use std::collections::BTreeSet;

use super::NewSpan;
use super::trace_origins::{Origins, Part};

/// The maximum size of a text in a summary, in bytes. The row is written again with each batch, so longer ones are cut.
const MAX_TEXT_BYTES: usize = 1024;

/// The same for the texts of turns, which are previews already.
const MAX_TURN_BYTES: usize = 4096;

/// The maximum size of the names of all models or tools of a trace, in bytes. Further ones are left out.
const MAX_NAMES_BYTES: usize = 2048;

/// An upper bound of the size of a summary: texts, names, whose characters JSON may escape, and the other columns.
pub(crate) const MAX_SUMMARY_BYTES: u64 =
    (9 * MAX_TEXT_BYTES + 4 * MAX_TURN_BYTES + 12 * MAX_NAMES_BYTES + 2048) as u64;

/// How many evaluations that arrived before their spans get the conversation of these at most, per write.
pub(crate) const MAX_NAMED: u64 = 100;

/// The summary of a trace. Fields are named like the columns.
#[derive(Clone, Default)]
pub(crate) struct TraceSummary {
    pub(crate) root_span_id: String,
    pub(crate) root_span_name: String,
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) service_name: String,
    pub(crate) environment: String,
    pub(crate) conversation_id: String,
    pub(crate) workflow_name: String,
    pub(crate) agent_id: String,
    pub(crate) agent_name: String,
    pub(crate) error_message: String,
    pub(crate) error_count: i64,
    pub(crate) span_count: i64,
    pub(crate) gen_ai_span_count: i64,
    pub(crate) llm_call_count: i64,
    pub(crate) tool_call_count: i64,
    pub(crate) retrieval_count: i64,
    pub(crate) evaluation_count: i64,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) cache_read_input_tokens: i64,
    pub(crate) cache_creation_input_tokens: i64,
    pub(crate) models_used: BTreeSet<String>,
    pub(crate) tools_used: BTreeSet<String>,
    pub(crate) first_turn: [String; 2],
    pub(crate) last_turn: [String; 2],
    pub(crate) origins: Origins,
}

impl TraceSummary {
    /// Adds a span that was not added before.
    pub(crate) fn add(&mut self, span: &NewSpan) {
        if self.origins.take(Part::Root, span) {
            self.root_span_id.clone_from(&span.span_id);
            self.root_span_name = cut(&span.span_name);
        }
        // What the root does not have is taken from the first span that has it.
        for (part, own, new) in [
            (Part::Service, &mut self.service_name, &span.service_name),
            (Part::Environment, &mut self.environment, &span.environment),
            (Part::Conversation, &mut self.conversation_id, &span.conversation_id),
            (Part::Workflow, &mut self.workflow_name, &span.workflow_name),
            (Part::Agent, &mut self.agent_id, &span.agent_id),
            (Part::AgentName, &mut self.agent_name, &span.agent_name),
        ] {
            if !new.is_empty() && self.origins.take(part, span) {
                *own = cut(new);
            }
        }
        if self.span_count == 0 || span.start_time < self.start_time {
            self.start_time = span.start_time;
        }
        self.end_time = self.end_time.max(span.end_time);
        if span.status_code == "Error" {
            if self.origins.take(Part::Error, span) {
                self.error_message = cut(&span.status_message);
            }
            self.error_count += 1;
        }
        self.span_count += 1;
        self.gen_ai_span_count += i64::from(!span.operation_name.is_empty());
        self.retrieval_count += i64::from(span.operation_name == "retrieval");
        if span.operation_name == "execute_tool" {
            self.tool_call_count += 1;
            add_name(&mut self.tools_used, &span.tool_name);
        }
        self.add_turn(span);
    }

    /// Returns the status code of the trace.
    pub(crate) fn status_code(&self) -> &'static str {
        if self.error_count > 0 { "Error" } else { "Unset" }
    }

    /// Adds a call of a language model.
    fn add_turn(&mut self, span: &NewSpan) {
        let Some(turn) = &span.turn else { return };
        self.llm_call_count += 1;
        let add = |sum: &mut i64, tokens: i64| *sum = sum.saturating_add(tokens.max(0));
        add(&mut self.input_tokens, span.usage_input_tokens);
        add(&mut self.output_tokens, span.usage_output_tokens);
        add(&mut self.cache_read_input_tokens, span.usage_cache_read_input_tokens);
        add(&mut self.cache_creation_input_tokens, span.usage_cache_creation_input_tokens);
        let response_model = Some(&span.response_model).filter(|model| !model.is_empty());
        add_name(&mut self.models_used, response_model.unwrap_or(&span.request_model));
        let texts =
            || [&turn.last_input, &turn.last_output].map(|text| start(text, MAX_TURN_BYTES));
        if self.origins.take(Part::FirstTurn, span) {
            self.first_turn = texts();
        }
        if self.origins.take(Part::LastTurn, span) {
            self.last_turn = texts();
        }
    }
}

/// Returns the beginning of a text that is too long for a summary.
pub(crate) fn cut(text: &str) -> String {
    start(text, MAX_TEXT_BYTES)
}

fn start(text: &str, max_bytes: usize) -> String {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

fn add_name(names: &mut BTreeSet<String>, name: &str) {
    let size = names.iter().map(|name| name.len() + 3).sum::<usize>();
    if !name.is_empty() && !names.contains(name) && size + name.len() <= MAX_NAMES_BYTES {
        names.insert(name.to_owned());
    }
}

/// Returns names as they are stored: a JSON array.
pub(crate) fn names_to_json(names: &BTreeSet<String>) -> String {
    serde_json::Value::from_iter(names.iter().cloned()).to_string()
}

/// Reads what [`names_to_json`] returned.
pub(crate) fn names_from_json(text: &str) -> BTreeSet<String> {
    serde_json::from_str(text).unwrap_or_default()
}
