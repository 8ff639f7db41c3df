-- Telemetry. Times are nanoseconds since the Unix epoch; `arrived_at` is in microseconds.

CREATE TABLE spans (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    user_id uuid NOT NULL,
    arrived_at bigint NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    parent_span_id text NOT NULL,
    trace_state text NOT NULL,
    start_time bigint NOT NULL,
    end_time bigint NOT NULL,
    duration_ns bigint NOT NULL,
    span_name text NOT NULL,
    span_kind text NOT NULL,
    service_name text NOT NULL,
    status_code text NOT NULL,
    status_message text NOT NULL,
    error_type text NOT NULL,
    operation_name text NOT NULL,
    provider_name text NOT NULL,
    request_model text NOT NULL,
    response_model text NOT NULL,
    response_id text NOT NULL,
    output_type text NOT NULL,
    conversation_id text NOT NULL,
    data_source_id text NOT NULL,
    agent_id text NOT NULL,
    agent_name text NOT NULL,
    agent_version text NOT NULL,
    agent_description text NOT NULL,
    workflow_name text NOT NULL,
    prompt_name text NOT NULL,
    tool_name text NOT NULL,
    tool_type text NOT NULL,
    tool_call_id text NOT NULL,
    request_choice_count bigint NOT NULL,
    request_max_tokens bigint NOT NULL,
    request_temperature double precision,
    request_top_p double precision,
    request_top_k double precision,
    request_presence_penalty double precision,
    request_frequency_penalty double precision,
    request_seed bigint NOT NULL,
    request_stop_sequences text NOT NULL,
    request_encoding_formats text NOT NULL,
    response_finish_reasons text NOT NULL,
    usage_input_tokens bigint NOT NULL,
    usage_output_tokens bigint NOT NULL,
    usage_cache_read_input_tokens bigint NOT NULL,
    usage_cache_creation_input_tokens bigint NOT NULL,
    scope_name text NOT NULL,
    scope_version text NOT NULL,
    -- Large columns come last.
    tool_call_arguments text COMPRESSION lz4 NOT NULL,
    tool_call_result text COMPRESSION lz4 NOT NULL,
    tool_definitions text COMPRESSION lz4 NOT NULL,
    system_instructions text COMPRESSION lz4 NOT NULL,
    input_messages text COMPRESSION lz4 NOT NULL,
    output_messages text COMPRESSION lz4 NOT NULL,
    resource_attributes text COMPRESSION lz4 NOT NULL,
    span_attributes text COMPRESSION lz4 NOT NULL
);
CREATE UNIQUE INDEX spans_by_trace ON spans (workspace, trace_id, span_id);
CREATE INDEX spans_by_time ON spans (workspace, start_time);
CREATE INDEX spans_by_model ON spans (workspace, request_model, start_time);
CREATE INDEX spans_by_operation ON spans (workspace, operation_name, start_time);
CREATE INDEX spans_by_arrival ON spans (arrived_at);
CREATE INDEX spans_by_conversation ON spans (workspace, conversation_id, start_time);

CREATE TABLE traces (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    user_id uuid NOT NULL,
    arrived_at bigint NOT NULL,
    trace_id text NOT NULL,
    root_span_id text NOT NULL,
    root_span_name text NOT NULL,
    start_time bigint NOT NULL,
    end_time bigint NOT NULL,
    duration_ns bigint NOT NULL,
    service_name text NOT NULL,
    environment text NOT NULL,
    conversation_id text NOT NULL,
    workflow_name text NOT NULL,
    agent_id text NOT NULL,
    agent_name text NOT NULL,
    status_code text NOT NULL,
    -- The status message of the failed span that started first.
    error_message text NOT NULL,
    error_count bigint NOT NULL,
    span_count bigint NOT NULL,
    gen_ai_span_count bigint NOT NULL,
    llm_call_count bigint NOT NULL,
    tool_call_count bigint NOT NULL,
    retrieval_count bigint NOT NULL,
    evaluation_count bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cache_read_input_tokens bigint NOT NULL,
    cache_creation_input_tokens bigint NOT NULL,
    models_used text NOT NULL,
    tools_used text NOT NULL,
    first_turn_last_input_message text NOT NULL,
    first_turn_last_output_message text NOT NULL,
    last_turn_last_input_message text NOT NULL,
    last_turn_last_output_message text NOT NULL,
    -- Which spans the columns were taken from; see `traces.rs`.
    origins bytea NOT NULL
);
CREATE UNIQUE INDEX traces_by_trace ON traces (workspace, trace_id);
CREATE INDEX traces_by_time ON traces (workspace, start_time);
CREATE INDEX traces_by_arrival ON traces (arrived_at);

CREATE TABLE logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    user_id uuid NOT NULL,
    arrived_at bigint NOT NULL,
    timestamp bigint NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    trace_flags bigint NOT NULL,
    severity_text text NOT NULL,
    severity_number bigint NOT NULL,
    service_name text NOT NULL,
    event_name text NOT NULL,
    resource_schema_url text NOT NULL,
    scope_schema_url text NOT NULL,
    scope_name text NOT NULL,
    scope_version text NOT NULL,
    body text COMPRESSION lz4 NOT NULL,
    resource_attributes text COMPRESSION lz4 NOT NULL,
    scope_attributes text COMPRESSION lz4 NOT NULL,
    log_attributes text COMPRESSION lz4 NOT NULL
);
CREATE INDEX logs_by_arrival ON logs (arrived_at);
CREATE INDEX logs_by_time ON logs (workspace, timestamp);
CREATE INDEX logs_by_trace ON logs (workspace, trace_id, timestamp) WHERE trace_id <> '';

CREATE TABLE span_evaluations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    user_id uuid NOT NULL,
    arrived_at bigint NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    response_id text NOT NULL,
    conversation_id text NOT NULL,
    timestamp bigint NOT NULL,
    evaluation_name text NOT NULL,
    score_value double precision NOT NULL,
    score_label text NOT NULL,
    explanation text COMPRESSION lz4 NOT NULL,
    metadata text COMPRESSION lz4 NOT NULL
);
CREATE INDEX span_evaluations_by_arrival ON span_evaluations (arrived_at);
CREATE INDEX span_evaluations_by_time ON span_evaluations (workspace, timestamp);
CREATE INDEX span_evaluations_by_span ON span_evaluations (workspace, trace_id, span_id, evaluation_name, timestamp);
