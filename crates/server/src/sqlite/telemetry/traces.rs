//! Updates the summaries of traces.
//!
//! A summary is updated from the spans that arrive, without reading the earlier ones, so that a long trace does not become slower with
//! each batch. The root is the first span without a parent, or the first span while there is none. (Before its parent arrives, a span is
//! not known to be the root of anything; in a complete trace, this is the root.)

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::storage::{NewSpan, Sender, StorageError};

/// The summary of a trace. Fields are named like the columns.
#[derive(Default)]
struct Trace {
    root_span_id: String,
    root_span_name: String,
    root_has_parent: bool,
    root_start_time: i64,
    start_time: i64,
    end_time: i64,
    service_name: String,
    environment: String,
    conversation_id: String,
    workflow_name: String,
    agent_id: String,
    agent_name: String,
    error_message: String,
    error_time: i64,
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
    models_used: Vec<String>,
    tools_used: Vec<String>,
    first_turn_time: i64,
    last_turn_time: i64,
    first_turn: [String; 2],
    last_turn: [String; 2],
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
            "SELECT root_span_id, root_span_name, root_has_parent, root_start_time, start_time, end_time, service_name, \
                environment, conversation_id, workflow_name, agent_id, agent_name, error_message, error_time, error_count, \
                span_count, gen_ai_span_count, llm_call_count, tool_call_count, retrieval_count, evaluation_count, input_tokens, \
                output_tokens, cache_read_input_tokens, cache_creation_input_tokens, models_used, tools_used, first_turn_time, \
                last_turn_time, first_turn_last_input_message, first_turn_last_output_message, \
                last_turn_last_input_message, last_turn_last_output_message \
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
    write(connection, workspace, sender, arrived_at, trace_id, &trace)
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
        let is_first = self.span_count == 0;
        let has_parent = !span.parent_span_id.is_empty();
        let order = (has_parent, span.start_time);
        if is_first || order < (self.root_has_parent, self.root_start_time) {
            self.root_span_id.clone_from(&span.span_id);
            self.root_span_name.clone_from(&span.span_name);
            (self.root_has_parent, self.root_start_time) = order;
            // What the root does not have is taken from the other spans.
            for (own, new) in self.shared(span) {
                if !new.is_empty() {
                    own.clone_from(new);
                }
            }
        }
        for (own, new) in self.shared(span) {
            if own.is_empty() {
                own.clone_from(new);
            }
        }
        if is_first || span.start_time < self.start_time {
            self.start_time = span.start_time;
        }
        self.end_time = self.end_time.max(span.end_time);
        if span.status_code == "Error" {
            if self.error_count == 0 || span.start_time < self.error_time {
                self.error_message.clone_from(&span.status_message);
                self.error_time = span.start_time;
            }
            self.error_count += 1;
        }
        self.span_count += 1;
        self.gen_ai_span_count += i64::from(!span.operation_name.is_empty());
        self.retrieval_count += i64::from(span.operation_name == "retrieval");
        if span.operation_name == "execute_tool" {
            self.tool_call_count += 1;
            add_distinct(&mut self.tools_used, &span.tool_name);
        }
        self.add_turn(span);
    }

    /// Adds a call of a language model.
    fn add_turn(&mut self, span: &NewSpan) {
        let Some(turn) = &span.turn else { return };
        let is_first = self.llm_call_count == 0;
        self.llm_call_count += 1;
        let add = |sum: &mut i64, tokens: i64| *sum = sum.saturating_add(tokens);
        add(&mut self.input_tokens, span.usage_input_tokens);
        add(&mut self.output_tokens, span.usage_output_tokens);
        add(&mut self.cache_read_input_tokens, span.usage_cache_read_input_tokens);
        add(&mut self.cache_creation_input_tokens, span.usage_cache_creation_input_tokens);
        let response_model = Some(&span.response_model).filter(|model| !model.is_empty());
        add_distinct(&mut self.models_used, response_model.unwrap_or(&span.request_model));
        let texts = || [turn.last_input.clone(), turn.last_output.clone()];
        if is_first || span.start_time < self.first_turn_time {
            (self.first_turn_time, self.first_turn) = (span.start_time, texts());
        }
        if is_first || span.start_time >= self.last_turn_time {
            (self.last_turn_time, self.last_turn) = (span.start_time, texts());
        }
    }

    /// Returns the fields that a trace has in common with a span, each with that of the span.
    fn shared<'a>(&'a mut self, span: &'a NewSpan) -> [(&'a mut String, &'a String); 6] {
        [
            (&mut self.service_name, &span.service_name),
            (&mut self.environment, &span.environment),
            (&mut self.conversation_id, &span.conversation_id),
            (&mut self.workflow_name, &span.workflow_name),
            (&mut self.agent_id, &span.agent_id),
            (&mut self.agent_name, &span.agent_name),
        ]
    }
}

/// The most models or tools of a trace.
const MAX_NAMES: usize = 1000;

fn add_distinct(names: &mut Vec<String>, name: &String) {
    if !name.is_empty() && !names.contains(name) && names.len() < MAX_NAMES {
        names.push(name.clone());
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
        root_has_parent: row.get(2)?,
        root_start_time: row.get(3)?,
        start_time: row.get(4)?,
        end_time: row.get(5)?,
        service_name: row.get(6)?,
        environment: row.get(7)?,
        conversation_id: row.get(8)?,
        workflow_name: row.get(9)?,
        agent_id: row.get(10)?,
        agent_name: row.get(11)?,
        error_message: row.get(12)?,
        error_time: row.get(13)?,
        error_count: row.get(14)?,
        span_count: row.get(15)?,
        gen_ai_span_count: row.get(16)?,
        llm_call_count: row.get(17)?,
        tool_call_count: row.get(18)?,
        retrieval_count: row.get(19)?,
        evaluation_count: row.get(20)?,
        input_tokens: row.get(21)?,
        output_tokens: row.get(22)?,
        cache_read_input_tokens: row.get(23)?,
        cache_creation_input_tokens: row.get(24)?,
        models_used: names(25)?,
        tools_used: names(26)?,
        first_turn_time: row.get(27)?,
        last_turn_time: row.get(28)?,
        first_turn: [row.get(29)?, row.get(30)?],
        last_turn: [row.get(31)?, row.get(32)?],
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
    let names = |names: &[String]| serde_json::Value::from(names).to_string();
    connection
        .prepare_cached(
            "INSERT INTO traces (workspace, user_id, arrived_at, trace_id, root_span_id, root_span_name, root_has_parent, \
                root_start_time, start_time, end_time, duration_ns, service_name, environment, conversation_id, workflow_name, \
                agent_id, agent_name, status_code, error_message, error_time, error_count, span_count, gen_ai_span_count, \
                llm_call_count, tool_call_count, retrieval_count, evaluation_count, input_tokens, output_tokens, \
                cache_read_input_tokens, cache_creation_input_tokens, models_used, tools_used, first_turn_time, last_turn_time, \
                first_turn_last_input_message, first_turn_last_output_message, last_turn_last_input_message, \
                last_turn_last_output_message) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, \
                ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39) \
             ON CONFLICT (workspace, trace_id) DO UPDATE SET arrived_at = excluded.arrived_at, \
                root_span_id = excluded.root_span_id, root_span_name = excluded.root_span_name, \
                root_has_parent = excluded.root_has_parent, root_start_time = excluded.root_start_time, \
                start_time = excluded.start_time, end_time = excluded.end_time, duration_ns = excluded.duration_ns, \
                service_name = excluded.service_name, environment = excluded.environment, \
                conversation_id = excluded.conversation_id, workflow_name = excluded.workflow_name, \
                agent_id = excluded.agent_id, agent_name = excluded.agent_name, status_code = excluded.status_code, \
                error_message = excluded.error_message, error_time = excluded.error_time, error_count = excluded.error_count, \
                span_count = excluded.span_count, gen_ai_span_count = excluded.gen_ai_span_count, \
                llm_call_count = excluded.llm_call_count, tool_call_count = excluded.tool_call_count, \
                retrieval_count = excluded.retrieval_count, input_tokens = excluded.input_tokens, \
                output_tokens = excluded.output_tokens, cache_read_input_tokens = excluded.cache_read_input_tokens, \
                cache_creation_input_tokens = excluded.cache_creation_input_tokens, models_used = excluded.models_used, \
                tools_used = excluded.tools_used, first_turn_time = excluded.first_turn_time, \
                last_turn_time = excluded.last_turn_time, \
                first_turn_last_input_message = excluded.first_turn_last_input_message, \
                first_turn_last_output_message = excluded.first_turn_last_output_message, \
                last_turn_last_input_message = excluded.last_turn_last_input_message, \
                last_turn_last_output_message = excluded.last_turn_last_output_message",
        )?
        .execute(params![
            workspace,
            sender.user,
            arrived_at,
            trace_id,
            trace.root_span_id,
            trace.root_span_name,
            trace.root_has_parent,
            trace.root_start_time,
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
            trace.error_time,
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
            trace.first_turn_time,
            trace.last_turn_time,
            trace.first_turn[0],
            trace.first_turn[1],
            trace.last_turn[0],
            trace.last_turn[1],
        ])?;
    Ok(())
}
