-- Totals of everything that is visible, for the metrics. Triggers keep them in the transaction that changes what they count: the counts
-- of a dataset are part of its workspace's, and those of a workspace are part of the totals until it is discarded.
ALTER TABLE datasets ADD COLUMN completed_tasks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE datasets ADD COLUMN failed_tasks INTEGER NOT NULL DEFAULT 0;
UPDATE datasets SET
    completed_tasks = (SELECT count(*) FROM tasks WHERE dataset = datasets.id AND status = 'COMPLETED'),
    failed_tasks = (SELECT count(*) FROM tasks WHERE dataset = datasets.id AND status = 'FAILED')
WHERE task_count > 0;

ALTER TABLE workspaces ADD COLUMN record_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN task_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN completed_tasks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN failed_tasks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN stored_files INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE workspaces SET
    record_count = counted.records,
    task_count = counted.tasks,
    completed_tasks = counted.completed,
    failed_tasks = counted.failed
FROM (
    SELECT workspace, sum(record_count) records, sum(task_count) tasks, sum(completed_tasks) completed, sum(failed_tasks) failed
    FROM datasets WHERE deleted_at IS NULL GROUP BY workspace
) counted WHERE counted.workspace = workspaces.id;
UPDATE workspaces SET stored_files = counted.files, stored_bytes = counted.bytes
FROM (
    SELECT workspace, count(*) files, sum(bytes) bytes FROM files WHERE deleted_at IS NULL GROUP BY workspace
) counted WHERE counted.workspace = workspaces.id;

-- One row.
CREATE TABLE totals (
    dataset_count INTEGER NOT NULL,
    record_count INTEGER NOT NULL,
    task_count INTEGER NOT NULL,
    completed_tasks INTEGER NOT NULL,
    failed_tasks INTEGER NOT NULL,
    stored_files INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL
) STRICT;
INSERT INTO totals SELECT
    coalesce(sum(dataset_count), 0), coalesce(sum(record_count), 0), coalesce(sum(task_count), 0),
    coalesce(sum(completed_tasks), 0), coalesce(sum(failed_tasks), 0), coalesce(sum(stored_files), 0), coalesce(sum(stored_bytes), 0)
FROM workspaces WHERE discarded = 0;

CREATE INDEX waiting_imports ON imports (task) WHERE state = 'WAITING';

CREATE TRIGGER task_status_changed AFTER UPDATE OF status ON tasks WHEN NEW.status <> OLD.status BEGIN
    UPDATE datasets SET
        completed_tasks = completed_tasks + (NEW.status = 'COMPLETED') - (OLD.status = 'COMPLETED'),
        failed_tasks = failed_tasks + (NEW.status = 'FAILED') - (OLD.status = 'FAILED')
    WHERE id = NEW.dataset;
END;

CREATE TRIGGER dataset_counts_changed AFTER UPDATE OF record_count, task_count, completed_tasks, failed_tasks ON datasets
WHEN NEW.deleted_at IS NULL BEGIN
    UPDATE workspaces SET
        record_count = record_count + NEW.record_count - OLD.record_count,
        task_count = task_count + NEW.task_count - OLD.task_count,
        completed_tasks = completed_tasks + NEW.completed_tasks - OLD.completed_tasks,
        failed_tasks = failed_tasks + NEW.failed_tasks - OLD.failed_tasks
    WHERE id = NEW.workspace;
END;

CREATE TRIGGER dataset_deleted AFTER UPDATE OF deleted_at ON datasets
WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL BEGIN
    UPDATE workspaces SET
        record_count = record_count - OLD.record_count,
        task_count = task_count - OLD.task_count,
        completed_tasks = completed_tasks - OLD.completed_tasks,
        failed_tasks = failed_tasks - OLD.failed_tasks
    WHERE id = NEW.workspace;
END;

CREATE TRIGGER stored_file_added AFTER INSERT ON files WHEN NEW.deleted_at IS NULL BEGIN
    UPDATE workspaces SET stored_files = stored_files + 1, stored_bytes = stored_bytes + NEW.bytes WHERE id = NEW.workspace;
END;

CREATE TRIGGER stored_file_deleted AFTER UPDATE OF deleted_at ON files
WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL BEGIN
    UPDATE workspaces SET stored_files = stored_files - 1, stored_bytes = stored_bytes - OLD.bytes WHERE id = NEW.workspace;
END;

CREATE TRIGGER workspace_counts_changed
AFTER UPDATE OF dataset_count, record_count, task_count, completed_tasks, failed_tasks, stored_files, stored_bytes ON workspaces
WHEN NEW.discarded = 0 BEGIN
    UPDATE totals SET
        dataset_count = dataset_count + NEW.dataset_count - OLD.dataset_count,
        record_count = record_count + NEW.record_count - OLD.record_count,
        task_count = task_count + NEW.task_count - OLD.task_count,
        completed_tasks = completed_tasks + NEW.completed_tasks - OLD.completed_tasks,
        failed_tasks = failed_tasks + NEW.failed_tasks - OLD.failed_tasks,
        stored_files = stored_files + NEW.stored_files - OLD.stored_files,
        stored_bytes = stored_bytes + NEW.stored_bytes - OLD.stored_bytes;
END;

CREATE TRIGGER workspace_discarded AFTER UPDATE OF discarded ON workspaces
WHEN OLD.discarded = 0 AND NEW.discarded = 1 BEGIN
    UPDATE totals SET
        dataset_count = dataset_count - OLD.dataset_count,
        record_count = record_count - OLD.record_count,
        task_count = task_count - OLD.task_count,
        completed_tasks = completed_tasks - OLD.completed_tasks,
        failed_tasks = failed_tasks - OLD.failed_tasks,
        stored_files = stored_files - OLD.stored_files,
        stored_bytes = stored_bytes - OLD.stored_bytes;
END;
