-- Ids that the API shows are UUIDs. Times are microseconds since the Unix epoch, in telemetry nanoseconds. JSON is `text`, because
-- `json` and `jsonb` do not keep it as it was received. `folded_` columns have folded case, for searching. There are few foreign
-- keys: each one locks the row it refers to, and rows are removed by housekeeping in the order that they depend on each other.

CREATE TABLE settings (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

-- Resetting a workspace marks its row as discarded. The next write creates a new row with the same UUID. The content of discarded
-- workspaces is removed in the background.
CREATE TABLE workspaces (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid uuid NOT NULL,
    discarded boolean NOT NULL DEFAULT false,
    dataset_count bigint NOT NULL DEFAULT 0,
    -- When an import of the workspace was last claimed. Workspaces take turns.
    import_claimed_at bigint NOT NULL DEFAULT 0,
    -- The digest of the seed that was inserted last.
    seed bytea
);
CREATE UNIQUE INDEX current_workspaces ON workspaces (uuid) WHERE NOT discarded;
CREATE INDEX discarded_workspaces ON workspaces (id) WHERE discarded;

CREATE TABLE datasets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace bigint NOT NULL,
    uuid uuid NOT NULL UNIQUE,
    owner uuid NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    name text NOT NULL,
    description text NOT NULL,
    slug text NOT NULL,
    folded_name text NOT NULL,
    folded_description text NOT NULL,
    record_count bigint NOT NULL DEFAULT 0,
    task_count bigint NOT NULL DEFAULT 0,
    -- Changes whenever the records change, so that an export can be reused until then.
    revision bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX datasets_by_slug ON datasets (workspace, slug);
CREATE INDEX live_datasets ON datasets (workspace, id) WHERE deleted_at IS NULL;
CREATE INDEX deleted_datasets ON datasets (id) WHERE deleted_at IS NOT NULL AND name <> '';

-- The records of a dataset are stored in runs. Positions in a run start at 0. Records are ordered by the ordinal of their run, then
-- by position. A run without an ordinal is staged: an import fills it invisibly, and publishes it by assigning the next ordinal.
CREATE TABLE runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset bigint NOT NULL,
    ordinal bigint,
    size bigint NOT NULL DEFAULT 0,
    live bigint NOT NULL DEFAULT 0,
    abandoned boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX runs_in_order ON runs (dataset, ordinal);
CREATE INDEX abandoned_runs ON runs (id) WHERE abandoned;

-- The key consists of the id of the run (upper 32 bits) and the position (lower 32 bits), so a page is one range of the table.
CREATE TABLE records (
    key bigint PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    source text NOT NULL,
    properties text COMPRESSION lz4 NOT NULL,
    payload text COMPRESSION lz4 NOT NULL
);

-- The number of deleted records per block of positions. Blocks without deletions have no row. A block of level 0 has 64 positions;
-- a block of a higher level has 64 blocks of the level below.
CREATE TABLE gaps (
    run bigint NOT NULL,
    level smallint NOT NULL,
    block bigint NOT NULL,
    lost bigint NOT NULL,
    PRIMARY KEY (run, level, block)
);

-- Returns the key of the nth live record of a run, counted from 0. The run must have more than n live records. Like all STABLE
-- functions, it reads from the snapshot of the query that calls it. `storage/positions.rs` explains the algorithm.
CREATE FUNCTION nth_key(run_id bigint, n bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    -- The range of blocks to search, and the number of deletions before it.
    first_block bigint := 0;
    last_block bigint := 4294967295;
    lost_before bigint := 0;
    live_before bigint;
    containing bigint;
    bits integer;
    gap record;
BEGIN
    FOR searched_level IN REVERSE 2..0 LOOP
        bits := 6 * (searched_level + 1);
        containing := NULL;
        FOR gap IN
            SELECT block, lost FROM gaps
            WHERE run = run_id AND level = searched_level AND block BETWEEN first_block AND last_block
            ORDER BY block
        LOOP
            live_before := (gap.block << bits) - lost_before;
            EXIT WHEN live_before > n;
            IF live_before + (1::bigint << bits) - gap.lost > n THEN
                containing := gap.block;
                EXIT;
            END IF;
            lost_before := lost_before + gap.lost;
        END LOOP;
        IF containing IS NULL THEN
            -- The block of the record has no deletions: only earlier ones shift its position.
            RETURN (run_id << 32) | (n + lost_before);
        END IF;
        IF searched_level > 0 THEN
            first_block := containing << 6;
            last_block := first_block + 63;
        END IF;
    END LOOP;
    first_block := containing << 6;
    RETURN (
        SELECT key FROM records WHERE key >= ((run_id << 32) | first_block)
        ORDER BY key LIMIT 1 OFFSET n - (first_block - lost_before)
    );
END
$$;

-- Returns where a window of the records of a dataset is: for each run that contains some of them, in their order, the key of the
-- first one and the number of records from there on. All runs but the last one are read to their end.
CREATE FUNCTION record_ranges(dataset_id bigint, skipped bigint, wanted bigint)
RETURNS TABLE (first_key bigint, amount bigint) LANGUAGE plpgsql STABLE ROWS 1 AS $$
DECLARE
    run record;
BEGIN
    FOR run IN
        SELECT id, size, live FROM runs WHERE dataset = dataset_id AND ordinal IS NOT NULL ORDER BY ordinal
    LOOP
        EXIT WHEN wanted <= 0;
        IF skipped >= run.live THEN
            skipped := skipped - run.live;
            CONTINUE;
        END IF;
        IF skipped = 0 OR run.live = run.size THEN
            first_key := (run.id << 32) | skipped;
        ELSE
            first_key := nth_key(run.id, skipped);
        END IF;
        amount := least(wanted, run.live - skipped);
        RETURN NEXT;
        wanted := wanted - amount;
        skipped := 0;
    END LOOP;
END
$$;

-- The tasks of a dataset are numbered from 1. They are only deleted together with it, so the numbers have no gaps.
CREATE TABLE tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid uuid NOT NULL UNIQUE,
    dataset bigint NOT NULL,
    number bigint NOT NULL,
    creator uuid NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    status text NOT NULL,
    progress smallint NOT NULL,
    message text,
    requested bigint,
    imported bigint,
    skipped bigint,
    -- The run that the task stages records in, if any.
    run bigint
);
CREATE UNIQUE INDEX tasks_in_order ON tasks (dataset, number);
-- For the metrics. There are few of these; the other tasks of a dataset are completed.
CREATE INDEX unsuccessful_tasks ON tasks (status, dataset) WHERE status <> 'COMPLETED';

-- The imports of running tasks: what each one reads, and how far it has come. The row is removed when the task ends, or in the
-- background if it has ids.
CREATE TABLE imports (
    task bigint PRIMARY KEY,
    workspace bigint NOT NULL,
    -- WAITING, HELD (until a fault rule decides what happens), RUNNING, STUCK (by a fault rule) or ENDED.
    state text NOT NULL,
    -- The server that holds or runs the import, until when nobody else may take it (by the clock of the database), and how often it
    -- was claimed. A server whose epoch is not the current one has lost the import.
    claimant uuid,
    leased_until timestamptz,
    epoch bigint NOT NULL DEFAULT 0,
    -- How often the import was claimed since it last staged records.
    attempts bigint NOT NULL DEFAULT 0,
    -- FILE, EVENTS, CONVERSATIONS, RECORDS or SPANS.
    source text NOT NULL,
    file uuid,
    -- The number of ids in `import_ids`.
    ids bigint NOT NULL DEFAULT 0,
    -- The number of requested records that are not imported.
    skipped bigint NOT NULL,
    -- Where the staged records end: the byte and the line of the file, or the number of ids.
    position bigint NOT NULL DEFAULT 0,
    line bigint NOT NULL DEFAULT 0,
    -- What imports from spans copy, as JSON.
    mapping text
    -- With room for a further version of a row in its page, so that storing the progress of an import changes no index.
) WITH (fillfactor = 50);
CREATE INDEX imports_by_workspace ON imports (workspace);
CREATE INDEX unfinished_imports ON imports (task) WHERE state <> 'ENDED';
CREATE INDEX ended_imports ON imports (task) WHERE state = 'ENDED';
CREATE INDEX imports_by_file ON imports (file) WHERE file IS NOT NULL;

-- The ids that an import reads, in blocks. `first` is the number of ids before the block. Ids of records are UUIDs of 16 bytes each,
-- others a JSON array of strings.
CREATE TABLE import_ids (
    task bigint NOT NULL,
    first bigint NOT NULL,
    ids bytea NOT NULL,
    PRIMARY KEY (task, first)
);

-- Uploaded files are listed by their position in the workspace, newest first. Positions are assigned in order and never reused. They
-- are not the ids of the rows, because PostgreSQL would then sometimes read the files of all workspaces in the order of the primary
-- key. A page at an offset is found by skipping entries of the index, which takes about 15 ms for 100,000 of them.
CREATE TABLE files (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- -1 for a content that was removed because it belonged to no file. The row, which is erased, keeps a file from being added later.
    workspace bigint NOT NULL,
    uuid uuid NOT NULL UNIQUE,
    export boolean NOT NULL,
    position bigint,
    created_at bigint NOT NULL,
    expires_at bigint,
    deleted_at bigint,
    name text NOT NULL,
    folded_name text NOT NULL,
    bytes bigint NOT NULL,
    purpose text NOT NULL,
    mimetype text,
    visibility text NOT NULL,
    lines bigint,
    signature text NOT NULL,
    -- The UUID of the dataset that an export was made of, and its revision.
    dataset uuid,
    revision bigint,
    -- Whether the content of a deleted file is removed. Only its id and its times are left then.
    erased boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX listed_files ON files (workspace, position) INCLUDE (expires_at) WHERE deleted_at IS NULL AND NOT export;
CREATE INDEX expired_files ON files (workspace, expires_at) WHERE deleted_at IS NULL AND NOT export AND expires_at IS NOT NULL;
CREATE INDEX expiring_files ON files (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX uploaded_files ON files (created_at) WHERE deleted_at IS NULL AND NOT export;
CREATE INDEX exports_by_dataset ON files (dataset, revision) WHERE dataset IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX files_by_workspace ON files (workspace, erased);
CREATE INDEX discarded_files ON files (id) WHERE deleted_at IS NOT NULL AND NOT erased;
CREATE INDEX erased_files ON files (deleted_at) WHERE erased;

-- The files of a workspace that are not deleted. Files that have expired count until they are deleted. These rows are locked after
-- those of files, so that expired files of several workspaces can be deleted without locking the workspaces.
CREATE TABLE file_totals (
    workspace bigint PRIMARY KEY,
    -- The last position that was assigned.
    position bigint NOT NULL DEFAULT 0,
    -- The number of uploaded files.
    listed bigint NOT NULL,
    -- The number of uploaded files and exports, and their size.
    stored bigint NOT NULL,
    bytes bigint NOT NULL
);
