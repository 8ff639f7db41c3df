-- Conversations, events, judges and campaigns.
--
-- Text is compared and sorted by code point, with any collation of the database. Text of any length is indexed by its first 200
-- characters, because an entry of an index is limited to 2,700 bytes.

CREATE TABLE conversations (
    workspace bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    messages text COMPRESSION lz4 NOT NULL,
    PRIMARY KEY (workspace, name)
);

CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    -- The id of the event.
    name text COLLATE "C" NOT NULL,
    -- The row in `spans` that the event was made of. Its messages are stored there.
    span bigint,
    created_at bigint NOT NULL,
    correlation_id text COLLATE "C",
    model_name text COLLATE "C",
    total_time_elapsed double precision,
    input_tokens bigint,
    output_tokens bigint,
    nb_messages bigint NOT NULL,
    api_agent_id text COLLATE "C",
    invoked_tools text,
    -- JSON without U+0000, not even as an escape, so that `json` can read it.
    metadata text,
    first_system_message text COLLATE "C",
    last_user_message_preview text COLLATE "C",
    response_messages_preview text COLLATE "C",
    enabled_tools text,
    -- Fields of fixtures, and the answers of judges as `__judge_<id>`.
    extra_fields text NOT NULL,
    -- The answers in `extra_fields` as texts and numbers, by the id of the judge. `extra_fields` may contain what `jsonb` cannot.
    answers jsonb NOT NULL DEFAULT '{}',
    request_messages text COMPRESSION lz4,
    response_messages text COMPRESSION lz4
);
CREATE UNIQUE INDEX events_by_name ON events (workspace, name);
CREATE INDEX events_by_time ON events (workspace, created_at, id);
-- The name of a model may be longer than an entry of an index.
CREATE INDEX events_by_model ON events (workspace, left(model_name, 200), created_at, id);
CREATE INDEX events_by_span ON events (span) WHERE span IS NOT NULL;

-- A deleted judge keeps only its id and its times.
CREATE TABLE judges (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    uuid uuid NOT NULL UNIQUE,
    owner uuid NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    name text COLLATE "C" NOT NULL,
    folded_name text NOT NULL,
    model_name text NOT NULL,
    -- CLASSIFICATION or REGRESSION.
    output_type text NOT NULL,
    -- The whole definition, as JSON.
    definition text NOT NULL
);
CREATE UNIQUE INDEX judges_by_name ON judges (workspace, name) WHERE deleted_at IS NULL;
CREATE INDEX live_judges ON judges (workspace, id) WHERE deleted_at IS NULL;

-- Those without a judge are fixtures for imports, which the API does not show. Ids are only unique within a workspace, because those
-- of a seed are the same in each.
CREATE TABLE campaigns (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    uuid uuid NOT NULL,
    name text NOT NULL,
    owner uuid,
    created_at bigint,
    updated_at bigint,
    deleted_at bigint,
    folded_name text,
    description text,
    max_events bigint,
    -- The filter, as it was received.
    search_params text,
    judge uuid,
    -- The judge as it was when the campaign was created, as JSON.
    judge_copy text,
    -- RUNNING, COMPLETED or FAILED.
    status text,
    -- The server that runs the campaign, until when nobody else may take it (by the clock of the database), and how often it was
    -- claimed. A server whose epoch is not the current one has lost the campaign.
    claimant uuid,
    leased_until timestamptz,
    epoch bigint NOT NULL DEFAULT 0,
    -- How often the campaign was claimed since it last made progress.
    attempts bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX campaigns_by_uuid ON campaigns (workspace, uuid);
CREATE INDEX listed_campaigns ON campaigns (workspace, id) WHERE judge IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX campaigns_by_judge ON campaigns (workspace, judge) WHERE judge IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX running_campaigns ON campaigns (id) WHERE status = 'RUNNING' AND deleted_at IS NULL;
CREATE INDEX deleted_campaigns ON campaigns (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE campaign_events (
    campaign bigint NOT NULL,
    ordinal bigint NOT NULL,
    event text NOT NULL,
    -- WAITING, ANNOTATED or FAILED. Fixtures have none.
    state text,
    PRIMARY KEY (campaign, ordinal)
);
CREATE INDEX waiting_campaign_events ON campaign_events (campaign, ordinal) WHERE state = 'WAITING';

-- The judges whose answers events may have. They outlive their campaigns.
CREATE TABLE event_annotations (
    workspace bigint NOT NULL,
    judge uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    -- The possible answers as a JSON array of strings, or NULL if the answer is a number.
    options text,
    PRIMARY KEY (workspace, judge)
);

-- `jsonb` cannot contain U+0000, which is read as U+FFFD here as in all other text. An escape is one only after an even number of
-- backslashes.
CREATE FUNCTION json_of(document text) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN strpos(document, '\u0000') = 0 THEN document::jsonb
    ELSE regexp_replace(document, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::jsonb END;
