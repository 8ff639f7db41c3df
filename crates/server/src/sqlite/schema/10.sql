-- Judges. A deleted judge keeps only its id and its times.
CREATE TABLE judges (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    uuid BLOB NOT NULL UNIQUE,
    owner BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    model_name TEXT NOT NULL,
    -- CLASSIFICATION or REGRESSION.
    output_type TEXT NOT NULL,
    -- The whole definition, as JSON.
    definition TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX judges_by_name ON judges (workspace, name) WHERE deleted_at IS NULL;
CREATE INDEX live_judges ON judges (workspace, id) WHERE deleted_at IS NULL;
