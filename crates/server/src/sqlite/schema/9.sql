-- Telemetry. Columns are named like the fields of the API. Text is '' and numbers are 0 where the API has no null. Times of spans and
-- logs are nanoseconds since the Unix epoch; `arrived_at` is microseconds.

-- Attributes whose text is the same as that of their column are left out of `span_attributes`: `gen_ai.input.messages`,
-- `gen_ai.output.messages`, `gen_ai.system_instructions`, `gen_ai.tool.definitions`, `gen_ai.tool.call.arguments` and
-- `gen_ai.tool.call.result`.
CREATE TABLE spans (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    user_id BLOB NOT NULL,
    arrived_at INTEGER NOT NULL,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_span_id TEXT NOT NULL,
    trace_state TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    span_name TEXT NOT NULL,
    span_kind TEXT NOT NULL,
    service_name TEXT NOT NULL,
    status_code TEXT NOT NULL,
    status_message TEXT NOT NULL,
    error_type TEXT NOT NULL,
    operation_name TEXT NOT NULL,
    provider_name TEXT NOT NULL,
    request_model TEXT NOT NULL,
    response_model TEXT NOT NULL,
    response_id TEXT NOT NULL,
    output_type TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    data_source_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    agent_description TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    prompt_name TEXT NOT NULL,
    tool_name TEXT NOT NULL,
    tool_type TEXT NOT NULL,
    tool_call_id TEXT NOT NULL,
    request_choice_count INTEGER NOT NULL,
    request_max_tokens INTEGER NOT NULL,
    request_temperature REAL,
    request_top_p REAL,
    request_top_k REAL,
    request_presence_penalty REAL,
    request_frequency_penalty REAL,
    request_seed INTEGER NOT NULL,
    request_stop_sequences TEXT NOT NULL,
    request_encoding_formats TEXT NOT NULL,
    response_finish_reasons TEXT NOT NULL,
    usage_input_tokens INTEGER NOT NULL,
    usage_output_tokens INTEGER NOT NULL,
    usage_cache_read_input_tokens INTEGER NOT NULL,
    usage_cache_creation_input_tokens INTEGER NOT NULL,
    scope_name TEXT NOT NULL,
    scope_version TEXT NOT NULL,
    -- Large columns come last.
    tool_call_arguments TEXT NOT NULL,
    tool_call_result TEXT NOT NULL,
    tool_definitions TEXT NOT NULL,
    system_instructions TEXT NOT NULL,
    input_messages TEXT NOT NULL,
    output_messages TEXT NOT NULL,
    resource_attributes TEXT NOT NULL,
    span_attributes TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX spans_by_trace ON spans (workspace, trace_id, span_id);
CREATE INDEX spans_by_time ON spans (workspace, start_time);
CREATE INDEX spans_by_model ON spans (workspace, request_model, start_time);
CREATE INDEX spans_by_operation ON spans (workspace, operation_name, start_time);
CREATE INDEX spans_by_arrival ON spans (arrived_at);
CREATE INDEX spans_by_conversation ON spans (workspace, conversation_id, start_time);

-- Summaries of traces, updated in the transaction that inserts their spans.
CREATE TABLE traces (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    user_id BLOB NOT NULL,
    arrived_at INTEGER NOT NULL,
    trace_id TEXT NOT NULL,
    root_span_id TEXT NOT NULL,
    root_span_name TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    service_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    status_code TEXT NOT NULL,
    -- The status message of the failed span that started first.
    error_message TEXT NOT NULL,
    error_count INTEGER NOT NULL,
    span_count INTEGER NOT NULL,
    gen_ai_span_count INTEGER NOT NULL,
    llm_call_count INTEGER NOT NULL,
    tool_call_count INTEGER NOT NULL,
    retrieval_count INTEGER NOT NULL,
    evaluation_count INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_input_tokens INTEGER NOT NULL,
    cache_creation_input_tokens INTEGER NOT NULL,
    models_used TEXT NOT NULL,
    tools_used TEXT NOT NULL,
    first_turn_last_input_message TEXT NOT NULL,
    first_turn_last_output_message TEXT NOT NULL,
    last_turn_last_input_message TEXT NOT NULL,
    last_turn_last_output_message TEXT NOT NULL,
    -- Which spans the columns were taken from; see `traces.rs`.
    origins BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX traces_by_trace ON traces (workspace, trace_id);
CREATE INDEX traces_by_time ON traces (workspace, start_time);
CREATE INDEX traces_by_arrival ON traces (arrived_at);

CREATE TABLE logs (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    user_id BLOB NOT NULL,
    arrived_at INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    trace_flags INTEGER NOT NULL,
    severity_text TEXT NOT NULL,
    severity_number INTEGER NOT NULL,
    service_name TEXT NOT NULL,
    event_name TEXT NOT NULL,
    resource_schema_url TEXT NOT NULL,
    scope_schema_url TEXT NOT NULL,
    scope_name TEXT NOT NULL,
    scope_version TEXT NOT NULL,
    body TEXT NOT NULL,
    resource_attributes TEXT NOT NULL,
    scope_attributes TEXT NOT NULL,
    log_attributes TEXT NOT NULL
) STRICT;
CREATE INDEX logs_by_arrival ON logs (arrived_at);
CREATE INDEX logs_by_time ON logs (workspace, timestamp);
CREATE INDEX logs_by_trace ON logs (workspace, trace_id, timestamp) WHERE trace_id <> '';

CREATE TABLE span_evaluations (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    user_id BLOB NOT NULL,
    arrived_at INTEGER NOT NULL,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    response_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    evaluation_name TEXT NOT NULL,
    score_value REAL NOT NULL,
    score_label TEXT NOT NULL,
    explanation TEXT NOT NULL,
    metadata TEXT NOT NULL
) STRICT;
CREATE INDEX span_evaluations_by_arrival ON span_evaluations (arrived_at);
CREATE INDEX span_evaluations_by_time ON span_evaluations (workspace, timestamp);
CREATE INDEX span_evaluations_by_span ON span_evaluations (workspace, trace_id, span_id, evaluation_name, timestamp);

-- A chat completion event is a fixture or a span. The messages of a span are read from its row; those of a fixture are here. A value
-- that an event does not have is NULL. Arrays and objects are JSON.
CREATE TABLE events_2 (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    -- The id of the event.
    name TEXT NOT NULL,
    span INTEGER REFERENCES spans (id),
    created_at INTEGER NOT NULL,
    correlation_id TEXT,
    model_name TEXT,
    total_time_elapsed REAL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    nb_messages INTEGER NOT NULL,
    api_agent_id TEXT,
    invoked_tools TEXT,
    metadata TEXT,
    first_system_message TEXT,
    last_user_message_preview TEXT,
    response_messages_preview TEXT,
    enabled_tools TEXT,
    -- Fields of fixtures, and the answers of judges as `__judge_<id>`.
    extra_fields TEXT NOT NULL,
    request_messages TEXT,
    response_messages TEXT
) STRICT;
-- Earlier versions did not store when a fixture was inserted.
INSERT INTO events_2 (id, workspace, name, created_at, correlation_id, model_name, nb_messages, invoked_tools, enabled_tools,
    extra_fields, request_messages, response_messages)
SELECT rowid, workspace, name, 0,
    CASE json_type(extra_fields, '$.correlation_id') WHEN 'text' THEN json_extract(extra_fields, '$.correlation_id') END,
    CASE json_type(extra_fields, '$.model_name') WHEN 'text' THEN json_extract(extra_fields, '$.model_name') END,
    json_array_length(request_messages) + json_array_length(response_messages), '[]', '[]',
    extra_fields, request_messages, response_messages
FROM events;
DROP TABLE events;
ALTER TABLE events_2 RENAME TO events;
CREATE UNIQUE INDEX events_by_name ON events (workspace, name);
CREATE INDEX events_by_time ON events (workspace, created_at);
CREATE INDEX events_by_model ON events (workspace, model_name, created_at);
CREATE INDEX events_by_span ON events (span) WHERE span IS NOT NULL;
