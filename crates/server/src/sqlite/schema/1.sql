-- Ids that others see are uuids, as 16 bytes; times are microseconds since 1970; payloads and the like are JSON text as it
-- came. Counts are columns, kept in the transaction that changes what they count.

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Emptying a workspace gives its uuid a new row and marks the old one, whose belongings are then removed bit by bit.
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
    -- Name and description as they are searched.
    folded_name TEXT NOT NULL,
    folded_description TEXT NOT NULL,
    record_count INTEGER NOT NULL DEFAULT 0,
    task_count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX datasets_by_slug ON datasets (workspace, slug);
CREATE INDEX live_datasets ON datasets (workspace, id) WHERE deleted_at IS NULL;

-- A dataset's records lie in runs. A run hands out positions from 0 on; the order of a dataset is that of its runs, and
-- within a run that of the positions. A run without an ordinal is staged: an import fills it out of sight, and publishes
-- it by giving it the next ordinal.
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

-- The key is the run's id and the position in it, so a page is one stretch of the table. The large columns come last.
CREATE TABLE records (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    properties TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;

-- Deleted records lie apart, so that reading live ones never passes over them.
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

-- How many positions of a run's block have lost their record; blocks without a loss have no row. A block of level 0 has 64
-- positions, one of each further level 64 of the level below.
CREATE TABLE gaps (
    run INTEGER NOT NULL,
    level INTEGER NOT NULL,
    block INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    PRIMARY KEY (run, level, block)
) STRICT, WITHOUT ROWID;

-- The tasks of a dataset are numbered from 1 and never deleted one by one.
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
    -- The run it stages records in, while it has one.
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
