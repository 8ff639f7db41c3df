-- The imports of running tasks: what each one reads, and how far it has come. The row is removed when the task ends, or in the
-- background if it has ids.
CREATE TABLE imports (
    task INTEGER PRIMARY KEY REFERENCES tasks (id),
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    -- WAITING, HELD (until a fault rule decides what happens), RUNNING, STUCK (by a fault rule) or ENDED.
    state TEXT NOT NULL,
    -- The server that holds or runs the import.
    claimant BLOB,
    -- How often the import was claimed since it last staged records.
    attempts INTEGER NOT NULL DEFAULT 0,
    -- FILE, EVENTS, CONVERSATIONS or RECORDS.
    source TEXT NOT NULL,
    file BLOB,
    -- The number of ids in `import_ids`.
    ids INTEGER NOT NULL DEFAULT 0,
    -- The number of requested records that are not imported.
    skipped INTEGER NOT NULL,
    -- Where the staged records end: the byte and the line of the file, or the number of ids.
    position INTEGER NOT NULL DEFAULT 0,
    line INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX imports_by_workspace ON imports (workspace, state, claimant);
CREATE INDEX imports_by_file ON imports (file) WHERE file IS NOT NULL;
CREATE INDEX stuck_imports ON imports (task) WHERE state = 'STUCK';
CREATE INDEX ended_imports ON imports (task) WHERE state = 'ENDED';

-- The ids that an import reads, in blocks. `first` is the number of ids before the block. Ids of records are UUIDs of 16 bytes each,
-- others a JSON array of strings.
CREATE TABLE import_ids (
    task INTEGER NOT NULL REFERENCES tasks (id),
    first INTEGER NOT NULL,
    ids BLOB NOT NULL,
    PRIMARY KEY (task, first)
) STRICT, WITHOUT ROWID;

-- When an import of the workspace was last claimed. Workspaces take turns.
ALTER TABLE workspaces ADD COLUMN import_claimed_at INTEGER NOT NULL DEFAULT 0;

-- Earlier versions did not store what an import reads, so what they left unfinished cannot be resumed.
UPDATE runs SET abandoned = 1 WHERE id IN (SELECT run FROM tasks WHERE status = 'RUNNING' AND run IS NOT NULL);
UPDATE tasks SET status = 'FAILED', run = NULL, updated_at = updated_at + 1,
    message = 'the server was stopped during the import; nothing was imported, start the import again'
WHERE status = 'RUNNING';
