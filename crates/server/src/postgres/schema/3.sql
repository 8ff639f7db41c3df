-- Telemetry. Times are nanoseconds since the Unix epoch; `arrived_at` is in microseconds.
--
-- Text is compared and sorted by code point, with any collation of the database. Text of any length is indexed by its first 200
-- characters, because an entry of an index is limited to 2,700 bytes. Indexes that listings use end with the id, which orders what has
-- the same time.

CREATE TABLE spans (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    user_id uuid NOT NULL,
    arrived_at bigint NOT NULL,
    trace_id text COLLATE "C" NOT NULL,
    span_id text COLLATE "C" NOT NULL,
    parent_span_id text COLLATE "C" NOT NULL,
    trace_state text COLLATE "C" NOT NULL,
    start_time bigint NOT NULL,
    end_time bigint NOT NULL,
    duration_ns bigint NOT NULL,
    span_name text COLLATE "C" NOT NULL,
    span_kind text COLLATE "C" NOT NULL,
    service_name text COLLATE "C" NOT NULL,
    status_code text COLLATE "C" NOT NULL,
    status_message text COLLATE "C" NOT NULL,
    error_type text COLLATE "C" NOT NULL,
    operation_name text COLLATE "C" NOT NULL,
    provider_name text COLLATE "C" NOT NULL,
    request_model text COLLATE "C" NOT NULL,
    response_model text COLLATE "C" NOT NULL,
    response_id text COLLATE "C" NOT NULL,
    output_type text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    data_source_id text COLLATE "C" NOT NULL,
    agent_id text COLLATE "C" NOT NULL,
    agent_name text COLLATE "C" NOT NULL,
    agent_version text COLLATE "C" NOT NULL,
    agent_description text COLLATE "C" NOT NULL,
    workflow_name text COLLATE "C" NOT NULL,
    prompt_name text COLLATE "C" NOT NULL,
    tool_name text COLLATE "C" NOT NULL,
    tool_type text COLLATE "C" NOT NULL,
    tool_call_id text COLLATE "C" NOT NULL,
    request_choice_count bigint NOT NULL,
    request_max_tokens bigint NOT NULL,
    request_temperature double precision,
    request_top_p double precision,
    request_top_k double precision,
    request_presence_penalty double precision,
    request_frequency_penalty double precision,
    request_seed bigint NOT NULL,
    request_stop_sequences text COLLATE "C" NOT NULL,
    request_encoding_formats text COLLATE "C" NOT NULL,
    response_finish_reasons text COLLATE "C" NOT NULL,
    usage_input_tokens bigint NOT NULL,
    usage_output_tokens bigint NOT NULL,
    usage_cache_read_input_tokens bigint NOT NULL,
    usage_cache_creation_input_tokens bigint NOT NULL,
    scope_name text COLLATE "C" NOT NULL,
    scope_version text COLLATE "C" NOT NULL,
    -- Large columns come last.
    tool_call_arguments text COMPRESSION lz4 COLLATE "C" NOT NULL,
    tool_call_result text COMPRESSION lz4 COLLATE "C" NOT NULL,
    tool_definitions text COMPRESSION lz4 COLLATE "C" NOT NULL,
    system_instructions text COMPRESSION lz4 COLLATE "C" NOT NULL,
    input_messages text COMPRESSION lz4 COLLATE "C" NOT NULL,
    output_messages text COMPRESSION lz4 COLLATE "C" NOT NULL,
    resource_attributes text COMPRESSION lz4 COLLATE "C" NOT NULL,
    span_attributes text COMPRESSION lz4 COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX spans_by_trace ON spans (workspace, trace_id, span_id);
CREATE INDEX spans_by_time ON spans (workspace, start_time, id);
CREATE INDEX spans_by_arrival ON spans (arrived_at, id);
-- Most spans are not calls of a model.
CREATE INDEX spans_by_model ON spans (workspace, left(request_model, 200), start_time, id) WHERE request_model <> '';
CREATE INDEX spans_by_operation ON spans (workspace, left(operation_name, 200), start_time, id) WHERE operation_name <> '';
CREATE INDEX spans_by_conversation ON spans (workspace, left(conversation_id, 200), start_time, id) WHERE conversation_id <> '';

-- A row is created by the first span of a trace and updated by each batch. No index contains what usually changes, and pages have
-- free space, so that an update does not touch the indexes. A trace is deleted with its last span.
CREATE TABLE traces (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    user_id uuid NOT NULL,
    arrived_at bigint NOT NULL,
    trace_id text COLLATE "C" NOT NULL,
    root_span_id text COLLATE "C" NOT NULL DEFAULT '',
    root_span_name text COLLATE "C" NOT NULL DEFAULT '',
    start_time bigint NOT NULL DEFAULT 0,
    end_time bigint NOT NULL DEFAULT 0,
    duration_ns bigint NOT NULL DEFAULT 0,
    service_name text COLLATE "C" NOT NULL DEFAULT '',
    environment text COLLATE "C" NOT NULL DEFAULT '',
    conversation_id text COLLATE "C" NOT NULL DEFAULT '',
    workflow_name text COLLATE "C" NOT NULL DEFAULT '',
    agent_id text COLLATE "C" NOT NULL DEFAULT '',
    agent_name text COLLATE "C" NOT NULL DEFAULT '',
    status_code text COLLATE "C" NOT NULL DEFAULT '',
    -- The status message of the failed span that started first.
    error_message text COLLATE "C" NOT NULL DEFAULT '',
    error_count bigint NOT NULL DEFAULT 0,
    span_count bigint NOT NULL DEFAULT 0,
    gen_ai_span_count bigint NOT NULL DEFAULT 0,
    llm_call_count bigint NOT NULL DEFAULT 0,
    tool_call_count bigint NOT NULL DEFAULT 0,
    retrieval_count bigint NOT NULL DEFAULT 0,
    evaluation_count bigint NOT NULL DEFAULT 0,
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cache_read_input_tokens bigint NOT NULL DEFAULT 0,
    cache_creation_input_tokens bigint NOT NULL DEFAULT 0,
    models_used text COLLATE "C" NOT NULL DEFAULT '[]',
    tools_used text COLLATE "C" NOT NULL DEFAULT '[]',
    first_turn_last_input_message text COMPRESSION lz4 COLLATE "C" NOT NULL DEFAULT '',
    first_turn_last_output_message text COMPRESSION lz4 COLLATE "C" NOT NULL DEFAULT '',
    last_turn_last_input_message text COMPRESSION lz4 COLLATE "C" NOT NULL DEFAULT '',
    last_turn_last_output_message text COMPRESSION lz4 COLLATE "C" NOT NULL DEFAULT '',
    -- Which spans the columns were taken from; see `trace_origins.rs`.
    origins bytea NOT NULL DEFAULT ''
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX traces_by_trace ON traces (workspace, trace_id);
CREATE INDEX traces_by_time ON traces (workspace, start_time, id);

CREATE TABLE logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    user_id uuid NOT NULL,
    arrived_at bigint NOT NULL,
    timestamp bigint NOT NULL,
    trace_id text COLLATE "C" NOT NULL,
    span_id text COLLATE "C" NOT NULL,
    trace_flags bigint NOT NULL,
    severity_text text COLLATE "C" NOT NULL,
    severity_number bigint NOT NULL,
    service_name text COLLATE "C" NOT NULL,
    event_name text COLLATE "C" NOT NULL,
    resource_schema_url text COLLATE "C" NOT NULL,
    scope_schema_url text COLLATE "C" NOT NULL,
    scope_name text COLLATE "C" NOT NULL,
    scope_version text COLLATE "C" NOT NULL,
    body text COMPRESSION lz4 COLLATE "C" NOT NULL,
    resource_attributes text COMPRESSION lz4 COLLATE "C" NOT NULL,
    scope_attributes text COMPRESSION lz4 COLLATE "C" NOT NULL,
    log_attributes text COMPRESSION lz4 COLLATE "C" NOT NULL
);
CREATE INDEX logs_by_arrival ON logs (arrived_at);
CREATE INDEX logs_by_time ON logs (workspace, timestamp, id);
CREATE INDEX logs_by_trace ON logs (workspace, trace_id, timestamp, id) WHERE trace_id <> '';

CREATE TABLE span_evaluations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    user_id uuid NOT NULL,
    arrived_at bigint NOT NULL,
    trace_id text COLLATE "C" NOT NULL,
    span_id text COLLATE "C" NOT NULL,
    response_id text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    timestamp bigint NOT NULL,
    evaluation_name text COLLATE "C" NOT NULL,
    score_value double precision NOT NULL,
    score_label text COLLATE "C" NOT NULL,
    explanation text COMPRESSION lz4 COLLATE "C" NOT NULL,
    metadata text COMPRESSION lz4 COLLATE "C" NOT NULL
);
CREATE INDEX span_evaluations_by_arrival ON span_evaluations (arrived_at);
CREATE INDEX span_evaluations_by_time ON span_evaluations (workspace, timestamp, id);
CREATE INDEX span_evaluations_by_span
    ON span_evaluations (workspace, trace_id, span_id, left(evaluation_name, 200), timestamp, id);

-- The number that a text is, which white space may surround, or NULL. It never fails: a number that is too large is NULL, and one that
-- is too small is 0. Texts that are longer than any sensible number are NULL, too.
CREATE FUNCTION number_of(value text) RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    number text;
    size numeric;
BEGIN
    IF value ~ '^[+-]?[0-9]{1,15}$' THEN
        RETURN value::double precision;
    END IF;
    IF length(value) > 400 THEN
        RETURN NULL;
    END IF;
    number := btrim(value, E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000');
    IF number !~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?0*[0-9]{1,4})?$' THEN
        RETURN NULL;
    END IF;
    size := abs(number::numeric);
    RETURN CASE WHEN size >= 1.797693134862315807e308 THEN NULL
        WHEN size <= 2.4703282292062328e-324 THEN 0
        ELSE number::double precision END;
END
$$;
