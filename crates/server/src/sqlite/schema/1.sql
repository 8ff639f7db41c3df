-- Public ids are UUIDs (16 bytes). Times are microseconds since the Unix epoch. Payloads, properties and messages are JSON, stored
-- as received. Counts are columns, updated in the same transaction as the rows they count.

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Resetting a workspace marks its row as discarded. The next write creates a new row with the same UUID. The content of discarded
-- workspaces is removed in the background.
CREATE TABLE workspaces (
    id INTEGER PRIMARY KEY,
    uuid BLOB NOT NULL,
    discarded INTEGER NOT NULL DEFAULT 0,
    dataset_count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX current_workspaces ON workspaces (uuid) WHERE discarded = 0;
CREATE INDEX discarded_workspaces ON workspaces (id) WHERE discarded = 1;

CREATE TABLE datasets (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    uuid BLOB NOT NULL UNIQUE,
    owner BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    slug TEXT NOT NULL,
    -- Name and description with folded case, for searching.
    folded_name TEXT NOT NULL,
    folded_description TEXT NOT NULL,
    record_count INTEGER NOT NULL DEFAULT 0,
    task_count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX datasets_by_slug ON datasets (workspace, slug);
CREATE INDEX live_datasets ON datasets (workspace, id) WHERE deleted_at IS NULL;

-- The records of a dataset are stored in runs. Positions in a run start at 0. Records are ordered by the ordinal of their run, then
-- by position. A run without an ordinal is staged: an import fills it invisibly, and publishes it by assigning the next ordinal.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    dataset INTEGER NOT NULL REFERENCES datasets (id),
    ordinal INTEGER,
    size INTEGER NOT NULL DEFAULT 0,
    live INTEGER NOT NULL DEFAULT 0,
    abandoned INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX runs_in_order ON runs (dataset, ordinal);
CREATE INDEX abandoned_runs ON runs (id) WHERE abandoned = 1;

-- The key consists of the id of the run (upper 32 bits) and the position (lower 32 bits), so a page is one range of the table. Large
-- columns come last.
CREATE TABLE records (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    properties TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;

-- Deleted records are stored separately, so that reading live ones never skips over them.
CREATE TABLE deleted_records (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    properties TEXT NOT NULL,
    payload TEXT NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT;

-- The number of deleted records per block of positions. Blocks without deletions have no row. A block of level 0 has 64 positions;
-- a block of a higher level has 64 blocks of the level below.
CREATE TABLE gaps (
    run INTEGER NOT NULL,
    level INTEGER NOT NULL,
    block INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    PRIMARY KEY (run, level, block)
) STRICT, WITHOUT ROWID;

-- The tasks of a dataset are numbered from 1. They are only deleted together with it, so the numbers have no gaps.
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    uuid BLOB NOT NULL UNIQUE,
    dataset INTEGER NOT NULL REFERENCES datasets (id),
    number INTEGER NOT NULL,
    creator BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    progress INTEGER NOT NULL,
    message TEXT,
    requested INTEGER,
    imported INTEGER,
    skipped INTEGER,
    -- The run that the task stages records in, if any.
    run INTEGER
) STRICT;
CREATE UNIQUE INDEX tasks_in_order ON tasks (dataset, number);
CREATE INDEX running_tasks ON tasks (id) WHERE status = 'RUNNING';

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    uuid BLOB NOT NULL UNIQUE,
    export INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    deleted_at INTEGER,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    mimetype TEXT,
    visibility TEXT NOT NULL,
    lines INTEGER,
    signature TEXT NOT NULL
) STRICT;
CREATE INDEX live_files ON files (workspace, id) WHERE deleted_at IS NULL AND export = 0;
CREATE INDEX expiring_files ON files (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;

CREATE TABLE events (
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    request_messages TEXT NOT NULL,
    response_messages TEXT NOT NULL,
    extra_fields TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_name ON events (workspace, name);

CREATE TABLE conversations (
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    name TEXT NOT NULL,
    messages TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX conversations_by_name ON conversations (workspace, name);

CREATE TABLE campaigns (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    uuid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL
) STRICT;
CREATE INDEX campaigns_by_workspace ON campaigns (workspace);

CREATE TABLE campaign_events (
    campaign INTEGER NOT NULL REFERENCES campaigns (id),
    ordinal INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (campaign, ordinal)
) STRICT, WITHOUT ROWID;
