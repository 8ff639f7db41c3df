//! Updates the summaries of traces.
//!
//! A summary is updated from the spans that arrive, without reading the earlier ones, so that a long trace does not become slower with
//! each batch. The root is the span without a parent that started first, or if there is none, the span that started first. (That a parent
//! is unknown is not certain before the trace is complete; in a complete trace, this is the same span.)

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::origins::{Origins, Part};
use crate::storage::{NewSpan, Sender, StorageError};

/// The maximum size of a text in a summary, in bytes. The row is written again with each batch, so longer ones are cut.
const MAX_TEXT_BYTES: usize = 1024;

/// The same for the texts of turns, which are previews already.
const MAX_TURN_BYTES: usize = 4096;

/// The maximum size of the names of all models or tools of a trace, in bytes. Further ones are left out.
const MAX_NAMES_BYTES: usize = 2048;

/// An upper bound of the size of a summary: texts, names, whose characters JSON may escape, and the other columns.
pub(super) const MAX_BYTES: u64 =
    (9 * MAX_TEXT_BYTES + 4 * MAX_TURN_BYTES + 12 * MAX_NAMES_BYTES + 2048) as u64;

/// How many evaluations that arrived before their spans get the conversation of these at most, per write.
pub(super) const MAX_NAMED: u64 = 100;

/// The summary of a trace. Fields are named like the columns.
#[derive(Default)]
struct Trace {
    root_span_id: String,
    root_span_name: String,
    start_time: i64,
    end_time: i64,
    service_name: String,
    environment: String,
    conversation_id: String,
    workflow_name: String,
    agent_id: String,
    agent_name: String,
    error_message: String,
    error_count: i64,
    span_count: i64,
    gen_ai_span_count: i64,
    llm_call_count: i64,
    tool_call_count: i64,
    retrieval_count: i64,
    evaluation_count: i64,
    input_tokens: i64,
    output_tokens: i64,
    cache_read_input_tokens: i64,
    cache_creation_input_tokens: i64,
    models_used: BTreeSet<String>,
    tools_used: BTreeSet<String>,
    first_turn: [String; 2],
    last_turn: [String; 2],
    origins: Origins,
}

/// Adds spans to the summary of their trace.
pub(super) fn add(
    connection: &Connection,
    workspace: i64,
    sender: Sender,
    arrived_at: i64,
    trace_id: &str,
    spans: &[&NewSpan],
) -> Result<(), StorageError> {
    let found = connection
        .prepare_cached(
            "SELECT root_span_id, root_span_name, start_time, end_time, service_name, \
                environment, conversation_id, workflow_name, agent_id, agent_name, error_message, error_count, \
                span_count, gen_ai_span_count, llm_call_count, tool_call_count, retrieval_count, evaluation_count, input_tokens, \
                output_tokens, cache_read_input_tokens, cache_creation_input_tokens, models_used, tools_used, \
                first_turn_last_input_message, first_turn_last_output_message, \
                last_turn_last_input_message, last_turn_last_output_message, origins \
             FROM traces WHERE workspace = ?1 AND trace_id = ?2",
        )?
        .query_row(params![workspace, trace_id], read)
        .optional()?;
    let mut trace = match found {
        Some(trace) => trace,
        None => Trace {
            // The evaluations of a span may arrive before it.
            evaluation_count: connection
                .prepare_cached(
                    "SELECT count(*) FROM span_evaluations WHERE workspace = ?1 AND trace_id = ?2",
                )?
                .query_row(params![workspace, trace_id], |row| row.get(0))?,
            ..Trace::default()
        },
    };
    for span in spans {
        trace.add(span);
    }
    if trace.evaluation_count > 0 {
        name_conversations(connection, workspace, spans)?;
    }
    write(connection, workspace, sender, arrived_at, trace_id, &trace)
}

/// Sets the conversation of evaluations that arrived before their spans.
fn name_conversations(
    connection: &Connection,
    workspace: i64,
    spans: &[&NewSpan],
) -> Result<(), StorageError> {
    let mut statement = connection.prepare_cached(
        "UPDATE span_evaluations SET conversation_id = ?4 WHERE id IN (SELECT id FROM span_evaluations \
            WHERE workspace = ?1 AND trace_id = ?2 AND span_id = ?3 AND conversation_id = '' LIMIT ?5)",
    )?;
    let mut left = MAX_NAMED;
    for span in spans.iter().filter(|span| !span.conversation_id.is_empty()) {
        let changed = statement.execute(params![
            workspace,
            span.trace_id,
            span.span_id,
            cut(&span.conversation_id),
            left,
        ])?;
        left = left.saturating_sub(changed as u64);
    }
    Ok(())
}

/// Counts an evaluation of a span.
pub(super) fn count_evaluation(
    connection: &Connection,
    workspace: i64,
    trace_id: &str,
) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "UPDATE traces SET evaluation_count = evaluation_count + 1 WHERE workspace = ?1 AND trace_id = ?2",
        )?
        .execute(params![workspace, trace_id])?;
    Ok(())
}

impl Trace {
    fn add(&mut self, span: &NewSpan) {
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
fn cut(text: &str) -> String {
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

fn read(row: &Row<'_>) -> rusqlite::Result<Trace> {
    let names = |index| {
        let text: String = row.get(index)?;
        Ok::<_, rusqlite::Error>(serde_json::from_str(&text).unwrap_or_default())
    };
    Ok(Trace {
        root_span_id: row.get(0)?,
        root_span_name: row.get(1)?,
        start_time: row.get(2)?,
        end_time: row.get(3)?,
        service_name: row.get(4)?,
        environment: row.get(5)?,
        conversation_id: row.get(6)?,
        workflow_name: row.get(7)?,
        agent_id: row.get(8)?,
        agent_name: row.get(9)?,
        error_message: row.get(10)?,
        error_count: row.get(11)?,
        span_count: row.get(12)?,
        gen_ai_span_count: row.get(13)?,
        llm_call_count: row.get(14)?,
        tool_call_count: row.get(15)?,
        retrieval_count: row.get(16)?,
        evaluation_count: row.get(17)?,
        input_tokens: row.get(18)?,
        output_tokens: row.get(19)?,
        cache_read_input_tokens: row.get(20)?,
        cache_creation_input_tokens: row.get(21)?,
        models_used: names(22)?,
        tools_used: names(23)?,
        first_turn: [row.get(24)?, row.get(25)?],
        last_turn: [row.get(26)?, row.get(27)?],
        origins: row.get(28)?,
    })
}

fn write(
    connection: &Connection,
    workspace: i64,
    sender: Sender,
    arrived_at: i64,
    trace_id: &str,
    trace: &Trace,
) -> Result<(), StorageError> {
    let names =
        |names: &BTreeSet<String>| serde_json::Value::from_iter(names.iter().cloned()).to_string();
    connection
        .prepare_cached(
            "INSERT INTO traces (workspace, user_id, arrived_at, trace_id, root_span_id, root_span_name, start_time, end_time, \
                duration_ns, service_name, environment, conversation_id, workflow_name, agent_id, agent_name, \
                status_code, error_message, error_count, span_count, gen_ai_span_count, llm_call_count, \
                tool_call_count, retrieval_count, evaluation_count, input_tokens, output_tokens, \
                cache_read_input_tokens, cache_creation_input_tokens, models_used, tools_used, \
                first_turn_last_input_message, first_turn_last_output_message, last_turn_last_input_message, \
                last_turn_last_output_message, origins) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, \
                ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35) \
             ON CONFLICT (workspace, trace_id) DO UPDATE SET arrived_at = excluded.arrived_at, root_span_id = excluded.root_span_id, \
                root_span_name = excluded.root_span_name, start_time = excluded.start_time, \
                end_time = excluded.end_time, duration_ns = excluded.duration_ns, \
                service_name = excluded.service_name, environment = excluded.environment, \
                conversation_id = excluded.conversation_id, workflow_name = excluded.workflow_name, \
                agent_id = excluded.agent_id, agent_name = excluded.agent_name, status_code = excluded.status_code, \
                error_message = excluded.error_message, error_count = excluded.error_count, \
                span_count = excluded.span_count, gen_ai_span_count = excluded.gen_ai_span_count, \
                llm_call_count = excluded.llm_call_count, tool_call_count = excluded.tool_call_count, \
                retrieval_count = excluded.retrieval_count, input_tokens = excluded.input_tokens, \
                output_tokens = excluded.output_tokens, cache_read_input_tokens = excluded.cache_read_input_tokens, \
                cache_creation_input_tokens = excluded.cache_creation_input_tokens, \
                models_used = excluded.models_used, tools_used = excluded.tools_used, \
                first_turn_last_input_message = excluded.first_turn_last_input_message, \
                first_turn_last_output_message = excluded.first_turn_last_output_message, \
                last_turn_last_input_message = excluded.last_turn_last_input_message, \
                last_turn_last_output_message = excluded.last_turn_last_output_message, origins = excluded.origins",
        )?
        .execute(params![
            workspace,
            sender.user,
            arrived_at,
            trace_id,
            trace.root_span_id,
            trace.root_span_name,
            trace.start_time,
            trace.end_time,
            trace.end_time - trace.start_time,
            trace.service_name,
            trace.environment,
            trace.conversation_id,
            trace.workflow_name,
            trace.agent_id,
            trace.agent_name,
            if trace.error_count > 0 { "Error" } else { "Unset" },
            trace.error_message,
            trace.error_count,
            trace.span_count,
            trace.gen_ai_span_count,
            trace.llm_call_count,
            trace.tool_call_count,
            trace.retrieval_count,
            trace.evaluation_count,
            trace.input_tokens,
            trace.output_tokens,
            trace.cache_read_input_tokens,
            trace.cache_creation_input_tokens,
            names(&trace.models_used),
            names(&trace.tools_used),
            trace.first_turn[0],
            trace.first_turn[1],
            trace.last_turn[0],
            trace.last_turn[1],
            trace.origins,
        ])?;
    Ok(())
}
