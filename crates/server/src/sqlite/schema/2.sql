-- The digest of the seed that was inserted last.
ALTER TABLE workspaces ADD COLUMN seed BLOB;

-- Campaigns of a seed have the same id in every workspace, so ids are only unique within a workspace.
CREATE TABLE campaigns_2 (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    uuid BLOB NOT NULL,
    name TEXT NOT NULL
) STRICT;
INSERT INTO campaigns_2 SELECT id, workspace, uuid, name FROM campaigns;
CREATE TABLE campaign_events_2 (
    campaign INTEGER NOT NULL REFERENCES campaigns_2 (id),
    ordinal INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (campaign, ordinal)
) STRICT, WITHOUT ROWID;
INSERT INTO campaign_events_2 SELECT campaign, ordinal, event FROM campaign_events;
DROP TABLE campaign_events;
DROP TABLE campaigns;
ALTER TABLE campaigns_2 RENAME TO campaigns;
ALTER TABLE campaign_events_2 RENAME TO campaign_events;
CREATE UNIQUE INDEX campaigns_by_uuid ON campaigns (workspace, uuid);
