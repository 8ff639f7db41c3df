-- Campaigns. Those without a judge are fixtures for imports, which the API does not show.
ALTER TABLE campaigns ADD COLUMN owner BLOB;
ALTER TABLE campaigns ADD COLUMN created_at INTEGER;
ALTER TABLE campaigns ADD COLUMN updated_at INTEGER;
ALTER TABLE campaigns ADD COLUMN deleted_at INTEGER;
ALTER TABLE campaigns ADD COLUMN folded_name TEXT;
ALTER TABLE campaigns ADD COLUMN description TEXT;
ALTER TABLE campaigns ADD COLUMN max_events INTEGER;
-- The filter, as it was received.
ALTER TABLE campaigns ADD COLUMN search_params TEXT;
ALTER TABLE campaigns ADD COLUMN judge BLOB;
-- The judge as it was when the campaign was created, as JSON.
ALTER TABLE campaigns ADD COLUMN judge_copy TEXT;
-- RUNNING, COMPLETED or FAILED.
ALTER TABLE campaigns ADD COLUMN status TEXT;
-- The server that runs the campaign, and how often it was claimed since it last made progress.
ALTER TABLE campaigns ADD COLUMN claimant BLOB;
ALTER TABLE campaigns ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
CREATE INDEX listed_campaigns ON campaigns (workspace, id) WHERE judge IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX campaigns_by_judge ON campaigns (workspace, judge) WHERE judge IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX running_campaigns ON campaigns (id) WHERE status = 'RUNNING' AND deleted_at IS NULL;
CREATE INDEX deleted_campaigns ON campaigns (id) WHERE deleted_at IS NOT NULL;

-- WAITING, ANNOTATED or FAILED. Fixtures have none.
ALTER TABLE campaign_events ADD COLUMN state TEXT;
CREATE INDEX waiting_campaign_events ON campaign_events (campaign, ordinal) WHERE state = 'WAITING';

-- The judges whose answers events may have. They outlive their campaigns.
CREATE TABLE event_annotations (
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    judge BLOB NOT NULL,
    name TEXT NOT NULL,
    -- The possible answers as a JSON array of strings, or NULL if the answer is a number.
    options TEXT,
    PRIMARY KEY (workspace, judge)
) STRICT, WITHOUT ROWID;

-- What imports from spans copy, as JSON.
ALTER TABLE imports ADD COLUMN mapping TEXT;
