-- Changes whenever the records of a dataset change, so that an export can be reused until then.
ALTER TABLE datasets ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- The UUID of the dataset that an export was made of, and its revision. Exports of earlier versions have none and are never reused.
ALTER TABLE files ADD COLUMN dataset BLOB;
ALTER TABLE files ADD COLUMN revision INTEGER;
CREATE INDEX exports_by_dataset ON files (dataset, revision) WHERE dataset IS NOT NULL AND deleted_at IS NULL;

-- 1 once the content of a deleted file is removed. Only its id and its times are left then.
ALTER TABLE files ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
CREATE INDEX stored_files ON files (workspace) WHERE erased = 0;
CREATE INDEX discarded_files ON files (id) WHERE deleted_at IS NOT NULL AND erased = 0;
CREATE INDEX erased_files ON files (deleted_at) WHERE erased = 1;

-- Deleted datasets whose name and tasks have to be removed.
CREATE INDEX deleted_datasets ON datasets (id) WHERE deleted_at IS NOT NULL AND name <> '';

-- Nothing remains of a deleted record.
DROP TABLE deleted_records;
