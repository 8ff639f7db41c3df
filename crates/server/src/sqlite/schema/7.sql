-- Uploaded files are listed by their position in the workspace, newest first. Positions are assigned in order and never reused.
-- `file_count` is the number of files that are not deleted. Files that have expired count until they are deleted.
ALTER TABLE workspaces ADD COLUMN file_positions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN file_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN position INTEGER;
UPDATE files SET position = numbered.position FROM (
    SELECT id, row_number() OVER (PARTITION BY workspace ORDER BY id) - 1 AS position
    FROM files WHERE export = 0 AND deleted_at IS NULL
) AS numbered WHERE numbered.id = files.id;
UPDATE workspaces SET file_positions =
    (SELECT count(*) FROM files WHERE files.workspace = workspaces.id AND files.position IS NOT NULL);
UPDATE workspaces SET file_count = file_positions;

-- The number of deleted files per block of positions, like `gaps`.
CREATE TABLE file_gaps (
    workspace INTEGER NOT NULL,
    level INTEGER NOT NULL,
    block INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    PRIMARY KEY (workspace, level, block)
) STRICT, WITHOUT ROWID;

DROP INDEX live_files;
CREATE UNIQUE INDEX listed_files ON files (workspace, position) WHERE deleted_at IS NULL AND export = 0;
CREATE INDEX expired_files ON files (workspace, expires_at, position)
    WHERE deleted_at IS NULL AND export = 0 AND expires_at IS NOT NULL;

-- Triggers, because files are deleted in several ways.
CREATE TRIGGER file_added AFTER INSERT ON files WHEN NEW.export = 0 BEGIN
    UPDATE workspaces SET file_positions = file_positions + 1, file_count = file_count + 1 WHERE id = NEW.workspace;
    UPDATE files SET position = (SELECT file_positions - 1 FROM workspaces WHERE id = NEW.workspace) WHERE id = NEW.id;
END;
CREATE TRIGGER file_deleted AFTER UPDATE OF deleted_at ON files
WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL AND NEW.position IS NOT NULL BEGIN
    UPDATE workspaces SET file_count = file_count - 1 WHERE id = NEW.workspace;
    INSERT INTO file_gaps (workspace, level, block, lost)
    VALUES (NEW.workspace, 0, NEW.position >> 6, 1), (NEW.workspace, 1, NEW.position >> 12, 1),
        (NEW.workspace, 2, NEW.position >> 18, 1)
    ON CONFLICT DO UPDATE SET lost = lost + 1;
END;
CREATE TRIGGER workspace_removed AFTER DELETE ON workspaces BEGIN
    DELETE FROM file_gaps WHERE workspace = OLD.id;
END;
